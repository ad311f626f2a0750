// SegmentWriter: appends frames to the active segment, and seals it when it is full.
// Owned by whoever holds the log's write role; nothing here locks.
// Invariant: bytes behind the tail were never written in this incarnation of the file (zeros).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "format/frame.h"
#include "segment/segment_file.h"

namespace forelog::segment {

// What the frames of a segment add up to, up to some offset. Built by scanning, kept by writing.
struct SegmentTail {
  std::uint64_t offset = format::kSegmentHeaderBytes;  // Behind the last frame.
  std::uint64_t digest = 0;
  Lsn next_lsn;
  std::uint64_t frame_count = 0;
  std::uint64_t first_time = 0, last_time = 0;  // Of data frames; 0 when there are none.
  bool closed = false;                          // The last frame is a close mark.

  static SegmentTail of_empty(const format::SegmentHeader& header);
  void add(const format::FrameHeader& frame, std::span<const std::byte> header_bytes,
           std::uint64_t frame_offset);
};

// A frame that waits in memory: room for its header, its body, its padding.
struct PendingFrame {
  std::size_t begin = 0;  // Of the header, in its buffer. A multiple of 8.
  std::uint32_t body_bytes = 0;
  Lsn first_lsn;
  std::uint32_t record_count = 0;

  std::size_t end() const {
    return begin + static_cast<std::size_t>(format::frame_bytes(body_bytes));
  }
};

// Bytes at the end of a segment of `capacity` kept for its seal, its index and a close mark.
std::uint64_t footer_bytes(std::uint64_t capacity);

class SegmentWriter {
 public:
  SegmentWriter(std::shared_ptr<SegmentFile> segment, const SegmentTail& tail);

  // Fills in the frames' headers in `buffer` and writes them, one behind the other, with one call.
  // The frames are adjacent. On an error the segment must not be written any more.
  Status write(std::span<std::byte> buffer, std::span<const PendingFrame> frames, Lsn synced,
               std::uint64_t time);
  // The same, and durable on return, around the page cache: whole blocks, the first of which begins
  // with the end of what was written before. Only when writes_directly(), which also says whether the
  // file has room for blocks up to `bytes` behind the tail. `frames` lies in its block in `buffer` as
  // it will in the file, and `buffer` has room for the rest of the last block.
  Status write_synced(std::span<std::byte> buffer, std::span<const PendingFrame> frames, Lsn synced,
                      std::uint64_t time);
  bool writes_directly(std::uint64_t bytes, std::uint64_t capacity) const;
  // Marks that everything is synced, which it must be, and that the writer has closed the log.
  Status write_close_mark(std::uint64_t time);
  // Writes the seal and the index behind the last frame. Nothing may be written afterwards.
  Status write_seal(Lsn synced);
  Status sync() { return segment_->file->sync_data(); }

  const std::shared_ptr<SegmentFile>& segment() const { return segment_; }
  const SegmentTail& tail() const { return tail_; }
  format::SegmentEnd end(bool sealed) const;  // For the successor's header.

 private:
  // Adds the frames to the tail.
  void encode(std::span<std::byte> buffer, std::span<const PendingFrame> frames, Lsn synced,
              std::uint64_t time);

  std::shared_ptr<SegmentFile> segment_;
  SegmentTail tail_;
  bool directly_ = false;  // The file can.
  // The block that the tail lies in, up to the tail, when the last write was a direct one.
  std::array<std::byte, File::kBlockBytes> last_block_{};
  std::uint64_t last_block_end_ = 0;
};

}  // namespace forelog::segment
