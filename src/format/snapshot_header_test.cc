#include "format/snapshot_header.h"

#include <gtest/gtest.h>

#include "base/checksum.h"
#include "base/endian.h"

namespace forelog::format {
namespace {

struct SnapshotHeaderTest : testing::Test {
  SnapshotHeaderTest() {
    for (std::size_t i = 0; i < 16; ++i) header.log_id.bytes[i] = static_cast<std::byte>(i * 17);
    header.salt = 0x0123456789abcdef;
    header.lsn = Lsn(1000);
    header.begun = 42;
    header.record = {0xfedcba9876543210, 41};
    header.compression = 1;
    header.block_bytes = 256 * 1024;
    header.kind = "kv/2.B_z-9";
    encode_snapshot_header(header, bytes);
  }
  HeaderCheck decode() { return decode_snapshot_header(bytes, decoded, version); }
  template <typename T>
  void forge(std::size_t at, T value) {
    base::store_le<T>(bytes.data() + at, value);
    const std::span<std::byte> all(bytes);
    base::store_le(bytes.data() + 248, base::checksum(all.first(248), 0));
  }

  SnapshotHeader header, decoded;
  std::uint32_t version = 0;
  std::array<std::byte, kSnapshotHeaderBytes> bytes{};
};

TEST_F(SnapshotHeaderTest, RoundTrip) {
  ASSERT_EQ(decode(), HeaderCheck::valid);
  EXPECT_EQ(decoded, header);
  EXPECT_EQ(version, kSnapshotVersion);
}

TEST_F(SnapshotHeaderTest, RoundTripOfTheLeastAndTheMost) {
  SnapshotHeader least;
  least.lsn = Lsn(1);
  least.block_bytes = 1;
  encode_snapshot_header(least, bytes);
  decoded = header;
  ASSERT_EQ(decode(), HeaderCheck::valid);
  EXPECT_EQ(decoded, least);
  header.lsn = Lsn((std::uint64_t{1} << 63) - 1);
  header.block_bytes = kSnapshotBlockBytesLimit;
  header.compression = 255;
  header.kind = std::string(kSnapshotKindBytesMax, 'k');
  encode_snapshot_header(header, bytes);
  ASSERT_EQ(decode(), HeaderCheck::valid);
  EXPECT_EQ(decoded, header);
}

TEST_F(SnapshotHeaderTest, EveryFlippedBitIsDamage) {
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    ASSERT_EQ(decode(), HeaderCheck::damaged) << bit;  // Of the version, too.
    bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
  }
}

TEST_F(SnapshotHeaderTest, ZerosAreDamage) {
  bytes.fill(std::byte{0});
  EXPECT_EQ(decode(), HeaderCheck::damaged);
}

TEST_F(SnapshotHeaderTest, AnotherVersionIsUnsupportedAndNamed) {
  for (const std::uint32_t other : {0u, 2u, 1000u, 0xffffffffu}) {
    forge<std::uint32_t>(8, other);
    EXPECT_EQ(decode(), HeaderCheck::unsupported);
    EXPECT_EQ(version, other);
  }
}

TEST_F(SnapshotHeaderTest, RequiredFlagsAreUnsupportedAndOthersAreNot) {
  for (unsigned bit = 0; bit < 32; ++bit) {
    forge<std::uint32_t>(72, 1u << bit);
    EXPECT_EQ(decode(), bit < 16 ? HeaderCheck::unsupported : HeaderCheck::valid) << bit;
    EXPECT_EQ(version, kSnapshotVersion);
  }
}

TEST_F(SnapshotHeaderTest, WhatCannotBeIsDamageThoughItsChecksumIsRight) {
  const auto good = bytes;
  const auto damaged = [&](std::size_t at, auto value) {
    bytes = good;
    forge(at, value);
    return decode() == HeaderCheck::damaged;
  };
  EXPECT_TRUE(damaged(40, std::uint64_t{0})) << "LSN";
  EXPECT_TRUE(damaged(40, std::uint64_t{1} << 63)) << "LSN";
  EXPECT_TRUE(damaged(76, std::uint32_t{0})) << "block bytes";
  EXPECT_TRUE(damaged(76, kSnapshotBlockBytesLimit + 1)) << "block bytes";
  EXPECT_TRUE(damaged(81, std::uint8_t{33})) << "length of the kind";
  EXPECT_TRUE(damaged(81, std::uint8_t{11})) << "a zero in the kind";
  EXPECT_TRUE(damaged(88, std::uint8_t{' '})) << "kind";
  bytes = good;
  forge<std::uint64_t>(120, 1);
  EXPECT_EQ(decode(), HeaderCheck::valid) << "reserved";
}

TEST_F(SnapshotHeaderTest, TheKeyIsOfEveryByte) {
  const std::uint64_t key = snapshot_key(bytes);
  for (std::byte& byte : bytes) {
    byte ^= std::byte{1};
    EXPECT_NE(snapshot_key(bytes), key);
    byte ^= std::byte{1};
  }
}

TEST(SnapshotKindTest, HasAFewCharacters) {
  EXPECT_TRUE(is_snapshot_kind(""));
  EXPECT_TRUE(is_snapshot_kind("abc.XYZ_019/-"));
  EXPECT_TRUE(is_snapshot_kind(std::string(32, 'a')));
  EXPECT_FALSE(is_snapshot_kind(std::string(33, 'a')));
  for (const char* bad : {" ", "a b", "a\n", "\xc3\xa4", "a:", "@", "[", "`", "{"}) {
    EXPECT_FALSE(is_snapshot_kind(bad)) << bad;
  }
}

TEST(LogIdTest, IsReadBackFromItsText) {
  LogId id;
  for (std::size_t i = 0; i < 16; ++i) id.bytes[i] = static_cast<std::byte>(i * 17 + 3);
  EXPECT_EQ(parse_log_id(to_string(id)), id);
  EXPECT_FALSE(parse_log_id(""));
  EXPECT_FALSE(parse_log_id(to_string(id) + "0"));
  EXPECT_FALSE(parse_log_id("00112233445566778899aabbccddeefg"));
  EXPECT_FALSE(parse_log_id("00112233445566778899AABBCCDDEEFF"));
}

}  // namespace
}  // namespace forelog::format
