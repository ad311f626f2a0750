// A file that cannot be used again is no reason to fail an append: another one is made.
#include "log/segment_supply.h"

#include <gtest/gtest.h>

#include "forelog/fault_file_system.h"
#include "forelog/memory_file_system.h"

namespace forelog::log {
namespace {

constexpr std::uint64_t kSegmentBytes = 64 * KiB;

class SegmentSupplyTest : public testing::Test {
 protected:
  SegmentSupplyTest() {
    dir_ = *faults_.open_directory("/log", true);
    EXPECT_TRUE(dir_->open("old.tmp", OpenMode::create_new).has_value());
  }
  // Every open of old.tmp fails with `code`.
  void refuse_old(Code code) {
    faults_.set_hook(
        [code](const FaultFileSystem::Call& call) -> std::optional<FaultFileSystem::Fault> {
          if (call.operation != FileOperation::open || call.name != "old.tmp") return std::nullopt;
          return FaultFileSystem::Fault{Status(code, "no"), 0};
        });
  }
  Code take() {
    SegmentSupply supply(*dir_, kSegmentBytes, false);
    supply.recycled("old.tmp");
    auto spare = supply.take(kSegmentBytes, false);
    if (spare) name_ = spare->name;
    return spare ? Code::ok : spare.error().code();
  }

  MemoryFileSystem memory_;
  FaultFileSystem faults_{memory_};
  std::unique_ptr<Directory> dir_;
  std::string name_;
};

TEST_F(SegmentSupplyTest, UsesATrimmedFileAgain) {
  EXPECT_EQ(take(), Code::ok);
  EXPECT_EQ(name_, "old.tmp");
}

TEST_F(SegmentSupplyTest, MakesAnotherWhereTheTrimmedOneHasASecondName) {
  refuse_old(Code::invalid_argument);
  EXPECT_EQ(take(), Code::ok);
  EXPECT_NE(name_, "old.tmp");
}

TEST_F(SegmentSupplyTest, TellsWhenTheDiskFails) {
  refuse_old(Code::io_error);
  EXPECT_EQ(take(), Code::io_error);
}

}  // namespace
}  // namespace forelog::log
