// What recovery found and did, as data: for programs that decide, and for people who read it at
// night. Implements docs/recovery.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "forelog/export.h"
#include "forelog/lsn.h"

namespace forelog {

enum class Verdict : std::uint8_t {
  clean = 0,      // Every byte up to the end verifies, and only zeros follow.
  torn_tail = 1,  // What follows the end was never acknowledged as synced: a crash tore it.
  rot = 2,        // Bytes that had been synced do not verify, or are missing.
};
FORELOG_EXPORT std::string_view to_string(Verdict verdict) noexcept;

// A stretch of a log that does not verify.
struct Damage {
  std::string file;          // Name within the log's directory.
  std::uint64_t offset = 0;  // In bytes, in that file.
  std::uint64_t bytes = 0;   // Up to the next thing that verifies, or the end of the file.
  // The records that are lost with it, as far as its neighbours tell; both zero when none are.
  Lsn first_lsn, last_lsn;
  std::string what;       // "frame checksum does not match", "segment is missing", …
  bool accepted = false;  // An earlier salvage declared it lost; reads step over it on request.

  FORELOG_EXPORT std::string to_string() const;  // One line, with all of the above.
};

struct RecoveryReport {
  Verdict verdict = Verdict::clean;
  bool created = false;         // There was no log; this open made one.
  bool closed_cleanly = false;  // The last writer called close(), and nothing came behind it.

  // Records that a writer keeps: first_lsn … last_lsn; empty when last_lsn < first_lsn.
  Lsn first_lsn{1}, last_lsn;
  // Everything up to here had been synced: the highest watermark that any witness carries.
  Lsn proven_synced;

  std::uint64_t segments = 0;
  std::uint64_t bytes_scanned = 0;  // Of the last segment.
  std::uint64_t torn_bytes = 0;     // From the end to the last byte that is not zero.
  std::uint64_t torn_offset = 0;    // Where the end is, in torn_file.
  std::string torn_file;
  std::vector<Damage> damage;            // With rot; and what an earlier salvage accepted.
  std::vector<std::string> quarantined;  // Copies of cut or damaged bytes, below the directory.
  std::vector<std::string> notes;        // Left-overs removed, witnesses missing, and the like.
  std::chrono::nanoseconds duration{0};

  // Several lines of text for a person: the verdict, where, and what can be done.
  FORELOG_EXPORT std::string to_string() const;
};

struct Progress {
  std::string_view phase;  // "scan", "verify", "salvage".
  std::uint64_t bytes_done = 0;
  std::uint64_t bytes_total = 0;
};
// Called from the thread that does the work, a few times a second at most.
using ProgressCallback = std::function<void(const Progress&)>;

}  // namespace forelog
