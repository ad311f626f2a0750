// Log: a write-ahead log in a directory. One writer, many readers, in this process and in others.
// Implements docs/durability.md (what each call promises) and docs/recovery.md (what open does).
//
// Threading: every method may be called from any thread at any time, but for open, close, move and
// destruction, which no other call may overlap. (close() may overlap waits: it ends them.)
// A forked child must not use its parent's Log; its calls return invalid_argument.
// Memory that runs out is an error like a full disk, no_space, and no exception. In the middle of a
// write it closes the log to writes, as a write that failed does.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "forelog/batch.h"
#include "forelog/bytes.h"
#include "forelog/cursor.h"
#include "forelog/export.h"
#include "forelog/lsn.h"
#include "forelog/options.h"
#include "forelog/report.h"
#include "forelog/status.h"

namespace forelog {

using Deadline = std::chrono::steady_clock::time_point;

// Something that keeps records from being dropped by keep_from: a reader, an archiver, a snapshot.
struct Holder {
  std::string name;
  Lsn keep_from;                // This record and all after it are kept.
  std::uint64_t bytes_max = 0;  // May hold back at most this much log; 0: no cap.
  bool overrun = false;         // The cap was passed: it holds nothing back any more.
};

class FORELOG_EXPORT Log {
 public:
  // Opens the log in `dir`, or makes one. With RecoveryPolicy::strict the tail that a crash left is
  // already repaired, and all that is kept is synced, when this returns; recovery() tells.
  // Errors: busy (another writer), corrupt (rot: nothing was changed), not_found (no log, and none
  // was to be made), unsupported (newer format), invalid_argument (options), io_error, no_space.
  static Result<Log> open(const std::filesystem::path& dir, Options options = {});

  Log(Log&&) noexcept;
  Log& operator=(Log&&) noexcept;
  ~Log();  // Without close(): as if the process had been killed. Nothing acknowledged is lost.

  // Gives the record its LSN and copies it into memory; does not wait for the disk.
  // A record of 0 bytes is legal.
  // Errors, after any of which nothing was added: no_space (appends resume by themselves when
  // space returns), busy (buffer full, WhenFull::report), invalid_argument (over a limit),
  // io_error (the log is closed to writes since a write or sync failed; reopen it), cancelled (the
  // log was closed).
  Result<Lsn> append(ByteView record);
  Result<LsnRange> append(const Batch& batch);  // All of it or none of it survives a crash.

  // Waits until `lsn` has reached `level`. Threads that wait share one sync.
  // Ok only when reached. Else: timed_out and outcome_unknown (it may or may not be durable; also
  // when memory runs out), invalid_argument (no such LSN was appended), not_found (keep_through
  // dropped it), cancelled (the log was closed).
  Status wait(Lsn lsn, Durability level = Durability::synced,
              std::optional<Deadline> deadline = {});

  // append + wait. On timed_out and outcome_unknown the record may be in the log.
  Result<Lsn> commit(ByteView record, Durability level = Durability::synced,
                     std::optional<Deadline> deadline = {});
  Result<LsnRange> commit(const Batch& batch, Durability level = Durability::synced,
                          std::optional<Deadline> deadline = {});

  // Calls `done` exactly once with what wait() would return, in order of LSN within a level, on
  // the log's own thread: it must not block, and must not call wait, commit or close.
  // append is allowed in it; where it would wait for room it returns busy.
  using Done = std::function<void(const Status&)>;
  void notify(Lsn lsn, Durability level, Done done);

  // Cursors. The log's options and state at each next() apply, not those of this call.
  Cursor read(ReadOptions options = {}) const;  // Ends at the end of the log.
  Cursor tail(ReadOptions options = {}) const;  // Waits for more until options.stop.

  // The first record whose time is `time` or later; not_found when there is none yet.
  Result<Lsn> find(Timestamp time) const;

  // Drops records before `first_kept`, whole segments at a time: some of them may stay readable.
  // What a holder keeps stays. keep_from(last.next()) empties the log; its next LSN goes on.
  // Durable on return. After an error first_lsn() tells what was dropped; files that could not be
  // removed go at the next open.
  Status keep_from(Lsn first_kept);

  // Drops every record behind `last_kept` (Lsn{}: all), durably before returning; what is kept is
  // synced on return. A crash inside leaves the old log or the new one. The LSNs are given out
  // again: waits for them end with not_found, and so do cursors that had passed them.
  // Errors: trimmed (last_kept is before the first kept record), invalid_argument (not appended);
  // no_space and others, after which nothing was dropped, or the log is closed to writes (health())
  // and the next open tells.
  Status keep_through(Lsn last_kept);

  // As keep_through, also where nothing is dropped, and from here on the log is in a new epoch: for one
  // that is a copy of another, which goes on by itself. Its segments cannot be taken for the other's.
  Result<Epoch> begin_epoch(Lsn last_kept);

  // Named holders, kept in the directory across restarts. Names: 1 to 64 of [A-Za-z0-9._-].
  // hold() makes the holder or moves it; moving it back behind what was dropped is `trimmed`.
  Status hold(std::string_view name, Lsn keep_from, std::uint64_t bytes_max = 0);
  Status release(std::string_view name);
  Result<std::vector<Holder>> holders() const;

  // 32 hexadecimal digits, drawn when the log was made: no two logs have the same. Empty for one that is
  // only read and whose writer has not yet written any.
  std::string id() const;

  Watermarks watermarks() const;
  Lsn first_lsn() const;                   // Of the records that are kept; last + 1 when empty.
  const RecoveryReport& recovery() const;  // What open found and did.
  Status health() const;                   // Ok, or why the log is closed to writes.

  // Syncs all that was appended, marks the log as cleanly closed, and reports what a destructor
  // cannot. Afterwards another process may open it; appends, waits and trims return cancelled.
  Status close();

  struct FORELOG_HIDDEN Impl;

 private:
  explicit Log(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace forelog
