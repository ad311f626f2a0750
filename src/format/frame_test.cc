#include "format/frame.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "base/checksum.h"
#include "base/endian.h"
#include "format/record.h"
#include "format/segment_header.h"

namespace forelog::format {
namespace {

struct FrameTest : testing::Test {
  FrameTest() {
    for (std::size_t i = 0; i < 16; ++i) log_id.bytes[i] = static_cast<std::byte>(i + 1);
    body.resize(align_up(11));
    std::byte* end = put_record(body.data(), "hello");
    end = put_record(end, "");
    end = put_record(end, "abc");
    header.body_bytes = static_cast<std::uint32_t>(end - body.data());
    header.first_lsn = Lsn(7);
    header.synced = Lsn(5);
    header.time = 1'700'000'000'000'000'000;
    header.record_count = 3;
    encode();
  }

  std::uint64_t seed() const { return position_seed(segment_key(log_id, number, salt), offset); }
  void encode() { encode_frame_header(header, ByteView(std::span(body)), seed(), bytes); }
  FrameCheck decode() { return decode_frame_header(bytes, seed(), decoded); }
  // Writes `value` at `at` of the header, and makes its checksum right again.
  template <typename T>
  void forge(std::size_t at, T value) {
    base::store_le<T>(bytes.data() + at, value);
    const std::span<std::byte> all(bytes);
    base::store_le<std::uint64_t>(bytes.data(), base::checksum(all.subspan(8), seed()));
  }

  LogId log_id;
  std::uint64_t number = 3, salt = 0x1122334455667788, offset = 4096;
  FrameHeader header, decoded;
  std::vector<std::byte> body;
  std::array<std::byte, kFrameHeaderBytes> bytes{};
};

TEST_F(FrameTest, RoundTrip) {
  ASSERT_EQ(decode(), FrameCheck::valid);
  EXPECT_EQ(decoded.body_bytes, header.body_bytes);
  EXPECT_EQ(decoded.body_checksum, header.body_checksum);
  EXPECT_EQ(decoded.first_lsn, Lsn(7));
  EXPECT_EQ(decoded.synced, Lsn(5));
  EXPECT_EQ(decoded.time, header.time);
  EXPECT_EQ(decoded.record_count, 3u);
  EXPECT_EQ(decoded.kind, FrameKind::data);
  EXPECT_EQ(decoded.flags, 0u);
  EXPECT_EQ(decoded.next_lsn(), Lsn(10));
  EXPECT_TRUE(frame_body_matches(decoded, ByteView(std::span(body)), seed()));
}

TEST_F(FrameTest, EveryFlippedBitIsNoticed) {
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    EXPECT_EQ(decode(), FrameCheck::bad_header) << bit;
    bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
  }
  for (std::size_t bit = 0; bit < body.size() * 8; ++bit) {  // Padding included.
    body[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    EXPECT_FALSE(frame_body_matches(header, ByteView(std::span(body)), seed())) << bit;
    body[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
  }
}

TEST_F(FrameTest, ZerosAreNoFrameWhateverTheSeed) {
  bytes.fill(std::byte{0});
  for (std::uint64_t at = 0; at < 10000; at += 8) {
    EXPECT_EQ(decode_frame_header(bytes, at, decoded), FrameCheck::zeros);
  }
  bytes[55] = std::byte{1};
  EXPECT_EQ(decode(), FrameCheck::bad_header);
}

TEST_F(FrameTest, VerifiesOnlyWhereItWasWritten) {
  offset += 8;
  EXPECT_EQ(decode(), FrameCheck::bad_header);
  offset -= 8;
  number += 1;
  EXPECT_EQ(decode(), FrameCheck::bad_header);
  number -= 1;
  salt ^= 1;
  EXPECT_EQ(decode(), FrameCheck::bad_header);
  salt ^= 1;
  log_id.bytes[15] ^= std::byte{1};
  EXPECT_EQ(decode(), FrameCheck::bad_header);
  EXPECT_FALSE(frame_body_matches(header, ByteView(std::span(body)), seed()));
  log_id.bytes[15] ^= std::byte{1};
  EXPECT_EQ(decode(), FrameCheck::valid);
}

TEST_F(FrameTest, AnUnknownRequiredFlagOrKindNeedsANewerReader) {
  for (std::uint16_t flag = 1; flag != 0; flag = static_cast<std::uint16_t>(flag << 1)) {
    header.flags = flag;
    encode();
    EXPECT_EQ(decode(),
              (flag & kFrameRequiredFlags) != 0 ? FrameCheck::unsupported : FrameCheck::valid);
  }
  header.flags = 0;
  encode();
  for (unsigned kind = 0; kind < 256; ++kind) {
    forge<std::uint8_t>(52, static_cast<std::uint8_t>(kind));
    EXPECT_EQ(decode(), kind >= 1 && kind <= 4 ? FrameCheck::valid : FrameCheck::unsupported);
  }
}

TEST_F(FrameTest, WhatCannotBeIsRejectedThoughItsChecksumIsRight) {
  const auto good = bytes;
  forge<std::uint32_t>(12, 0x80000000u);  // A body over the limit.
  EXPECT_EQ(decode(), FrameCheck::bad_header);
  bytes = good;
  forge<std::uint64_t>(24, 0);  // No LSN.
  EXPECT_EQ(decode(), FrameCheck::bad_header);
  bytes = good;
  forge<std::uint64_t>(24, kLsnLimit);
  EXPECT_EQ(decode(), FrameCheck::bad_header);
  bytes = good;
  forge<std::uint64_t>(32, 7);  // Synced before it was written.
  EXPECT_EQ(decode(), FrameCheck::bad_header);
  bytes = good;
  forge<std::uint32_t>(12, static_cast<std::uint32_t>(kFrameBodyLimit));
  EXPECT_EQ(decode(), FrameCheck::valid);  // Whether it fits the file is the scanner's question.
}

TEST(FrameSizes, AreMultiplesOfEight) {
  EXPECT_EQ(frame_bytes(0), 56u);
  EXPECT_EQ(frame_bytes(1), 64u);
  EXPECT_EQ(frame_bytes(8), 64u);
  EXPECT_EQ(frame_bytes(9), 72u);
  EXPECT_EQ(frame_bytes(kFrameBodyLimit), 56 + (std::uint64_t{1} << 31));
}

}  // namespace
}  // namespace forelog::format
