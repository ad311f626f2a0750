#include "format/segment_header.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "base/checksum.h"
#include "base/endian.h"

namespace forelog::format {
namespace {

struct SegmentHeaderTest : testing::Test {
  SegmentHeaderTest() {
    for (std::size_t i = 0; i < 16; ++i) header.log_id.bytes[i] = static_cast<std::byte>(i * 17);
    header.number = 12;
    header.salt = 0x0123456789abcdef;
    header.first_lsn = Lsn(1000);
    header.created = 42;
    header.predecessor = {11, 0xfedcba9876543210, 65432, 0xaaaabbbbccccdddd, true};
    header.epoch = {3, 0x1111222233334444, 0x5555666677778888, Lsn(900)};
    encode_segment_header(header, bytes);
  }
  HeaderCheck decode() { return decode_segment_header(bytes, decoded, version); }
  template <typename T>
  void forge(std::size_t at, T value) {
    base::store_le<T>(bytes.data() + at, value);
    const std::span<std::byte> all(bytes);
    base::store_le<std::uint64_t>(bytes.data() + 4088, base::checksum(all.first(4088), 0));
  }

  SegmentHeader header, decoded;
  std::uint32_t version = 0;
  std::array<std::byte, kSegmentHeaderBytes> bytes{};
};

TEST_F(SegmentHeaderTest, RoundTrip) {
  ASSERT_EQ(decode(), HeaderCheck::valid);
  EXPECT_EQ(decoded.log_id, header.log_id);
  EXPECT_EQ(decoded.number, header.number);
  EXPECT_EQ(decoded.salt, header.salt);
  EXPECT_EQ(decoded.first_lsn, header.first_lsn);
  EXPECT_EQ(decoded.created, header.created);
  EXPECT_EQ(decoded.predecessor, header.predecessor);
  EXPECT_EQ(decoded.epoch, header.epoch);
  EXPECT_EQ(version, kFormatVersion);
}

TEST_F(SegmentHeaderTest, EveryFlippedBitIsDamage) {
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    ASSERT_EQ(decode(), HeaderCheck::damaged) << bit;  // Of the version, too.
    bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
  }
}

TEST_F(SegmentHeaderTest, ZerosAreDamage) {
  bytes.fill(std::byte{0});
  EXPECT_EQ(decode(), HeaderCheck::damaged);
}

TEST_F(SegmentHeaderTest, AnotherVersionIsUnsupportedAndNamed) {
  for (const std::uint32_t other : {0u, 2u, 1000u, 0xffffffffu}) {
    forge<std::uint32_t>(8, other);
    EXPECT_EQ(decode(), HeaderCheck::unsupported);
    EXPECT_EQ(version, other);
  }
}

TEST_F(SegmentHeaderTest, WhatCannotBeIsDamageThoughItsChecksumIsRight) {
  const auto good = bytes;
  forge<std::uint64_t>(32, 0);  // Number.
  EXPECT_EQ(decode(), HeaderCheck::damaged);
  bytes = good;
  forge<std::uint64_t>(48, 0);  // First LSN.
  EXPECT_EQ(decode(), HeaderCheck::damaged);
  bytes = good;
  forge<std::uint64_t>(48, std::uint64_t{1} << 63);
  EXPECT_EQ(decode(), HeaderCheck::damaged);
  bytes = good;
  forge<std::uint64_t>(64, 12);  // Its own predecessor.
  EXPECT_EQ(decode(), HeaderCheck::damaged);
}

TEST_F(SegmentHeaderTest, TheKeyDependsOnAllOfTheIdentityAndOnNothingElse) {
  std::set<std::uint64_t> keys = {segment_key(header)};
  SegmentHeader other = header;
  other.number ^= 1;
  keys.insert(segment_key(other));
  other = header;
  other.salt ^= 1;
  keys.insert(segment_key(other));
  for (std::size_t i = 0; i < 16; ++i) {
    other = header;
    other.log_id.bytes[i] ^= std::byte{1};
    keys.insert(segment_key(other));
  }
  EXPECT_EQ(keys.size(), 19u);
  other = header;
  other.first_lsn = Lsn(1);
  other.predecessor = {};
  EXPECT_EQ(segment_key(other), segment_key(header));
}

TEST_F(SegmentHeaderTest, TheDigestDependsOnTheOrderOfFrames) {
  const std::vector<std::byte> a(56, std::byte{1}), b(56, std::byte{2});
  EXPECT_NE(fold_digest(fold_digest(7, a), b), fold_digest(fold_digest(7, b), a));
  EXPECT_NE(fold_digest(7, a), fold_digest(8, a));
}

TEST_F(SegmentHeaderTest, TheIdentityReadsAsHexadecimal) {
  EXPECT_EQ(to_string(header.log_id), "00112233445566778899aabbccddeeff");
}

}  // namespace
}  // namespace forelog::format
