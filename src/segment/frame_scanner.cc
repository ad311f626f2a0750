#include "segment/frame_scanner.h"

#include <algorithm>
#include <cstring>

#include "base/endian.h"
#include "forelog/try.h"
#include "format/segment_header.h"

namespace forelog::segment {

using format::kFrameHeaderBytes;

namespace {

constexpr std::size_t kLargeFrameBytes = FrameScanner::kChunkBytes / 4;

}  // namespace

Result<bool> FrameScanner::fill(std::size_t bytes) {
  const bool inside = offset_ >= buffer_offset_ && offset_ - buffer_offset_ <= buffer_size_;
  const std::size_t kept =
      inside ? buffer_size_ - static_cast<std::size_t>(offset_ - buffer_offset_) : 0;
  if (kept >= bytes) return true;
  // A large frame is read alone, with the header of the next one: of what comes behind it, most would
  // have to be moved when that one is read.
  const std::size_t ahead = bytes < kLargeFrameBytes ? kChunkBytes : bytes + kFrameHeaderBytes;
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(limit_ - offset_, ahead));
  if (wanted <= kept) return false;
  // What is here already is moved: to read it again would take longer.
  if (capacity_ < wanted) {
    auto larger = std::make_unique_for_overwrite<std::byte[]>(wanted);
    if (kept > 0) std::memcpy(larger.get(), at(), kept);
    buffer_ = std::move(larger);
    capacity_ = wanted;
  } else if (kept > 0) {
    std::memmove(buffer_.get(), at(), kept);
  }
  buffer_offset_ = offset_;
  buffer_size_ = kept;
  buffer_size_ += FORELOG_TRY(file_.read_at(offset_ + kept, {buffer_.get() + kept, wanted - kept}));
  return buffer_size_ >= bytes;
}

Result<ScanStep> FrameScanner::next(ScannedFrame& frame) {
  if (limit_ < offset_ || limit_ - offset_ < kFrameHeaderBytes) return ScanStep::limit;
  if (!FORELOG_TRY(fill(kFrameHeaderBytes))) {
    reason_ = "file ends inside a frame header";
    return ScanStep::damaged;
  }
  const std::uint64_t seed = format::position_seed(key_, offset_);
  switch (format::decode_frame_header(
      std::span<const std::byte, kFrameHeaderBytes>(at(), kFrameHeaderBytes), seed, frame.header)) {
    case format::FrameCheck::valid: break;
    case format::FrameCheck::zeros: return ScanStep::zeros;
    case format::FrameCheck::unsupported: return ScanStep::unsupported;
    case format::FrameCheck::bad_header:
      reason_ = "frame header does not verify";
      return ScanStep::damaged;
  }
  const std::uint64_t bytes = format::frame_bytes(frame.header.body_bytes);
  if (bytes > limit_ - offset_) {
    reason_ = "frame runs past the end of the data";
    return ScanStep::damaged;
  }
  if (!FORELOG_TRY(fill(static_cast<std::size_t>(bytes)))) {
    reason_ = "file ends inside a frame";
    return ScanStep::damaged;
  }
  const std::byte* body = at() + kFrameHeaderBytes;
  if (!format::frame_body_matches(
          frame.header, ByteView(body, static_cast<std::size_t>(bytes) - kFrameHeaderBytes),
          seed)) {
    reason_ = "frame body does not match its checksum";
    return ScanStep::damaged;
  }
  frame.offset = offset_;
  frame.header_bytes = {at(), kFrameHeaderBytes};
  frame.body = ByteView(body, frame.header.body_bytes);
  offset_ += bytes;
  return ScanStep::frame;
}

namespace {

constexpr std::size_t kMagicAt = 8;  // In a frame header.

// First position at or behind `at`, in steps of 8, whose word could be a frame's magic; `end` when
// there is none. Notes the last byte that is not zero on the way.
const std::byte* find_magic(const std::byte* at, const std::byte* end, const std::byte*& last) {
  for (; at < end; at += format::kFrameAlignment) {
    const auto word = base::load_le<std::uint64_t>(at);
    if (word == 0) continue;
    last = at;
    if (static_cast<std::uint32_t>(word) == format::kFrameMagic) return at;
  }
  return end;
}

}  // namespace

Result<FrameScanner::Resync> FrameScanner::resync() {
  Resync result;
  result.last_byte_end = offset_;
  const std::uint64_t begin = offset_;
  const auto note_byte = [&](std::uint64_t word_at) {
    result.saw_bytes = true;
    result.last_byte_end = std::max(result.last_byte_end, word_at + format::kFrameAlignment);
  };
  // Frames start at multiples of 8, so that their magic does too.
  std::uint64_t word_at = format::align_up(begin);
  while (limit_ - std::min(limit_, word_at) >= format::kFrameAlignment) {
    offset_ = word_at;
    const bool whole = FORELOG_TRY(fill(format::kFrameAlignment));
    if (!whole) break;
    const std::byte* first = at();
    const std::size_t words = (buffer_size_ - (offset_ - buffer_offset_)) / 8;
    const std::byte* last = nullptr;
    const std::byte* found = find_magic(first, first + words * 8, last);
    if (last != nullptr) note_byte(word_at + static_cast<std::uint64_t>(last - first));
    word_at += static_cast<std::uint64_t>(found - first);
    if (found == first + words * 8) continue;
    // A candidate. It starts before its magic; the one that we stand on is known to be bad.
    if (word_at >= kMagicAt && word_at - kMagicAt > begin) {
      offset_ = word_at - kMagicAt;
      ScannedFrame frame;
      const ScanStep step = FORELOG_TRY(next(frame));
      if (step == ScanStep::frame) {
        result.proven_synced = std::max(result.proven_synced, frame.header.synced);
        result.found = true;
        offset_ = frame.offset;
        return result;
      }
    }
    word_at += format::kFrameAlignment;
  }
  offset_ = limit_;
  return result;
}

}  // namespace forelog::segment
