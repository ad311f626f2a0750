// A directory of which a part is missing is refused before anything is made in it; one that a crash left
// in the middle of its making is not.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "forelog/durable.h"
#include "forelog/fault_file_system.h"
#include "forelog/memory_file_system.h"
#include "snapshot/test_state.h"

namespace forelog {
namespace {

using testing::Ledger;

const std::filesystem::path kDir = "/bank";

class DurableDirectoryTest : public ::testing::Test {
 protected:
  DurableDirectoryTest() {
    options_.log.file_system = &calls_;
    options_.log.segment_bytes = 64 * KiB;
    options_.log.preallocate = false;
    options_.checkpoints.automatic = false;
    options_.snapshots.keep = 1;
  }

  Status open_error() {
    auto opened = Durable<Ledger>::open(kDir, options_);
    return opened ? Status() : opened.error();
  }
  // So many updates, and a snapshot behind them: where they are many the log begins later.
  void make_state(int updates) {
    auto bank = Durable<Ledger>::open(kDir, options_);
    ASSERT_TRUE(bank) << bank.error().message();
    for (int i = 0; i < updates; ++i) ASSERT_TRUE(bank->update("a 1", Durability::buffered));
    ASSERT_TRUE(bank->checkpoint());
    ASSERT_TRUE(bank->close().ok());
  }
  void remove_below(const std::filesystem::path& dir) {
    for (const std::filesystem::path& file : disk_.list_files()) {
      if (file.parent_path() != dir) continue;
      ASSERT_TRUE((*disk_.open_directory(dir, false))->remove(file.filename().string()).ok());
    }
  }
  // As another disk would have it on which there was never such a directory.
  void copy_all_but(std::string_view name) {
    MemoryFileSystem other;
    std::set<std::filesystem::path> dirs = {kDir};
    for (const std::filesystem::path& file : disk_.list_files()) {
      if (*file.lexically_relative(kDir).begin() == name) continue;
      for (auto dir = file.parent_path(); dir != kDir; dir = dir.parent_path()) dirs.insert(dir);
      for (const auto& dir : dirs) ASSERT_TRUE(other.open_directory(dir, true));
      const auto bytes = *disk_.read_file(file);
      ASSERT_TRUE(other.write_file(file, ByteView(std::span<const std::byte>(bytes))).ok());
    }
    const auto before = other.list_files();
    options_.log.file_system = &other;
    refused_ = open_error();
    EXPECT_EQ(other.list_files(), before);
    EXPECT_EQ(other.open_directory(kDir / name, false).error().code(), Code::not_found);
    options_.log.file_system = &calls_;
  }
  bool says(std::string_view part) const {
    return refused_.message().find(part) != std::string_view::npos;
  }

  MemoryFileSystem disk_;
  FaultFileSystem calls_{disk_};
  DurableOptions options_;
  Status refused_;
};

TEST_F(DurableDirectoryTest, WithoutItsLogItIsRefusedAndNoneIsMade) {
  make_state(12);
  copy_all_but("log");
  EXPECT_EQ(refused_.code(), Code::corrupt);
  EXPECT_TRUE(says("/bank/log is missing: the log of this state")) << refused_.message();
  EXPECT_TRUE(says("its newest snapshot, of LSN 12,")) << refused_.message();
  options_.log.recovery = RecoveryPolicy::read_only;
  copy_all_but("log");
  EXPECT_EQ(refused_.code(), Code::corrupt);
}

// As where it was to be mounted.
TEST_F(DurableDirectoryTest, AnEmptyDirectoryInPlaceOfItsLogIsRefused) {
  make_state(12);
  remove_below(kDir / "log");
  const auto before = disk_.list_files();
  refused_ = open_error();
  EXPECT_EQ(refused_.code(), Code::corrupt);
  EXPECT_TRUE(says("/bank/log has no segments: the log of this state")) << refused_.message();
  EXPECT_EQ(disk_.list_files(), before);
}

TEST_F(DurableDirectoryTest, WithoutItsSnapshotsItIsRefusedAndNoDirectoryIsMade) {
  make_state(20'000);
  copy_all_but("snapshots");
  EXPECT_EQ(refused_.code(), Code::trimmed);
  EXPECT_TRUE(says("/bank/snapshots is missing: the log begins at LSN ")) << refused_.message();
  EXPECT_TRUE(says("Nothing was changed")) << refused_.message();
}

TEST_F(DurableDirectoryTest, ALogThatBeginsAtItsFirstRecordNeedsNoSnapshots) {
  options_.checkpoints.trim = false;
  make_state(12);
  remove_below(kDir / "snapshots");
  const auto bank = Durable<Ledger>::open(kDir, options_);
  ASSERT_TRUE(bank) << bank.error().message();
  EXPECT_EQ(bank->applied(), Lsn(12));
}

// A crash behind each call to the file system of the first open.
TEST_F(DurableDirectoryTest, AFirstOpenThatIsCutShortIsDoneAgain) {
  for (std::uint64_t cut = 1;; ++cut) {
    MemoryFileSystem disk;
    FaultFileSystem calls(disk);
    std::uint64_t made = 0;
    calls.set_hook([&](const FaultFileSystem::Call&) -> std::optional<FaultFileSystem::Fault> {
      if (++made < cut) return std::nullopt;
      return FaultFileSystem::Fault{Status(Code::io_error, "cut short"), 0};
    });
    options_.log.file_system = &calls;
    const bool done = open_error().ok();
    calls.fail_nothing();
    disk.kill_process();
    if (cut % 2 == 0) disk.power_cut();
    EXPECT_TRUE(open_error().ok()) << "cut behind call " << cut << ": " << open_error().message();
    if (done) {
      EXPECT_GT(cut, 5u);
      return;
    }
  }
}

TEST_F(DurableDirectoryTest, AStrayLogBesideThatOfTheStateIsNamedFileByFile) {
  make_state(12);
  ASSERT_TRUE(Log::open(kDir, options_.log)->commit("stray"));
  refused_ = open_error();
  EXPECT_EQ(refused_.code(), Code::invalid_argument);
  EXPECT_TRUE(says("whose log is in /bank/log")) << refused_.message();
  EXPECT_TRUE(says("0000000000000001.segment")) << refused_.message();
}

}  // namespace
}  // namespace forelog
