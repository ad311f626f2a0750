// Holders on the disk: the example in docs/format.md, and what is done about damage.
#include "log/holders.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "log/test_disk.h"
#include "support/hex_examples.h"

namespace forelog::log {
namespace {

class HoldersTest : public testing::TestDisk {
 protected:
  std::unique_ptr<Directory> dir_ = *disk_.open_directory(testing::kLogDir, true);
};

TEST_F(HoldersTest, TheExampleInTheFormatIsWhatIsWrittenAndRead) {
  const auto examples =
      format::read_hex_examples(std::string(FORELOG_SOURCE_DIR) + "/docs/format.md");
  const auto example = std::find_if(examples.begin(), examples.end(),
                                    [](const auto& each) { return each.text("kind") == "holder"; });
  ASSERT_NE(example, examples.end());
  const Holder holder{"h", Lsn(example->number("keep_from")), example->number("bytes_max"), false};
  ASSERT_TRUE(put_holder(*dir_, holder).ok());
  const auto bytes = damage_.bytes("holders/h");
  EXPECT_TRUE(bytes == example->bytes) << "holder is written as\n"
                                       << format::to_hex_lines(ByteView(std::span(bytes)));
  damage_.put("holders/h", example->bytes);
  const auto read = read_holders(*dir_);
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), 1u);
  EXPECT_EQ((*read)[0].keep_from, holder.keep_from);
  EXPECT_EQ((*read)[0].bytes_max, holder.bytes_max);
}

TEST_F(HoldersTest, EveryFlippedBitIsTold) {
  ASSERT_TRUE(put_holder(*dir_, {"h", Lsn(5), 0, false}).ok());
  for (std::uint64_t bit = 0; bit < 32 * 8; ++bit) {
    damage_.flip("holders/h", bit / 8, bit % 8);
    const auto read = read_holders(*dir_);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code(), Code::corrupt);
    damage_.flip("holders/h", bit / 8, bit % 8);
  }
  for (const std::uint64_t size : {0u, 31u}) {
    damage_.shorten("holders/h", size);
    EXPECT_EQ(read_holders(*dir_).error().code(), Code::corrupt);
  }
}

TEST_F(HoldersTest, ADamagedHolderKeepsEverything) {
  fill_three_segments();
  ASSERT_TRUE(log_->hold("reader", Lsn(1)).ok());
  damage_.flip("holders/reader", 9);
  EXPECT_EQ(log_->keep_from(Lsn(20)).code(), Code::corrupt);
  EXPECT_EQ(log_->first_lsn(), Lsn(1));
  ASSERT_TRUE(log_->hold("reader", Lsn(2)).ok());  // Set anew, as the message says.
  EXPECT_TRUE(log_->keep_from(Lsn(20)).ok());
  EXPECT_EQ(log_->first_lsn(), Lsn(1));
}

TEST_F(HoldersTest, AHolderIsDurableOnReturn) {
  ASSERT_TRUE(put_holder(*dir_, {"h", Lsn(5), 9, false}).ok());
  disk_.power_cut();
  dir_ = *disk_.open_directory(testing::kLogDir, false);
  EXPECT_EQ(read_holders(*dir_)->size(), 1u);
  ASSERT_TRUE(remove_holder(*dir_, "h").ok());
  disk_.power_cut();
  dir_ = *disk_.open_directory(testing::kLogDir, false);
  EXPECT_TRUE(read_holders(*dir_)->empty());
}

TEST_F(HoldersTest, LeftOverTemporaryFilesAreNoHolders) {
  damage_.put("holders/h.tmp", std::vector<std::byte>(3));
  damage_.put("holders/.hidden", {});
  EXPECT_TRUE(read_holders(*dir_)->empty());
  EXPECT_TRUE(put_holder(*dir_, {"h", Lsn(5), 9, false}).ok());
  EXPECT_EQ(read_holders(*dir_)->size(), 1u);
}

}  // namespace
}  // namespace forelog::log
