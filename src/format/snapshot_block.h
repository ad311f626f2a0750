// The blocks of a snapshot: a header of 32 bytes, then the bytes of a stretch of the state, compressed
// or as they are; the last one is the end mark. Implements docs/format.md, "Snapshots".
// Bytes in, bytes out: no I/O, no clock, no threads.
//
// Invariant: a block verifies only in the snapshot, and at the offset, that it was written for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "forelog/bytes.h"

namespace forelog::format {

inline constexpr std::size_t kSnapshotBlockHeaderBytes = 32;
inline constexpr std::size_t kSnapshotEndBytes = 24;              // The body of the end mark.
inline constexpr std::uint32_t kSnapshotBlockMagic = 0x314b4c42;  // "BLK1" in the file.

enum class SnapshotBlockKind : std::uint8_t {
  state = 1,
  end = 2,
};

struct SnapshotBlock {
  std::uint32_t stored_bytes = 0;   // In the file, behind the header.
  std::uint32_t raw_bytes = 0;      // Of the state; of the end mark, as stored.
  std::uint64_t body_checksum = 0;  // Of what is stored.
  SnapshotBlockKind kind = SnapshotBlockKind::state;
  bool compressed = false;
  friend bool operator==(const SnapshotBlock&, const SnapshotBlock&) = default;
};

// What the end mark says of all blocks before it.
struct SnapshotEnd {
  std::uint64_t blocks = 0;
  std::uint64_t raw_bytes = 0;
  std::uint64_t digest = 0;  // Starts from the snapshot's key; see fold_digest().
  friend bool operator==(const SnapshotEnd&, const SnapshotEnd&) = default;
};

// `seed` is position_seed() of the snapshot's key and the block's offset. Fills in block.body_checksum.
void encode_snapshot_block(SnapshotBlock& block, ByteView body, std::uint64_t seed,
                           std::span<std::byte, kSnapshotBlockHeaderBytes> to);

enum class BlockCheck : std::uint8_t {
  valid,
  damaged,      // Not a block, or not one of this place.
  unsupported,  // Verifies, and needs a newer reader.
};
// Checks the header alone; afterwards its lengths are those that were written, and raw_bytes is at most
// `raw_bytes_max`.
BlockCheck decode_snapshot_block(std::span<const std::byte, kSnapshotBlockHeaderBytes> from,
                                 std::uint64_t seed, std::uint32_t raw_bytes_max,
                                 SnapshotBlock& block);
bool snapshot_body_matches(const SnapshotBlock& block, ByteView body, std::uint64_t seed);

void encode_snapshot_end(const SnapshotEnd& end, std::span<std::byte, kSnapshotEndBytes> to);
SnapshotEnd decode_snapshot_end(std::span<const std::byte, kSnapshotEndBytes> from);

}  // namespace forelog::format
