// Frames: the unit of writing, of the checksum and of atomicity. A frame is a header of 56 bytes, a
// body, and zeros up to the next multiple of 8. Implements docs/format.md, "Frames".
// Bytes in, bytes out: no I/O, no clock, no threads.
//
// Invariant: a frame verifies only in the log, the segment, the incarnation of that segment and at
// the offset that it was written for, and zeros never verify.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "forelog/bytes.h"
#include "forelog/lsn.h"

namespace forelog::format {

inline constexpr std::size_t kFrameHeaderBytes = 56;
inline constexpr std::uint64_t kFrameAlignment = 8;
inline constexpr std::uint32_t kFrameMagic = 0x314d5246;  // "FRM1" in the file.
inline constexpr std::uint64_t kFrameBodyLimit = (std::uint64_t{1} << 31) - 1;
inline constexpr std::uint64_t kLsnLimit = std::uint64_t{1} << 63;  // Every LSN is below it.

enum class FrameKind : std::uint8_t {
  data = 1,   // Records.
  seal = 2,   // End of a full segment; see seal.h.
  index = 3,  // The sealed segment's sparse index; see seal.h.
  close = 4,  // The writer closed the log here: everything before is synced.
};

// Flags 0x00ff change how a frame must be read: an unknown one makes it unsupported. Flags 0xff00
// may be ignored by those who do not know them. None is defined yet.
inline constexpr std::uint16_t kFrameRequiredFlags = 0x00ff;

struct FrameHeader {
  std::uint32_t body_bytes = 0;
  std::uint64_t body_checksum = 0;
  Lsn first_lsn;           // Of the first record; where there is none, of the next record to come.
  Lsn synced;              // Everything up to here was synced before this frame was written.
  std::uint64_t time = 0;  // Nanoseconds since 1970, UTC; never less than in the frame before.
  std::uint32_t record_count = 0;
  FrameKind kind = FrameKind::data;
  std::uint16_t flags = 0;

  Lsn next_lsn() const { return Lsn(first_lsn.value + record_count); }
};

constexpr std::uint64_t align_up(std::uint64_t bytes) noexcept {
  return (bytes + kFrameAlignment - 1) & ~(kFrameAlignment - 1);
}
// In the file, with header and padding.
constexpr std::uint64_t frame_bytes(std::uint64_t body_bytes) noexcept {
  return kFrameHeaderBytes + align_up(body_bytes);
}

// `seed` is position_seed() of the segment and the offset of the frame in its file.
// Fills in header.body_checksum. `body` includes its padding.
void encode_frame_header(FrameHeader& header, ByteView padded_body, std::uint64_t seed,
                         std::span<std::byte, kFrameHeaderBytes> to);

enum class FrameCheck : std::uint8_t {
  valid,
  zeros,        // No frame was ever written here.
  bad_header,   // Not a frame, or not one of this place.
  unsupported,  // Verifies, and needs a newer reader.
};
// Checks the header alone; its length can be believed afterwards (but not that it fits the file).
FrameCheck decode_frame_header(std::span<const std::byte, kFrameHeaderBytes> from,
                               std::uint64_t seed, FrameHeader& header);
bool frame_body_matches(const FrameHeader& header, ByteView padded_body, std::uint64_t seed);

}  // namespace forelog::format
