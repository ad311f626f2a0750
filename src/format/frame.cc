#include "format/frame.h"

#include <algorithm>

#include "base/checksum.h"
#include "base/endian.h"

namespace forelog::format {

using base::load_le;
using base::store_le;

void encode_frame_header(FrameHeader& header, ByteView padded_body, std::uint64_t seed,
                         std::span<std::byte, kFrameHeaderBytes> to) {
  header.body_checksum = base::checksum(padded_body, seed);
  std::byte* at = to.data();
  store_le<std::uint32_t>(at + 8, kFrameMagic);
  store_le<std::uint32_t>(at + 12, header.body_bytes);
  store_le<std::uint64_t>(at + 16, header.body_checksum);
  store_le<std::uint64_t>(at + 24, header.first_lsn.value);
  store_le<std::uint64_t>(at + 32, header.synced.value);
  store_le<std::uint64_t>(at + 40, header.time);
  store_le<std::uint32_t>(at + 48, header.record_count);
  store_le<std::uint8_t>(at + 52, static_cast<std::uint8_t>(header.kind));
  store_le<std::uint8_t>(at + 53, 0);
  store_le<std::uint16_t>(at + 54, header.flags);
  store_le<std::uint64_t>(at, base::checksum(to.subspan<8>(), seed));
}

FrameCheck decode_frame_header(std::span<const std::byte, kFrameHeaderBytes> from,
                               std::uint64_t seed, FrameHeader& header) {
  const std::byte* at = from.data();
  if (load_le<std::uint32_t>(at + 8) != kFrameMagic) {
    const bool zeros =
        std::all_of(from.begin(), from.end(), [](std::byte b) { return b == std::byte{0}; });
    return zeros ? FrameCheck::zeros : FrameCheck::bad_header;
  }
  if (load_le<std::uint64_t>(at) != base::checksum(from.subspan<8>(), seed)) {
    return FrameCheck::bad_header;
  }
  header.body_bytes = load_le<std::uint32_t>(at + 12);
  header.body_checksum = load_le<std::uint64_t>(at + 16);
  header.first_lsn = Lsn(load_le<std::uint64_t>(at + 24));
  header.synced = Lsn(load_le<std::uint64_t>(at + 32));
  header.time = load_le<std::uint64_t>(at + 40);
  header.record_count = load_le<std::uint32_t>(at + 48);
  const auto kind = load_le<std::uint8_t>(at + 52);
  header.kind = static_cast<FrameKind>(kind);
  header.flags = load_le<std::uint16_t>(at + 54);
  const bool known = kind >= static_cast<std::uint8_t>(FrameKind::data) &&
                     kind <= static_cast<std::uint8_t>(FrameKind::close) &&
                     (header.flags & kFrameRequiredFlags) == 0;
  if (!known) return FrameCheck::unsupported;
  if (header.body_bytes > kFrameBodyLimit) return FrameCheck::bad_header;
  if (header.first_lsn.value == 0 || header.first_lsn.value >= kLsnLimit ||
      header.synced >= header.first_lsn) {
    return FrameCheck::bad_header;
  }
  return FrameCheck::valid;
}

bool frame_body_matches(const FrameHeader& header, ByteView padded_body, std::uint64_t seed) {
  return base::checksum(padded_body, seed) == header.body_checksum;
}

}  // namespace forelog::format
