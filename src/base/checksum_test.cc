#include "base/checksum.h"

#include <gtest/gtest.h>

#include <vector>

namespace forelog::base {
namespace {

std::vector<std::byte> pattern(std::size_t size) {
  std::vector<std::byte> bytes(size);
  std::uint32_t state = 1;
  for (std::byte& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<std::byte>(state >> 24);
  }
  return bytes;
}

TEST(ChecksumTest, IsTheSameWhicheverInstructionsComputeIt) {
  if (!checksum_by::have_avx2()) GTEST_SKIP() << "this machine has no AVX2";
  const std::vector<std::byte> bytes = pattern(70000);
  std::vector<std::size_t> sizes;
  for (std::size_t size = 0; size <= 2100; ++size) sizes.push_back(size);
  for (const std::size_t size : {4096u, 65536u, 69990u}) sizes.push_back(size);
  for (const std::size_t size : sizes) {
    for (const std::uint64_t seed : {std::uint64_t{0}, 0x9e3779b97f4a7c15u}) {
      const std::byte* from = bytes.data() + size % 9;  // At any alignment.
      const std::uint64_t wanted = checksum_by::any(from, size, seed);
      ASSERT_EQ(checksum_by::avx2(from, size, seed), wanted) << size;
      ASSERT_EQ(checksum(std::span(from, size), seed), wanted) << size;
    }
  }
}

}  // namespace
}  // namespace forelog::base
