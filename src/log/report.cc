#include "forelog/report.h"

#include "base/text.h"
#include "forelog/maintain.h"

namespace forelog {

using base::concat;

std::string_view to_string(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::clean: return "clean";
    case Verdict::torn_tail: return "torn_tail";
    case Verdict::rot: return "rot";
  }
  return "unknown";
}

std::string_view to_string(SegmentState state) noexcept {
  switch (state) {
    case SegmentState::active: return "active";
    case SegmentState::sealed: return "sealed";
    case SegmentState::ended: return "ended";
  }
  return "unknown";
}

std::string Damage::to_string() const {
  std::string text = concat(file, ": at offset ", offset, ", ", bytes, " bytes: ", what);
  if (first_lsn == Lsn()) {
    text += "; no record is known to be lost with it";
  } else if (first_lsn == last_lsn) {
    text += concat("; LSN ", first_lsn.value, " is lost");
  } else {
    text += concat("; LSN ", first_lsn.value, " to ", last_lsn.value, " are lost");
  }
  if (accepted) text += " (declared lost by an earlier salvage)";
  return text;
}

std::string RecoveryReport::to_string() const {
  std::string text;
  if (created) {
    text += "new log\n";
  } else if (last_lsn < first_lsn) {
    text += concat("no records; the next LSN is ", last_lsn.next().value, "\n");
  } else {
    text += concat("records: LSN ", first_lsn.value, " to ", last_lsn.value,
                   "; known to be synced: ", proven_synced.value, "\n");
  }
  switch (verdict) {
    case Verdict::clean:
      text += closed_cleanly ? "clean: closed by its writer\n" : "clean\n";
      break;
    case Verdict::torn_tail:
      text += concat("torn tail: ", torn_file, ": at offset ", torn_offset, ", ", torn_bytes,
                     " bytes behind LSN ", last_lsn.value,
                     " that nothing shows to have been synced: torn by a crash\n");
      break;
    case Verdict::rot: text += "rot: bytes that had been synced do not verify\n"; break;
  }
  for (const Damage& each : damage) text += concat("  ", each.to_string(), "\n");
  for (const std::string& name : quarantined) text += concat("  copied to ", name, "\n");
  for (const std::string& note : notes) text += concat("  note: ", note, "\n");
  return text;
}

}  // namespace forelog
