#include "format/record.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace forelog::format {
namespace {

std::vector<std::byte> bytes_of(std::initializer_list<unsigned> values) {
  std::vector<std::byte> bytes;
  for (const unsigned value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

// Of a copy of exactly this size, so that a sanitizer sees a read past the end.
bool readable(const std::vector<std::byte>& bytes) {
  const std::vector<std::byte> copy(bytes.begin(), bytes.end());
  RecordReader reader{ByteView(std::span(copy))};
  ByteView payload;
  while (reader.next(payload)) {
  }
  return reader.done();
}

TEST(RecordTest, RoundTripOfSizesAroundEveryBoundary) {
  std::vector<std::string> records;
  for (const std::size_t edge : {0u, 1u, 127u, 128u, 16383u, 16384u, 2097151u, 2097152u}) {
    records.emplace_back(edge, static_cast<char>('a' + records.size()));
  }
  std::size_t size = 0;
  for (const auto& record : records) size += record_bytes(record.size());
  std::vector<std::byte> body(size);
  std::byte* at = body.data();
  for (const auto& record : records) at = put_record(at, record);
  ASSERT_EQ(at, body.data() + body.size());

  RecordReader reader{ByteView(std::span(body))};
  ByteView payload;
  for (const auto& record : records) {
    ASSERT_TRUE(reader.next(payload));
    EXPECT_EQ(payload.text(), record);
  }
  EXPECT_TRUE(reader.done());
  EXPECT_FALSE(reader.next(payload));
}

TEST(RecordTest, LengthsTakeAsManyBytesAsTheyNeed) {
  const std::pair<std::uint64_t, std::size_t> cases[] = {{0, 1},        {127, 1},
                                                         {128, 2},      {16383, 2},
                                                         {16384, 3},    {2097151, 3},
                                                         {2097152, 4},  {(1u << 28) - 1, 4},
                                                         {1u << 28, 5}, {kRecordBytesLimit, 5}};
  for (const auto& [length, bytes] : cases) {
    EXPECT_EQ(varint_bytes(length), bytes) << length;
    std::byte encoded[8];
    EXPECT_EQ(put_varint(encoded, length) - encoded, static_cast<std::ptrdiff_t>(bytes)) << length;
  }
}

TEST(RecordTest, OnlyTheShortestFormOfALengthIsRead) {
  EXPECT_TRUE(readable(bytes_of({0x00})));
  EXPECT_FALSE(readable(bytes_of({0x80, 0x00})));
  EXPECT_FALSE(readable(bytes_of({0x81, 0x00, 'x'})));
  EXPECT_FALSE(readable(bytes_of({0x80, 0x80, 0x00})));
  EXPECT_FALSE(readable(bytes_of({0x80, 0x80, 0x80, 0x80, 0x00})));
}

TEST(RecordTest, ALengthPastTheEndIsNotBelieved) {
  EXPECT_FALSE(readable(bytes_of({0x01})));
  EXPECT_FALSE(readable(bytes_of({0x05, 'a', 'b', 'c', 'd'})));
  EXPECT_FALSE(readable(bytes_of({0x7f})));
  EXPECT_FALSE(readable(bytes_of({0x80})));
  EXPECT_FALSE(readable(bytes_of({0x80, 0x80, 0x80})));
  EXPECT_FALSE(readable(bytes_of({0xff, 0xff, 0xff, 0xff, 0x07})));
  EXPECT_FALSE(readable(bytes_of({0x81, 0x80, 0x80, 0x80, 0x04})));        // Over the limit.
  EXPECT_FALSE(readable(bytes_of({0x80, 0x80, 0x80, 0x80, 0x80, 0x01})));  // Six bytes.
}

TEST(RecordTest, EveryShortBodyIsReadOrRefusedWithinItsBounds) {
  for (unsigned value = 0; value < 0x10000; ++value) {
    const auto body = bytes_of({value & 0xff, value >> 8, 0x02, 'x'});
    (void)readable(body);
  }
}

}  // namespace
}  // namespace forelog::format
