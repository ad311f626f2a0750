#include "format/seal.h"

#include <gtest/gtest.h>

namespace forelog::format {
namespace {

TEST(SealTest, RoundTrip) {
  const Seal seal{Lsn(5), Lsn(99), 1000, 2000, 17, 0x1234567890abcdef, 128};
  std::vector<std::byte> body(kSealBodyBytes);
  encode_seal(seal, body.data());
  Seal decoded;
  ASSERT_TRUE(decode_seal(ByteView(std::span(body)), decoded));
  EXPECT_EQ(decoded.first_lsn, seal.first_lsn);
  EXPECT_EQ(decoded.last_lsn, seal.last_lsn);
  EXPECT_EQ(decoded.first_time, seal.first_time);
  EXPECT_EQ(decoded.last_time, seal.last_time);
  EXPECT_EQ(decoded.frame_count, seal.frame_count);
  EXPECT_EQ(decoded.digest, seal.digest);
  EXPECT_EQ(decoded.index_bytes, seal.index_bytes);
}

TEST(SealTest, OnlyItsOwnSizeIsASeal) {
  const std::vector<std::byte> body(kSealBodyBytes + 1);
  Seal seal;
  for (std::size_t size = 0; size <= body.size(); ++size) {
    EXPECT_EQ(decode_seal(ByteView(std::span(body)).first(size), seal), size == kSealBodyBytes);
  }
}

struct IndexTest : testing::Test {
  bool decode(const std::vector<IndexEntry>& index) {
    std::vector<std::byte> body(index.size() * kIndexEntryBytes);
    encode_index(index, body.data());
    return decode_index(ByteView(std::span(body)), decoded);
  }
  std::vector<IndexEntry> decoded;
};

TEST_F(IndexTest, RoundTrip) {
  const std::vector<IndexEntry> index = {
      {Lsn(1), 4096, 10}, {Lsn(2), 70000, 10}, {Lsn(900), 140000, 11}};
  ASSERT_TRUE(decode(index));
  EXPECT_EQ(decoded, index);
  EXPECT_TRUE(decode({}));
  EXPECT_TRUE(decoded.empty());
}

TEST_F(IndexTest, EntriesRise) {
  EXPECT_FALSE(decode({{Lsn(2), 4096, 10}, {Lsn(2), 5000, 10}}));
  EXPECT_FALSE(decode({{Lsn(2), 4096, 10}, {Lsn(3), 4096, 10}}));
  EXPECT_FALSE(decode({{Lsn(2), 4096, 10}, {Lsn(3), 5000, 9}}));
}

TEST_F(IndexTest, HalfAnEntryIsNone) {
  const std::vector<std::byte> body(kIndexEntryBytes + 1);
  EXPECT_FALSE(decode_index(ByteView(std::span(body)), decoded));
}

}  // namespace
}  // namespace forelog::format
