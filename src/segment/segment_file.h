// SegmentFile: one segment, open, with the identity that its header gives it; and what can be read
// of it without scanning: the header, the seal, the index.
// Threading: immutable once made, but for `index`, which has its own lock.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "forelog/file_system.h"
#include "forelog/status.h"
#include "format/seal.h"
#include "format/segment_header.h"

namespace forelog::segment {

// The sparse index of a segment that is being written, for readers beside the writer.
class LiveIndex {
 public:
  static constexpr std::uint64_t kSpacingBytes = 64 * KiB;

  // Takes note of a data frame; keeps one in kSpacingBytes.
  void add(const format::IndexEntry& frame) FORELOG_EXCLUDES(mutex_);
  std::vector<format::IndexEntry> entries() const FORELOG_EXCLUDES(mutex_);
  // Offset of the last noted frame at or before; nullopt when there is none.
  std::optional<std::uint64_t> find(Lsn lsn) const FORELOG_EXCLUDES(mutex_);
  std::optional<std::uint64_t> find_time(std::uint64_t time) const FORELOG_EXCLUDES(mutex_);

 private:
  mutable base::Mutex mutex_;
  std::vector<format::IndexEntry> entries_ FORELOG_GUARDED_BY(mutex_);
};

// The same look-ups in an index read from a seal: the offset of the last entry whose LSN is at or
// before `lsn`, or whose time is before `time`.
std::optional<std::uint64_t> find_in_index(const std::vector<format::IndexEntry>& index, Lsn lsn);
std::optional<std::uint64_t> find_time_in_index(const std::vector<format::IndexEntry>& index,
                                                std::uint64_t time);

struct SegmentFile {
  std::string name;
  std::unique_ptr<File> file;
  format::SegmentHeader header;
  std::uint64_t key = 0;  // format::segment_key(header)
  LiveIndex index;        // Only of the segment that this process writes.
};

struct OpenedSegment {
  std::shared_ptr<SegmentFile> segment;  // Null when the header does not verify …
  std::string damage;                    // … and this says why.
  std::uint64_t file_bytes = 0;
};
// Errors: io_error, not_found, unsupported (a newer format). Damage is not an error.
Result<OpenedSegment> open_segment(Directory& dir, const std::string& name, OpenMode mode);

// The seal at `offset`, and, if asked for, the index behind it. nullopt: they do not verify.
Result<std::optional<format::Seal>> read_seal(const SegmentFile& segment, std::uint64_t offset);
Result<std::optional<std::vector<format::IndexEntry>>> read_index(const SegmentFile& segment,
                                                                  std::uint64_t seal_offset,
                                                                  const format::Seal& seal);

}  // namespace forelog::segment
