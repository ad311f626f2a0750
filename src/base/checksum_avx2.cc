// The checksum, compiled for x86-64 machines with AVX2, which the rest of the library does not ask
// for. Wider still (AVX-512) was measured, and is no faster.
//
// Why every header but xxhash.h, whose functions are all static here, comes before the pragmas: an
// inline function between them could be the one that the linker keeps for the whole program, and end
// it on an older machine.
#include <cassert>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/checksum.h"

#if defined(__x86_64__)

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif

#define XXH_INLINE_ALL
#define XXH_VECTOR XXH_AVX2
#include <xxhash.h>

namespace forelog::base::checksum_by {

std::uint64_t avx2(const void* bytes, std::size_t size, std::uint64_t seed) noexcept {
  return XXH3_64bits_withSeed(bytes, size, seed);
}

}  // namespace forelog::base::checksum_by

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace forelog::base::checksum_by {

bool have_avx2() noexcept { return __builtin_cpu_supports("avx2") != 0; }

}  // namespace forelog::base::checksum_by

#else

namespace forelog::base::checksum_by {

std::uint64_t avx2(const void* bytes, std::size_t size, std::uint64_t seed) noexcept {
  return any(bytes, size, seed);
}
bool have_avx2() noexcept { return false; }

}  // namespace forelog::base::checksum_by

#endif
