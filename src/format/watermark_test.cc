#include "format/watermark.h"

#include <gtest/gtest.h>

#include "base/endian.h"

namespace forelog::format {
namespace {

struct WatermarkTest : testing::Test {
  WatermarkTest() {
    record.sequence = 77;
    for (std::size_t i = 0; i < 16; ++i) record.log_id.bytes[i] = static_cast<std::byte>(i + 3);
    record.written = Lsn(500);
    record.synced = Lsn(499);
    record.segment = 9;
    record.salt = 0xabcdef;
    record.written_offset = 70000;
    record.synced_offset = 69000;
    record.first_segment = 4;
    record.first_lsn = Lsn(100);
    record.generation = 2;
    record.kept_through = Lsn(321);
    encode_watermark(record, bytes);
  }
  WatermarkRecord record, decoded;
  std::array<std::byte, kWatermarkRecordBytes> bytes{};
};

TEST_F(WatermarkTest, RoundTrip) {
  ASSERT_TRUE(decode_watermark(bytes, decoded));
  EXPECT_EQ(decoded.sequence, record.sequence);
  EXPECT_EQ(decoded.log_id, record.log_id);
  EXPECT_EQ(decoded.written, record.written);
  EXPECT_EQ(decoded.synced, record.synced);
  EXPECT_EQ(decoded.segment, record.segment);
  EXPECT_EQ(decoded.salt, record.salt);
  EXPECT_EQ(decoded.written_offset, record.written_offset);
  EXPECT_EQ(decoded.synced_offset, record.synced_offset);
  EXPECT_EQ(decoded.first_segment, record.first_segment);
  EXPECT_EQ(decoded.first_lsn, record.first_lsn);
  EXPECT_EQ(decoded.generation, record.generation);
  EXPECT_EQ(decoded.kept_through, record.kept_through);
}

TEST_F(WatermarkTest, EveryFlippedBitIsNoticed) {
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    EXPECT_FALSE(decode_watermark(bytes, decoded)) << bit;
    bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
  }
}

TEST_F(WatermarkTest, ZerosAndSequenceZeroAreNoRecord) {
  record.sequence = 0;
  encode_watermark(record, bytes);
  EXPECT_FALSE(decode_watermark(bytes, decoded));
  bytes.fill(std::byte{0});
  EXPECT_FALSE(decode_watermark(bytes, decoded));
}

TEST_F(WatermarkTest, LsnsHaveTheirLimit) {
  for (Lsn WatermarkRecord::*const field :
       {&WatermarkRecord::written, &WatermarkRecord::synced, &WatermarkRecord::first_lsn,
        &WatermarkRecord::kept_through}) {
    WatermarkRecord other = record;
    other.*field = Lsn((std::uint64_t{1} << 63) - 1);
    encode_watermark(other, bytes);
    EXPECT_TRUE(decode_watermark(bytes, decoded));
    other.*field = Lsn(std::uint64_t{1} << 63);
    encode_watermark(other, bytes);
    EXPECT_FALSE(decode_watermark(bytes, decoded));
  }
}

TEST_F(WatermarkTest, TheBellIsTheLowHalfOfTheSequence) {
  EXPECT_EQ(base::load_le<std::uint32_t>(bytes.data() + kWatermarkSequenceOffset), 77u);
}

}  // namespace
}  // namespace forelog::format
