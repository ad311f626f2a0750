#include "segment/segment_file.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "forelog/try.h"
#include "format/frame.h"
#include "segment/frame_scanner.h"

namespace forelog::segment {

using base::concat;

void LiveIndex::add(const format::IndexEntry& frame) {
  base::MutexLock lock(mutex_);
  if (entries_.empty() || frame.offset >= entries_.back().offset + kSpacingBytes) {
    entries_.push_back(frame);
  }
}

std::vector<format::IndexEntry> LiveIndex::entries() const {
  base::MutexLock lock(mutex_);
  return entries_;
}

std::optional<std::uint64_t> LiveIndex::find(Lsn lsn) const {
  base::MutexLock lock(mutex_);
  return find_in_index(entries_, lsn);
}

std::optional<std::uint64_t> LiveIndex::find_time(std::uint64_t time) const {
  base::MutexLock lock(mutex_);
  return find_time_in_index(entries_, time);
}

std::optional<std::uint64_t> find_in_index(const std::vector<format::IndexEntry>& index, Lsn lsn) {
  const auto after =
      std::upper_bound(index.begin(), index.end(), lsn,
                       [](Lsn wanted, const format::IndexEntry& e) { return wanted < e.lsn; });
  if (after == index.begin()) return std::nullopt;
  return std::prev(after)->offset;
}

std::optional<std::uint64_t> find_time_in_index(const std::vector<format::IndexEntry>& index,
                                                std::uint64_t time) {
  const auto after =
      std::lower_bound(index.begin(), index.end(), time,
                       [](const format::IndexEntry& e, std::uint64_t t) { return e.time < t; });
  if (after == index.begin()) return std::nullopt;
  return std::prev(after)->offset;
}

Result<OpenedSegment> open_segment(Directory& dir, const std::string& name, OpenMode mode) {
  OpenedSegment opened;
  auto segment = std::make_shared<SegmentFile>();
  segment->name = name;
  segment->file = FORELOG_TRY(dir.open(name, mode));
  opened.file_bytes = FORELOG_TRY(segment->file->size());
  std::array<std::byte, format::kSegmentHeaderBytes> bytes;
  if (FORELOG_TRY(segment->file->read_at(0, bytes)) < bytes.size()) {
    opened.damage = "segment is shorter than its header";
    return opened;
  }
  std::uint32_t version = 0;
  switch (format::decode_segment_header(bytes, segment->header, version)) {
    case format::HeaderCheck::valid: break;
    case format::HeaderCheck::damaged:
      opened.damage = "segment header does not match its checksum";
      return opened;
    case format::HeaderCheck::unsupported:
      return Status(Code::unsupported,
                    concat(name, ": format version ", version, "; this program reads version ",
                           format::kFormatVersion, "; use a newer one. Nothing was changed"));
  }
  segment->key = format::segment_key(segment->header);
  opened.segment = std::move(segment);
  return opened;
}

namespace {

// The frame of `kind` at `offset`, its body left in `scanner`; false when it does not verify.
Result<bool> read_footer_frame(FrameScanner& scanner, format::FrameKind kind, ScannedFrame& frame) {
  const ScanStep step = FORELOG_TRY(scanner.next(frame));
  return step == ScanStep::frame && frame.header.kind == kind;
}

}  // namespace

Result<std::optional<format::Seal>> read_seal(const SegmentFile& segment, std::uint64_t offset) {
  using Found = std::optional<format::Seal>;
  const std::uint64_t end = offset + format::frame_bytes(format::kSealBodyBytes);
  if (FORELOG_TRY(segment.file->size()) < end) return Found();
  FrameScanner scanner(*segment.file, segment.key, offset, end);
  ScannedFrame frame;
  format::Seal seal;
  if (!FORELOG_TRY(read_footer_frame(scanner, format::FrameKind::seal, frame)) ||
      !format::decode_seal(frame.body, seal)) {
    return Found();
  }
  return Found(seal);
}

Result<std::optional<std::vector<format::IndexEntry>>> read_index(const SegmentFile& segment,
                                                                  std::uint64_t seal_offset,
                                                                  const format::Seal& seal) {
  using Found = std::optional<std::vector<format::IndexEntry>>;
  const std::uint64_t begin = seal_offset + format::frame_bytes(format::kSealBodyBytes);
  const std::uint64_t file_bytes = FORELOG_TRY(segment.file->size());
  if (begin > file_bytes || seal.index_bytes > file_bytes - begin) return Found();
  FrameScanner scanner(*segment.file, segment.key, begin, begin + seal.index_bytes);
  ScannedFrame frame;
  std::vector<format::IndexEntry> index;
  if (!FORELOG_TRY(read_footer_frame(scanner, format::FrameKind::index, frame)) ||
      !format::decode_index(frame.body, index)) {
    return Found();
  }
  return Found(std::move(index));
}

}  // namespace forelog::segment
