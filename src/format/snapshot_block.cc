#include "format/snapshot_block.h"

#include "base/checksum.h"
#include "base/endian.h"

namespace forelog::format {

using base::load_le;
using base::store_le;

namespace {

constexpr std::uint8_t kCompressed = 1;

}  // namespace

void encode_snapshot_block(SnapshotBlock& block, ByteView body, std::uint64_t seed,
                           std::span<std::byte, kSnapshotBlockHeaderBytes> to) {
  block.body_checksum = base::checksum(body, seed);
  std::byte* at = to.data();
  store_le<std::uint32_t>(at + 8, kSnapshotBlockMagic);
  store_le<std::uint32_t>(at + 12, block.stored_bytes);
  store_le<std::uint32_t>(at + 16, block.raw_bytes);
  store_le<std::uint8_t>(at + 20, static_cast<std::uint8_t>(block.kind));
  store_le<std::uint8_t>(at + 21, block.compressed ? kCompressed : 0);
  store_le<std::uint16_t>(at + 22, 0);
  store_le<std::uint64_t>(at + 24, block.body_checksum);
  store_le<std::uint64_t>(at, base::checksum(to.subspan<8>(), seed));
}

BlockCheck decode_snapshot_block(std::span<const std::byte, kSnapshotBlockHeaderBytes> from,
                                 std::uint64_t seed, std::uint32_t raw_bytes_max,
                                 SnapshotBlock& block) {
  const std::byte* at = from.data();
  if (load_le<std::uint32_t>(at + 8) != kSnapshotBlockMagic ||
      load_le<std::uint64_t>(at) != base::checksum(from.subspan<8>(), seed)) {
    return BlockCheck::damaged;
  }
  block.stored_bytes = load_le<std::uint32_t>(at + 12);
  block.raw_bytes = load_le<std::uint32_t>(at + 16);
  block.body_checksum = load_le<std::uint64_t>(at + 24);
  const auto kind = load_le<std::uint8_t>(at + 20);
  const auto flags = load_le<std::uint8_t>(at + 21);
  block.kind = static_cast<SnapshotBlockKind>(kind);
  block.compressed = flags == kCompressed;
  const bool known = kind == static_cast<std::uint8_t>(SnapshotBlockKind::state) ||
                     kind == static_cast<std::uint8_t>(SnapshotBlockKind::end);
  if (!known || flags > kCompressed) return BlockCheck::unsupported;
  if (block.kind == SnapshotBlockKind::end) {
    const bool sane = !block.compressed && block.stored_bytes == kSnapshotEndBytes &&
                      block.raw_bytes == kSnapshotEndBytes;
    return sane ? BlockCheck::valid : BlockCheck::damaged;
  }
  // Invariant: what did not shrink is stored as it is, so that no length passes raw_bytes_max.
  const bool sane = block.raw_bytes != 0 && block.raw_bytes <= raw_bytes_max &&
                    (block.compressed ? block.stored_bytes < block.raw_bytes
                                      : block.stored_bytes == block.raw_bytes);
  return sane ? BlockCheck::valid : BlockCheck::damaged;
}

bool snapshot_body_matches(const SnapshotBlock& block, ByteView body, std::uint64_t seed) {
  return block.stored_bytes == body.size() && block.body_checksum == base::checksum(body, seed);
}

void encode_snapshot_end(const SnapshotEnd& end, std::span<std::byte, kSnapshotEndBytes> to) {
  store_le<std::uint64_t>(to.data(), end.blocks);
  store_le<std::uint64_t>(to.data() + 8, end.raw_bytes);
  store_le<std::uint64_t>(to.data() + 16, end.digest);
}

SnapshotEnd decode_snapshot_end(std::span<const std::byte, kSnapshotEndBytes> from) {
  SnapshotEnd end;
  end.blocks = load_le<std::uint64_t>(from.data());
  end.raw_bytes = load_le<std::uint64_t>(from.data() + 8);
  end.digest = load_le<std::uint64_t>(from.data() + 16);
  return end;
}

}  // namespace forelog::format
