// A sync that fails on the disk in memory leaves what a kernel leaves: pages that are called clean,
// are read back, and are not on the disk.
#include <gtest/gtest.h>

#include "forelog/memory_file_system.h"

namespace forelog {
namespace {

class MemorySyncFailureTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto dir = disk_.open_directory("/d", true);
    ASSERT_TRUE(dir);
    dir_ = *std::move(dir);
    file_ = open(OpenMode::create_new);
    write("old");
    ASSERT_TRUE(file_->sync_data().ok());
    ASSERT_TRUE(dir_->sync().ok());
    disk_.fail_next_sync();
    write("new");
    EXPECT_EQ(file_->sync_data().code(), Code::io_error);
  }

  std::unique_ptr<File> open(OpenMode mode) {
    auto file = dir_->open("f", mode);
    EXPECT_TRUE(file);
    return file ? *std::move(file) : nullptr;
  }
  void write(std::string_view text) { ASSERT_TRUE(file_->write_at(0, ByteView(text)).ok()); }
  std::string content() {
    const auto bytes = disk_.read_file("/d/f");
    return bytes ? std::string(ByteView(std::span(*bytes)).text()) : "";
  }

  MemoryFileSystem disk_;
  std::unique_ptr<Directory> dir_;
  std::unique_ptr<File> file_;
};

TEST_F(MemorySyncFailureTest, ReadsShowWhatTheDiskDoesNotHold) {
  EXPECT_EQ(content(), "new");
  disk_.power_cut();
  EXPECT_EQ(content(), "old");
}

TEST_F(MemorySyncFailureTest, TheNextSyncSucceedsAndHelpsNothing) {
  EXPECT_TRUE(file_->sync_data().ok());
  disk_.power_cut();
  EXPECT_EQ(content(), "old");
}

TEST_F(MemorySyncFailureTest, WritingItAgainHelps) {
  write("new");
  EXPECT_TRUE(file_->sync_data().ok());
  disk_.power_cut();
  EXPECT_EQ(content(), "new");
}

}  // namespace
}  // namespace forelog
