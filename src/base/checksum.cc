#include "base/checksum.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace forelog::base {

namespace {

// Up to here XXH3 computes with words, and has no use for wider registers.
constexpr std::size_t kShortBytes = 240;

}  // namespace

std::uint64_t checksum_by::any(const void* bytes, std::size_t size, std::uint64_t seed) noexcept {
  return XXH3_64bits_withSeed(bytes, size, seed);
}

std::uint64_t checksum(std::span<const std::byte> bytes, std::uint64_t seed) noexcept {
  if (bytes.size() > kShortBytes && checksum_by::have_avx2()) {
    return checksum_by::avx2(bytes.data(), bytes.size(), seed);
  }
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace forelog::base
