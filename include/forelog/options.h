// Options of a log and of its readers. Every limit has a unit, a default that suits most users, and
// is checked when something is written, so that what was written can always be read back.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>

#include "forelog/bytes.h"
#include "forelog/lsn.h"
#include "forelog/report.h"

namespace forelog {

class FileSystem;  // file_system.h

enum class RecoveryPolicy : std::uint8_t {
  strict,     // Repairs a torn tail, refuses rot (Code::corrupt). The default.
  read_only,  // Never changes a byte and takes no lock; beside a live writer, follows it.
  salvage,    // Keeps what verifies, reports every hole, and goes on. Only at a person's word.
};

enum class WhenFull : std::uint8_t {
  wait,    // append() waits until the buffer has room.
  report,  // append() returns busy at once; nothing was added.
};

struct Options {
  bool create_if_missing = true;
  RecoveryPolicy recovery = RecoveryPolicy::strict;

  // Soft size of a segment file: a frame that is larger than a segment gets one for itself.
  // 64 KiB to 4 GiB.
  std::uint64_t segment_bytes = 64 * MiB;
  std::uint64_t record_bytes_max = 16 * MiB;  // Larger appends: invalid_argument. At most 1 GiB.
  std::uint64_t batch_bytes_max = 64 * MiB;   // Sum of a batch's records. At most 1 GiB.

  // Memory for records that are not yet written. At least one record fits, whatever its size. What
  // stays in the processor's cache until it is written is written faster.
  std::uint64_t buffer_bytes_max = 4 * MiB;
  WhenFull when_buffer_full = WhenFull::wait;

  // Records appended and never waited for are written (not synced) at the latest after this.
  std::chrono::milliseconds write_behind{1000};

  // How long a thread that is about to sync may wait for others whose records are on their way.
  // Adaptive below this bound, and not at all when it is alone. 0: never.
  std::chrono::microseconds group_commit_delay_max{200};

  // Write around the page cache what is synced at once, where that turns out to be faster and no one
  // follows the log. Where readers come later but soon, false keeps what they read in memory.
  bool direct_writes = true;

  // Prepare the next segment in the background: blocks reserved and, at moderate rates, written.
  bool preallocate = true;

  ProgressCallback on_progress = {};  // Of recovery.
  FileSystem* file_system = nullptr;  // nullptr: posix_file_system(). Must outlive the log.
};

struct ReadOptions {
  Lsn from = {};                             // Lsn{}: the first record that is kept.
  std::optional<Lsn> to = {};                // Inclusive; nullopt: to the end.
  Durability at_least = Durability::synced;  // Never show what a crash may retract.
  bool skip_holes = false;                   // Step over what does not verify; see Cursor::holes.
  std::stop_token stop = {};                 // Ends a waiting tail.
};

}  // namespace forelog
