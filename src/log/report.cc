#include "forelog/report.h"

#include <algorithm>

#include "base/text.h"
#include "forelog/maintain.h"

namespace forelog {

using base::concat;
using base::plural;

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
  std::string text =
      concat(file, ": at offset ", offset, ", ", bytes, " ", plural(bytes, "byte"), ": ", what);
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

namespace {

// Whether damage took every record from `lsn` to `last`.
bool all_lost(const std::vector<Damage>& damage, Lsn lsn, Lsn last) {
  while (lsn <= last) {
    const auto taker = std::find_if(damage.begin(), damage.end(), [&](const Damage& each) {
      return each.first_lsn <= lsn && lsn <= each.last_lsn;
    });
    if (taker == damage.end()) return false;
    lsn = taker->last_lsn.next();
  }
  return true;
}

std::string records_line(const RecoveryReport& report) {
  if (report.created) return "new log";
  const Lsn last = std::max(report.last_lsn, report.proven_synced);
  if (last < report.first_lsn) {
    if (report.verdict == Verdict::rot) {
      return "no record is readable; nothing tells which ones had been synced";
    }
    return concat("no records; the next LSN is ", report.last_lsn.next().value);
  }
  const std::string synced =
      concat("; LSN ", report.first_lsn.value, " to ", last.value, " had been synced");
  if (all_lost(report.damage, report.first_lsn, last)) {
    return concat("no record is readable", synced, "; the next LSN is ", last.next().value);
  }
  if (report.last_lsn < report.first_lsn) return "no record before the damage" + synced;
  return concat("records: LSN ", report.first_lsn.value, " to ", report.last_lsn.value,
                "; known to be synced: ", report.proven_synced.value);
}

}  // namespace

std::string RecoveryReport::to_string() const {
  std::string text = records_line(*this) + "\n";
  switch (verdict) {
    case Verdict::clean:
      text += closed_cleanly ? "clean: closed by its writer\n" : "clean\n";
      break;
    case Verdict::torn_tail:
      text += concat("torn tail: ", torn_file, ": at offset ", torn_offset, ", ", torn_bytes, " ",
                     plural(torn_bytes, "byte"), " behind LSN ", last_lsn.value,
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
