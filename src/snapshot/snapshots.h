// What Snapshots is made of, for checkpoint() and recover(): the directory, its lock, and what is in it.
// Implements docs/format.md, "Snapshots".
// Threading: every method from any thread; checkpoints hold `mutex`, one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
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
  base::Mutex mutex;                    // Held by a checkpoint.
  // Bytes that the file of the next snapshot has already; 0: there is none.
  std::uint64_t reserved FORELOG_GUARDED_BY(mutex) = 0;
  // Whether the names of all snapshots here are durable. One whose directory could not be synced is
  // never relied on, but written anew.
  bool names_synced FORELOG_GUARDED_BY(mutex) = false;

  Impl(FileSystem& files, SnapshotOptions chosen)
      : file_system(files), options(std::move(chosen)) {}

  // Newest first, by LSN. A header that does not verify is told of in `damaged`, if that is not null.
  // Errors: unsupported (a newer format), io_error.
  Result<std::vector<snapshot::Listed>> list(std::vector<Damage>* damaged) const;

  // invalid_argument: the snapshot is of another log, or another kind of state, than these.
  Status check_identity(const snapshot::Listed& listed, const std::string& log_id) const;
};

}  // namespace forelog
