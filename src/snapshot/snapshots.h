// What Snapshots is made of, for checkpoint() and recover(): the directory, its lock, and what is in it.
// Implements docs/format.md, "Snapshots".
// Threading: every method from any thread; checkpoints hold `mutex`, one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "forelog/file_system.h"
#include "forelog/log.h"
#include "forelog/report.h"
#include "forelog/snapshot.h"
#include "format/snapshot_header.h"

namespace forelog {

namespace snapshot {

inline constexpr std::string_view kSnapshotSuffix = ".snapshot";
std::string snapshot_name(Lsn lsn);  // 16 hexadecimal digits and the suffix.
std::optional<Lsn> parse_snapshot_name(std::string_view name);  // Exactly that form.

// A snapshot whose header verifies.
struct Listed {
  std::string name;
  std::uint64_t file_bytes = 0;
  format::SnapshotHeader header;
};

// The mark of the record at `lsn`; nullopt where the log has dropped it (keep_from).
// Errors: those of Cursor::next; not_found: the log does not have it (yet).
Result<std::optional<format::RecordMark>> mark_of(const Log& log, Lsn lsn);

}  // namespace snapshot

struct Snapshots::Impl {
  FileSystem& file_system;
  SnapshotOptions options;
  std::unique_ptr<Directory> dir;
  std::unique_ptr<DirectoryLock> lock;  // Null: only to read.

  base::Mutex mutex;  // Held by a checkpoint.
  // Bytes that the file of the next snapshot has reserved; 0: none.
  std::uint64_t room FORELOG_GUARDED_BY(mutex) = 0;
  // Whether the names of all snapshots here are durable. While they are not, the one of an LSN is no
  // reason not to write it anew.
  bool names_synced FORELOG_GUARDED_BY(mutex) = false;

  // Snapshots whose bytes were found not to verify, behind a header that does: they count for nothing.
  void note_damaged(Lsn lsn) const FORELOG_EXCLUDES(damaged_mutex);
  void forget_damaged(Lsn lsn) FORELOG_EXCLUDES(damaged_mutex);  // Another one has taken its place.
  bool known_damaged(Lsn lsn) const FORELOG_EXCLUDES(damaged_mutex);
  mutable base::Mutex damaged_mutex;
  mutable std::set<Lsn> damaged_lsns FORELOG_GUARDED_BY(damaged_mutex);

  Impl(FileSystem& files, SnapshotOptions chosen)
      : file_system(files), options(std::move(chosen)) {}

  // Newest first, by LSN. A header that does not verify, or what is no file under the name of a snapshot,
  // is told of in `damaged`, if that is not null.
  // Errors: unsupported (a newer format), io_error.
  Result<std::vector<snapshot::Listed>> list(std::vector<Damage>* damaged) const;

  // invalid_argument: the snapshot is of another log (empty: not known), or of another kind of state.
  Status check_identity(const snapshot::Listed& listed, std::string_view log_id) const;

  // Removes what a crash left, and makes room for the next snapshot.
  Status clean() FORELOG_REQUIRES(mutex);
  // Removes the snapshots behind the newest `keep`, and returns the oldest that is kept. Durable.
  Result<Lsn> prune() FORELOG_REQUIRES(mutex);
  // Reserves room for a snapshot after one of `bytes`, where that is asked for and there is space; else
  // removes what there was.
  void make_room(std::uint64_t bytes) FORELOG_REQUIRES(mutex);
  // After a save that failed: back to the room that was there.
  void keep_room(const Status& why) FORELOG_REQUIRES(mutex);

 private:
  Result<std::optional<std::vector<snapshot::Listed>>> list_once(std::vector<Damage>& damaged,
                                                                 bool pass_over) const;
  void reserve(std::uint64_t bytes) FORELOG_REQUIRES(mutex);
  Status allocate(std::uint64_t bytes);
};

}  // namespace forelog
