// The footer of a full segment: a seal frame, and behind it an index frame.
// Implements docs/format.md, "Seal and index". Bytes in, bytes out: no I/O, no clock, no threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "forelog/bytes.h"
#include "forelog/lsn.h"

namespace forelog::format {

struct Seal {
  Lsn first_lsn, last_lsn;                      // last < first: no records.
  std::uint64_t first_time = 0, last_time = 0;  // Nanoseconds since 1970; 0 where no records.
  std::uint64_t frame_count = 0;
  std::uint64_t digest = 0;       // Over the frames before the seal.
  std::uint64_t index_bytes = 0;  // Of the index frame that follows, header and padding included.
};
inline constexpr std::size_t kSealBodyBytes = 56;

void encode_seal(const Seal& seal, std::byte* to);  // kSealBodyBytes.
bool decode_seal(ByteView body, Seal& seal);        // False: not well-formed.

// One in about every 64 KiB of frames, and the first frame always.
struct IndexEntry {
  Lsn lsn;                   // First record of the frame …
  std::uint64_t offset = 0;  // … that starts here in the file …
  std::uint64_t time = 0;    // … and was written at this time.
  friend bool operator==(const IndexEntry&, const IndexEntry&) = default;
};
inline constexpr std::size_t kIndexEntryBytes = 24;

void encode_index(const std::vector<IndexEntry>& index, std::byte* to);  // 24 bytes each.
bool decode_index(ByteView body, std::vector<IndexEntry>& index);  // False: not in rising order.

}  // namespace forelog::format
