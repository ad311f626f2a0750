// Snapshots: whole states on disk, each as of one LSN, so that recovery replays only what came behind
// it and the log may drop what came before. recover() brings a state back; checkpoint() makes a
// snapshot. Durable (durable.h) does both by itself. Implements docs/snapshots.md and, for the bytes,
// docs/format.md, "Snapshots".
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "forelog/compression.h"
#include "forelog/export.h"
#include "forelog/log.h"
#include "forelog/lsn.h"
#include "forelog/report.h"
#include "forelog/state_machine.h"
#include "forelog/status.h"

namespace forelog {

// Which snapshots are compressed as they are made.
enum class CompressNew : std::uint8_t {
  all,        // All of them.
  none,       // The codec is for reading alone.
  as_newest,  // As the newest that is there; the first one is not.
};

struct SnapshotOptions {
  bool create_if_missing = true;
  // Takes no lock and changes nothing: to read beside the process that makes snapshots.
  bool read_only = false;

  // What kind of state this is: up to 32 of [A-Za-z0-9._/-], empty for "any". It is stored in each
  // snapshot, and one of another kind is refused, so that no state loads what is not its own.
  std::string kind = {};
  std::size_t keep = 2;  // How many snapshots are kept: the newest ones. At least 1.

  // How to read what it compressed, and how to compress new ones. Without it, what is compressed is
  // `unsupported`. For zstd: &zstd() (zstd.h).
  const Compression* compression = nullptr;
  CompressNew compress_new = CompressNew::all;  // Where there is a compression.
  // Keep room on the disk for the next snapshot, of the last one's size and a quarter: a full disk must
  // not keep away the checkpoint that would free it.
  bool reserve = true;
  std::uint64_t bytes_per_second_max =
      0;  // Of writing one, for the sake of the log's syncs; 0: none.

  FileSystem* file_system = nullptr;  // nullptr: posix_file_system(). Must outlive the snapshots.
};

struct SnapshotInfo {
  Lsn lsn;           // Holds the effect of this record and of all before it.
  std::string file;  // Name within the directory.
  std::uint64_t bytes = 0;
  Timestamp time;           // When it was begun, by the clock of then.
  std::string kind;         // As in SnapshotOptions.
  std::string log_id;       // As Log::id().
  std::string compression;  // Empty: none.
};

// A directory of snapshots of one log's state. A log has one such directory: two would share the holder
// "snapshots", and let go of what the other needs.
// Threading: every method may be called from any thread, but for moves and destruction.
class FORELOG_EXPORT Snapshots {
 public:
  // Removes what a crash left half written. Errors: busy (another process makes snapshots here),
  // not_found, invalid_argument (options), io_error.
  static Result<Snapshots> open(const std::filesystem::path& dir, SnapshotOptions options = {});
  Snapshots(Snapshots&&) noexcept;
  Snapshots& operator=(Snapshots&&) noexcept;
  ~Snapshots();

  // Newest first, by name and header alone. What has a damaged header, or is no file, is in `damaged`, if
  // asked for. Other names are passed over.
  Result<std::vector<SnapshotInfo>> list(std::vector<Damage>* damaged = nullptr) const;
  // Reads and checks every byte. Errors: not_found, corrupt (file and offset), unsupported, io_error.
  Status verify(Lsn lsn) const;

  struct FORELOG_HIDDEN Impl;
  Impl& impl() const noexcept { return *impl_; }  // For recover() and checkpoint().

 private:
  explicit Snapshots(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

struct ReplayProgress {
  Lsn lsn, last;              // Applied so far; where replay ends.
  std::uint64_t records = 0;  // Applied.
  std::uint64_t bytes = 0;    // Of their payloads.
  double records_per_second = 0;
  std::chrono::nanoseconds left{0};  // At this rate, by LSNs.
};

struct RecoverOptions {
  // Called from the caller's thread, a few times a second.
  std::function<void(const ReplayProgress&)> on_progress = {};
  // Threads that apply, where the state has independent_keys(); 0: as many as processors. One more
  // reads ahead in any case where there is more than one processor.
  std::size_t threads = 0;
  std::stop_token stop = {};  // Ends with Code::cancelled.
};

struct Recovered {
  Lsn snapshot;                      // The one that was loaded; Lsn{}: none.
  Lsn applied;                       // The last record whose effect the state holds.
  std::uint64_t records = 0;         // Replayed.
  std::uint64_t bytes = 0;           // Of their payloads.
  std::uint64_t snapshot_bytes = 0;  // Of its file.
  std::chrono::nanoseconds load_time{0}, replay_time{0};
  std::vector<Damage> damaged;  // Newer snapshots, which do not verify and were passed over.

  FORELOG_EXPORT std::string to_string() const;  // Some lines for a person.
};

// The newest snapshot that verifies, then every synced record behind it.
// Errors, after which `state` holds nothing that may be used:
//   corrupt   no snapshot verifies that the log reaches back to: the message says which LSNs are
//             missing; or the log's own records do not verify; or a snapshot is of records that this
//             log has not (the log was cut, or exchanged)
//   trimmed   there is no snapshot, and the log does not begin at LSN 1: the message says what is missing
//   invalid_argument   the snapshots are of another log, or of another kind of state
//   unsupported        a newer format, or a compression that was not given
//   cancelled, io_error, no_space (memory)
// But for one: when apply fails, its error is returned with the LSN in the message, `state` holds the
// effects of all records before that one, and of none behind it.
FORELOG_EXPORT Result<Recovered> recover(const Log& log, const Snapshots& snapshots,
                                         StateMachine& state, const RecoverOptions& options = {});

// Writes `state`, which holds the effects of the records up to `applied` and no others, as a snapshot.
// Waits until `applied` is synced, writes a temporary file, syncs it, and gives it its name: a crash at
// any instruction leaves the snapshot whole, or not there. Older ones beyond SnapshotOptions::keep go.
// Durable on return. The log's holder "snapshots" then keeps what recovery from the oldest kept
// snapshot needs; to drop the rest is the caller's choice: log.keep_from(covered.next()).
// Returns the LSN of the oldest kept snapshot. Errors leave the snapshots that were there.
FORELOG_EXPORT Result<Lsn> checkpoint(Log& log, Snapshots& snapshots, const StateMachine& state,
                                      Lsn applied);
FORELOG_EXPORT Result<Lsn> checkpoint(Log& log, Snapshots& snapshots,
                                      const StateMachine::Image& image, Lsn applied);

}  // namespace forelog
