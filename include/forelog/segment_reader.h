// SegmentReader: the bytes of one segment of a log, as they are on the disk, each frame verified before
// it is shown: what copies of logs are made with.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "forelog/bytes.h"
#include "forelog/export.h"
#include "forelog/file_system.h"
#include "forelog/lsn.h"
#include "forelog/maintain.h"
#include "forelog/status.h"

namespace forelog {

// A place between two frames of a segment.
struct SegmentPosition {
  std::uint64_t offset = 0;  // 0: before the header.
  Lsn next;                  // Of the first record behind it; not looked at for offset 0.
};

// Owned by one thread at a time. Needs read permission only, and works beside a live writer. Memory: as
// much as the largest frame has.
class FORELOG_EXPORT SegmentReader {
 public:
  // `segment` is as inspect() tells of it; `through` is the last record to be read, which had better be
  // synced. Errors: trimmed (there is no such file any more), not_found (there is another one in its
  // place), corrupt, unsupported, io_error.
  static Result<SegmentReader> open(const std::filesystem::path& dir, const SegmentInfo& segment,
                                    SegmentPosition from, Lsn through,
                                    FileSystem* file_system = nullptr);
  SegmentReader(SegmentReader&&) noexcept;
  SegmentReader& operator=(SegmentReader&&) noexcept;
  ~SegmentReader();

  // The bytes that follow: the header, a frame, at last the seal and the index of a segment that has
  // them. They live until the next call. Empty: that was all. Errors: corrupt (the message names file,
  // offset and LSN), unsupported, io_error.
  Result<ByteView> next();

  SegmentPosition position() const;  // Behind what next() has returned.
  Timestamp first_time() const;      // Of the data frames that it has returned …
  Timestamp last_time() const;       // … the epoch where there was none.
  std::uint64_t records() const;     // In them.

  struct FORELOG_HIDDEN Impl;

 private:
  explicit SegmentReader(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace forelog
