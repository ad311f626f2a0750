// Cursor: reads records in order of LSN. Made by Log::read (ends at the end) and Log::tail (waits).
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "forelog/bytes.h"
#include "forelog/export.h"
#include "forelog/lsn.h"
#include "forelog/report.h"
#include "forelog/status.h"

namespace forelog {

struct Entry {
  Lsn lsn;
  Timestamp time;    // When the record's frame was written; never goes back within a log.
  ByteView payload;  // Lives until the next next(), or the cursor's end.
};

// Owned by one thread at a time. Holds no lock, and keeps no segment from being dropped: take a
// holder (Log::hold) for that. Must not outlive its Log.
class FORELOG_EXPORT Cursor {
 public:
  Cursor(Cursor&&) noexcept;
  Cursor& operator=(Cursor&&) noexcept;
  ~Cursor();

  // The next record; nullopt at the end (read), or when a stop was requested (tail).
  // In the process that writes the log it never returns what keep_through has dropped. In another one
  // it learns of that when it has returned all that it knew of: what it returns until then may have
  // been dropped meanwhile.
  // Errors, after which the cursor stays where it is and may be asked again:
  //   trimmed    the LSN was dropped by keep_from; the message names the first one kept
  //   not_found  the LSN was dropped by keep_through: the message names where to go on; or, where
  //              another process writes the log, its files were removed or exchanged for another's
  //   corrupt    acknowledged bytes do not verify; the message names file, offset and LSN
  //   io_error   reading failed; says nothing about the data
  Result<std::optional<Entry>> next();

  Lsn position() const noexcept;  // Of the record that next() would return.

  // With ReadOptions::skip_holes: what was stepped over so far.
  const std::vector<Damage>& holes() const noexcept;

  struct FORELOG_HIDDEN Impl;
  explicit Cursor(std::unique_ptr<Impl> impl) noexcept;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace forelog
