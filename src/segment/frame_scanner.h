// FrameScanner: the frames of one segment, in order, each verified before it is shown.
// Implements docs/format.md, "Frames", for readers.
//
// Owned by one thread. Memory: one chunk, or the largest frame met, whichever is more; a frame's
// length is believed only when its header verifies and it fits below `limit`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "forelog/file_system.h"
#include "forelog/status.h"
#include "format/frame.h"

namespace forelog::segment {

struct ScannedFrame {
  format::FrameHeader header;
  std::uint64_t offset = 0;                 // Of the frame, in the file.
  std::span<const std::byte> header_bytes;  // Lives, as body does, until the next call.
  ByteView body;                            // Without padding.

  std::uint64_t end() const { return offset + format::frame_bytes(header.body_bytes); }
};

enum class ScanStep : std::uint8_t {
  frame,        // The frame verifies; the scanner stands behind it.
  limit,        // The scanner stands at the limit, or too near to it for a frame.
  zeros,        // No frame was ever written here. The scanner stays.
  damaged,      // Not a frame of this place; reason() says more. The scanner stays.
  unsupported,  // Verifies, and needs a newer reader. The scanner stays.
};

class FrameScanner {
 public:
  static constexpr std::size_t kChunkBytes = 256 * KiB;

  // `key` is the segment's; `limit` is at most the size of the file.
  FrameScanner(const File& file, std::uint64_t key, std::uint64_t offset, std::uint64_t limit)
      : file_(file), key_(key), offset_(offset), limit_(limit) {}

  Result<ScanStep> next(ScannedFrame& frame);  // Errors: those of reading the file.

  std::uint64_t offset() const { return offset_; }  // Of what next() will look at.
  std::uint64_t limit() const { return limit_; }
  void set_limit(std::uint64_t limit) { limit_ = limit; }  // As a file that is written grows.
  void seek(std::uint64_t offset) { offset_ = offset; }
  const char* reason() const { return reason_; }

  // Moves to the next offset behind this one at which a whole frame verifies; to limit() when there
  // is none. True when a byte that is not zero was passed over.
  struct Resync {
    bool found = false;
    bool saw_bytes = false;           // Something other than zeros lies between.
    std::uint64_t last_byte_end = 0;  // Behind the last such byte.
    Lsn proven_synced;                // The highest watermark of any frame header that verified.
  };
  Result<Resync> resync();

 private:
  // At least `bytes` from offset_ in the buffer; false when the file ends before.
  Result<bool> fill(std::size_t bytes);
  const std::byte* at() const { return buffer_.get() + (offset_ - buffer_offset_); }

  const File& file_;
  std::uint64_t key_;
  std::uint64_t offset_;
  std::uint64_t limit_;
  const char* reason_ = "";
  std::unique_ptr<std::byte[]> buffer_;
  std::size_t capacity_ = 0;
  std::uint64_t buffer_offset_ = 0;  // In the file, of the first byte in the buffer …
  std::size_t buffer_size_ = 0;      // … and how many there are.
};

}  // namespace forelog::segment
