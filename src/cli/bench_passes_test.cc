#include "cli/bench_passes.h"

#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace forelog::bench {
namespace {

class BenchPasses : public testing::Test {
 protected:
  void SetUp() override { std::ofstream(file_) << std::string(std::size_t{1} << 20, 'x'); }

  // A file that stays in memory has no disk to be read from.
  bool can_be_cold() { return drop_pages(file_).ok() && resident_share(file_).value() < 0.01; }
  void read() const {
    std::ifstream file(file_);
    std::string content(std::size_t{1} << 20, '\0');
    file.read(content.data(), static_cast<std::streamsize>(content.size()));
  }

  TemporaryDirectory home_ = TemporaryDirectory::make(std::filesystem::current_path()).value();
  std::filesystem::path file_ = home_.path() / "file";
};

TEST_F(BenchPasses, DroppedPagesAreGoneAndReadingBringsThemBack) {
  read();
  EXPECT_EQ(resident_share(file_).value(), 1);
  if (!can_be_cold()) GTEST_SKIP() << "this file system keeps its files in memory";
  read();
  EXPECT_EQ(resident_share(file_).value(), 1);
}

TEST_F(BenchPasses, EachColdPassFindsNothingInTheCache) {
  if (!can_be_cold()) GTEST_SKIP() << "this file system keeps its files in memory";
  int found_cold = 0, count = 0;
  const Session session = passes(Pages::cold, {{file_, std::uint64_t{1} << 20}}, 10, [&] {
    if (resident_share(file_).value() < 0.01) ++found_cold;
    ++count;
    read();
    return Status();
  });
  const auto measured = session({.measured = std::chrono::milliseconds(5)});
  ASSERT_TRUE(measured.has_value()) << measured.error().message();
  EXPECT_EQ(found_cold, count);
  EXPECT_EQ(measured->records, static_cast<std::uint64_t>(count) * 10);
}

TEST_F(BenchPasses, ErrorsComeThrough) {
  const auto fails = [] { return Status(Code::corrupt, "damaged"); };
  const Session warm = passes(Pages::warm, {{file_, 1}}, 1, fails);
  EXPECT_EQ(warm({}).error().code(), Code::corrupt);
  const Session nowhere = passes(Pages::cold, {{home_.path() / "none", 1}}, 1, fails);
  EXPECT_EQ(nowhere({}).error().code(), Code::io_error);
}

}  // namespace
}  // namespace forelog::bench
