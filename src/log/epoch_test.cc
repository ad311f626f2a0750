// Log::begin_epoch: a copy of a log goes on by itself, and every segment from there on says so.
#include <gtest/gtest.h>

#include "log/test_disk.h"

namespace forelog::testing {
namespace {

class EpochTest : public TestDisk {};

TEST_F(EpochTest, ALogBeginsInEpochZero) {
  open();
  commit(3);
  EXPECT_EQ(info().epoch, Epoch());
}

TEST_F(EpochTest, BeginsWithoutDroppingAnything) {
  open();
  commit(3);
  const auto begun = log_->begin_epoch(Lsn(3));
  ASSERT_TRUE(begun) << begun.error().message();
  EXPECT_EQ(begun->number, 1u);
  EXPECT_NE(begun->branch, 0u);
  EXPECT_EQ(begun->parent, 0u);
  EXPECT_EQ(begun->first_lsn, Lsn(4));
  EXPECT_EQ(info().epoch, *begun);
  commit(1);
  EXPECT_EQ(log_->watermarks().synced, Lsn(4));
  disk_.power_cut();
  open();
  EXPECT_EQ(log_->first_lsn(), Lsn(1));
  EXPECT_EQ(log_->watermarks().synced, Lsn(4));
  EXPECT_EQ(info().epoch, *begun);
}

TEST_F(EpochTest, BeginsBehindWhatIsKept) {
  open();
  commit(5);
  const auto begun = log_->begin_epoch(Lsn(2));
  ASSERT_TRUE(begun);
  EXPECT_EQ(begun->first_lsn, Lsn(3));
  EXPECT_EQ(*log_->append("another"), Lsn(3));
  EXPECT_FALSE(log_->begin_epoch(Lsn(100)));
  EXPECT_EQ(info().epoch, *begun);
}

TEST_F(EpochTest, EverySegmentBehindItIsInIt) {
  open();
  commit(3);
  const auto first = log_->begin_epoch(Lsn(3));
  ASSERT_TRUE(first);
  commit(4, 60'000);  // Rotations.
  EXPECT_EQ(info().epoch, *first);
  ASSERT_TRUE(log_->keep_through(Lsn(5)).ok());
  EXPECT_EQ(info().epoch, *first);
  const auto second = log_->begin_epoch(Lsn(5));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->number, 2u);
  EXPECT_EQ(second->parent, first->branch);
  EXPECT_NE(second->branch, first->branch);
  commit(1);
  // A torn tail is cut off by a segment of the same epoch.
  ASSERT_TRUE(log_->append("torn"));
  ASSERT_TRUE(log_->wait(Lsn(7), Durability::written).ok());
  std::uint64_t choice = 0;
  disk_.power_cut([&](std::uint64_t choices) { return choice++ % choices; });
  open();
  EXPECT_EQ(info().epoch, *second);
}

// Whichever call is the last that reaches the disk, the log is in the old epoch or in the new one.
TEST_F(EpochTest, ACrashLeavesTheOldOrTheNew) {
  bool cut = true;
  for (std::uint64_t n = 1; cut; ++n) {
    cut = false;
    log_.reset();
    disk_ = MemoryFileSystem();
    open();
    commit(5);
    std::uint64_t made = 0;
    faults_.set_hook([&](const FaultFileSystem::Call&) -> std::optional<FaultFileSystem::Fault> {
      if (++made < n) return std::nullopt;
      cut = true;
      return FaultFileSystem::Fault{Status(Code::io_error, "the power went"), 0};
    });
    const auto begun = log_->begin_epoch(Lsn(4));
    faults_.fail_nothing();
    disk_.power_cut();
    open();
    const Epoch now = info().epoch;
    const Lsn last = log_->watermarks().synced;
    if (begun) {
      EXPECT_EQ(now, *begun);
    }
    EXPECT_EQ(last, now.number == 0 ? Lsn(5) : Lsn(4)) << "call " << n;
  }
}

}  // namespace
}  // namespace forelog::testing
