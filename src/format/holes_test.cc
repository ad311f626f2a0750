#include "format/holes.h"

#include <gtest/gtest.h>

namespace forelog::format {
namespace {

struct HolesTest : testing::Test {
  HolesTest() {
    log_id.bytes[3] = std::byte{9};
    file = encode_holes(log_id, holes);
  }
  bool decode(const std::vector<std::byte>& bytes) {
    return decode_holes(ByteView(std::span(bytes)), decoded_id, decoded);
  }

  LogId log_id, decoded_id;
  std::vector<Hole> holes = {{1, 4096, 5000, Lsn(1), Lsn(9)}, {7, 0, 1, Lsn(100), Lsn(100)}};
  std::vector<Hole> decoded;
  std::vector<std::byte> file;
};

TEST_F(HolesTest, RoundTrip) {
  ASSERT_TRUE(decode(file));
  EXPECT_EQ(decoded_id, log_id);
  EXPECT_EQ(decoded, holes);
  ASSERT_TRUE(decode(encode_holes(log_id, {})));
  EXPECT_TRUE(decoded.empty());
}

TEST_F(HolesTest, EveryFlippedBitIsNoticed) {
  for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
    file[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    EXPECT_FALSE(decode(file)) << bit;
    file[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
  }
}

TEST_F(HolesTest, EveryOtherLengthIsNoticed) {
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_FALSE(decode({file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)})) << size;
  }
  file.resize(file.size() + 40);
  EXPECT_FALSE(decode(file));
}

}  // namespace
}  // namespace forelog::format
