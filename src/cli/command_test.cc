#include "cli/command.h"

#include <gtest/gtest.h>

#include "cli/help.h"
#include "cli/table.h"
#include "cli/terminal.h"

namespace forelog::cli {
namespace {

TEST(ExitCodes, FollowTheStatus) {
  const auto exit_code = [](Code code) {
    return static_cast<int>(exit_code_of(Status(code, "why")));
  };
  EXPECT_EQ(static_cast<int>(exit_code_of(Status())), 0);
  EXPECT_EQ(exit_code(Code::io_error), 1);
  EXPECT_EQ(exit_code(Code::no_space), 1);
  EXPECT_EQ(exit_code(Code::unsupported), 1);
  EXPECT_EQ(exit_code(Code::outcome_unknown), 1);
  EXPECT_EQ(exit_code(Code::timed_out), 1);
  EXPECT_EQ(exit_code(Code::cancelled), 1);
  EXPECT_EQ(exit_code(Code::invalid_argument), 2);
  EXPECT_EQ(exit_code(Code::corrupt), 3);
  EXPECT_EQ(exit_code(Code::not_found), 4);
  EXPECT_EQ(exit_code(Code::trimmed), 4);
  EXPECT_EQ(exit_code(Code::busy), 5);
}

TEST(Help, WrapsAtBlanks) {
  EXPECT_EQ(wrapped("one two three", 7), "one two\nthree");
  EXPECT_EQ(wrapped("one two", 7), "one two");
  EXPECT_EQ(wrapped("unbreakable word", 5), "unbreakable\nword");
  EXPECT_EQ(wrapped("unbreakable", 5), "unbreakable");
  EXPECT_EQ(wrapped("", 5), "");
}

TEST(Help, ListsFirstSentences) {
  EXPECT_EQ(first_sentence("Does this\nand that. Then more."), "Does this and that");
  EXPECT_EQ(first_sentence("Only this"), "Only this");
}

TEST(Table, IsAsWideAsItsCells) {
  Table table({{"name"}, {"size", Align::right}});
  table.add({"a long one", "1"});
  table.add({"b", "12345"});
  EXPECT_EQ(table.text("  "),
            "  name         size\n"
            "  a long one      1\n"
            "  b           12345\n");
}

TEST(ProgressText, ShowsShareRateAndTimeLeft) {
  EXPECT_EQ(progress_text({"verify", 512, 1024}, std::chrono::seconds(2)),
            "verify  [##########----------]  50 %   512 B of 1.00 KiB   256 B/s   2 s left");
  EXPECT_EQ(progress_text({"verify", 0, 0}, std::chrono::seconds(2)), "");
  EXPECT_EQ(progress_text({"scan", 2048, 1024}, std::chrono::seconds(1)),
            "scan  [####################]  100 %   1.00 KiB of 1.00 KiB   1.00 KiB/s   0 s left");
}

}  // namespace
}  // namespace forelog::cli
