#include "format/snapshot_block.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "base/checksum.h"
#include "base/endian.h"

namespace forelog::format {
namespace {

constexpr std::uint64_t kSeed = 0x0123456789abcdef;

struct SnapshotBlockTest : testing::Test {
  SnapshotBlockTest() {
    block.raw_bytes = 100;
    block.stored_bytes = static_cast<std::uint32_t>(body.size());
    block.compressed = true;
    encode_snapshot_block(block, body, kSeed, bytes);
  }
  BlockCheck decode(std::uint64_t seed = kSeed) {
    return decode_snapshot_block(bytes, seed, 100, decoded);
  }
  template <typename T>
  void forge(std::size_t at, T value) {
    base::store_le<T>(bytes.data() + at, value);
    const std::span<std::byte> all(bytes);
    base::store_le(bytes.data(), base::checksum(all.subspan(8), kSeed));
  }

  const std::string body = "what is stored";
  SnapshotBlock block, decoded;
  std::array<std::byte, kSnapshotBlockHeaderBytes> bytes{};
};

TEST_F(SnapshotBlockTest, RoundTrip) {
  ASSERT_EQ(decode(), BlockCheck::valid);
  EXPECT_EQ(decoded, block);
  EXPECT_TRUE(snapshot_body_matches(decoded, body, kSeed));
}

TEST_F(SnapshotBlockTest, EveryFlippedBitIsDamage) {
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    ASSERT_EQ(decode(), BlockCheck::damaged) << bit;
    bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
  }
  ASSERT_EQ(decode(), BlockCheck::valid);
  std::string other = body;
  for (char& c : other) {
    c = static_cast<char>(c ^ 1);
    EXPECT_FALSE(snapshot_body_matches(decoded, other, kSeed));
    c = static_cast<char>(c ^ 1);
  }
  EXPECT_FALSE(snapshot_body_matches(decoded, body + " ", kSeed));
}

TEST_F(SnapshotBlockTest, VerifiesInItsPlaceOnly) {
  EXPECT_EQ(decode(kSeed + 8), BlockCheck::damaged);
  ASSERT_EQ(decode(), BlockCheck::valid);
  EXPECT_FALSE(snapshot_body_matches(decoded, body, kSeed + 8));
}

TEST_F(SnapshotBlockTest, ZerosAreDamageUnderEverySeed) {
  bytes.fill(std::byte{0});
  for (const std::uint64_t seed : {std::uint64_t{0}, kSeed}) {
    EXPECT_EQ(decode(seed), BlockCheck::damaged);
  }
}

TEST_F(SnapshotBlockTest, LengthsHaveLimitsAndWhatIsNewerIsUnsupported) {
  const auto good = bytes;
  const auto check = [&](std::size_t at, auto value) {
    bytes = good;
    forge(at, value);
    return decode();
  };
  EXPECT_EQ(check(12, std::uint32_t{99}), BlockCheck::valid);
  EXPECT_EQ(check(12, std::uint32_t{100}), BlockCheck::damaged) << "it did not shrink";
  EXPECT_EQ(check(16, std::uint32_t{101}), BlockCheck::damaged) << "over the limit";
  EXPECT_EQ(check(16, std::uint32_t{0}), BlockCheck::damaged);
  EXPECT_EQ(check(21, std::uint8_t{0}), BlockCheck::damaged) << "raw, and of two lengths";
  EXPECT_EQ(check(20, std::uint8_t{0}), BlockCheck::unsupported);
  EXPECT_EQ(check(20, std::uint8_t{3}), BlockCheck::unsupported);
  EXPECT_EQ(check(21, std::uint8_t{3}), BlockCheck::unsupported);
  EXPECT_EQ(check(20, std::uint8_t{2}), BlockCheck::damaged) << "no end mark has such a length";
  EXPECT_EQ(check(22, std::uint16_t{7}), BlockCheck::valid) << "reserved";
}

TEST_F(SnapshotBlockTest, RoundTripOfTheEndMark) {
  const SnapshotEnd end{3, std::uint64_t{1} << 40, 0xfedcba9876543210};
  std::array<std::byte, kSnapshotEndBytes> encoded;
  encode_snapshot_end(end, encoded);
  EXPECT_EQ(decode_snapshot_end(encoded), end);
}

}  // namespace
}  // namespace forelog::format
