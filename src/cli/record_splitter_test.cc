#include "cli/record_splitter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace forelog::cli {
namespace {

using namespace std::string_view_literals;

class RecordSplitterTest : public ::testing::Test {
 protected:
  // What comes out when `input` comes in blocks of `block` bytes.
  Status split(std::string_view input, std::size_t block, char separator = '\n',
               std::uint64_t record_bytes_max = 10) {
    records_.clear();
    RecordSplitter splitter(separator, record_bytes_max);
    const auto take = [this](std::string_view record) {
      if (record == "bad") return Status(Code::no_space, "refused");
      records_.emplace_back(record);
      return Status();
    };
    for (std::size_t at = 0; at < input.size(); at += block) {
      if (Status status = splitter.feed(input.substr(at, block), take); !status.ok()) return status;
    }
    Status status = splitter.finish(take);
    EXPECT_EQ(splitter.records(), records_.size());
    return status;
  }

  std::vector<std::string> records_;
};

using Records = std::vector<std::string>;

TEST_F(RecordSplitterTest, CutsAtEverySeparatorWhateverTheBlocks) {
  for (std::size_t block = 1; block < 12; ++block) {
    ASSERT_TRUE(split("one\n\ntwo\nthree\n", block).ok());
    EXPECT_EQ(records_, (Records{"one", "", "two", "three"})) << block;
  }
}

TEST_F(RecordSplitterTest, TakesTheLastRecordWithoutASeparator) {
  ASSERT_TRUE(split("one\ntwo", 2).ok());
  EXPECT_EQ(records_, (Records{"one", "two"}));
  ASSERT_TRUE(split("", 1).ok());
  EXPECT_EQ(records_, Records{});
  ASSERT_TRUE(split("\n", 1).ok());
  EXPECT_EQ(records_, Records{""});
}

TEST_F(RecordSplitterTest, SeparatesByNulToo) {
  ASSERT_TRUE(split("a\nb\0c\0"sv, 3, '\0').ok());
  EXPECT_EQ(records_, (Records{"a\nb", "c"}));
}

TEST_F(RecordSplitterTest, NamesTheRecordThatIsTooLong) {
  for (const std::size_t block : {1u, 5u, 100u}) {
    const Status status = split("0123456789\nok\n0123456789x\nlost\n", block);
    EXPECT_EQ(status.code(), Code::invalid_argument);
    EXPECT_NE(status.message().find("line 3 "), std::string::npos) << status.message();
    EXPECT_EQ(records_, (Records{"0123456789", "ok"}));
  }
}

TEST_F(RecordSplitterTest, KeepsNoMoreOfALongRecordThanItMay) {
  RecordSplitter splitter('\n', 10);
  const auto take = [](std::string_view) { return Status(); };
  EXPECT_TRUE(splitter.feed("0123456789", take).ok());
  EXPECT_FALSE(splitter.feed("0", take).ok());
  EXPECT_EQ(splitter.partial_bytes(), 10u);
}

TEST_F(RecordSplitterTest, StopsWhereARecordIsNotTaken) {
  EXPECT_EQ(split("a\nbad\nb\n", 3).code(), Code::no_space);
  EXPECT_EQ(records_, Records{"a"});
}

}  // namespace
}  // namespace forelog::cli
