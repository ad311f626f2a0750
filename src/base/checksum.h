// The 64-bit checksum of everything that Forelog writes: XXH3-64 with a seed (docs/format.md says
// where each is used, docs/adr/0002 why this one). The same on every machine, whichever of its
// instructions it is computed with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace forelog::base {

std::uint64_t checksum(std::span<const std::byte> bytes, std::uint64_t seed) noexcept;

namespace checksum_by {

// What checksum() chooses from: what every machine can, and what makes it more than twice as fast on
// those that have_avx2() is true of, and must not be called on others.
std::uint64_t any(const void* bytes, std::size_t size, std::uint64_t seed) noexcept;
std::uint64_t avx2(const void* bytes, std::size_t size, std::uint64_t seed) noexcept;
bool have_avx2() noexcept;

}  // namespace checksum_by

}  // namespace forelog::base
