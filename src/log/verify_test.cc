// verify takes a log's segments on several threads, where the machine has them. What it says must not
// depend on that. Run under TSan too.
#include <gtest/gtest.h>

#include <atomic>
#include <stop_token>
#include <thread>

#include "log/test_disk.h"

namespace forelog::testing {
namespace {

// A log that is long enough for more than one thread.
class ConcurrentVerifyTest : public TestDisk {
 protected:
  static constexpr std::uint64_t kSegments = 20;
  static constexpr int kTurns = kSanitized ? 2 : 10;

  ConcurrentVerifyTest() {
    options_.segment_bytes = MiB;
    looking_.file_system = &faults_;
  }

  void fill() {
    open();
    while (damage_.files(".segment").size() < kSegments) commit(1, 60000);
    commit(3, 60000);
    close();
  }
  // Of the nth frame of a segment.
  std::uint64_t inside(std::uint64_t segment, std::size_t nth) {
    return damage_.frames(segment).at(nth).offset + format::kFrameHeaderBytes + 10;
  }

  InspectOptions looking_;
};

TEST_F(ConcurrentVerifyTest, CountsEveryRecordOnce) {
  fill();
  const auto report = verify(kLogDir, looking_);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->recovery.verdict, Verdict::clean) << report->recovery.to_string();
  EXPECT_EQ(report->segments, kSegments);
  EXPECT_EQ(report->records, expected_.size());
  EXPECT_GT(report->bytes, expected_.size() * 60000);
}

TEST_F(ConcurrentVerifyTest, TellsOfDamageInTheOrderOfTheLog) {
  fill();
  for (std::uint64_t segment = 1; segment < kSegments; ++segment) {
    damage_.flip(damage_.segment(segment), inside(segment, 9));
    damage_.flip(damage_.segment(segment), inside(segment, 4));
  }
  for (int turn = 0; turn < kTurns; ++turn) {
    const auto report = verify(kLogDir, looking_);
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_EQ(report->recovery.verdict, Verdict::rot);
    const auto& damage = report->recovery.damage;
    ASSERT_EQ(damage.size(), 2 * (kSegments - 1)) << report->recovery.to_string();
    for (std::size_t i = 0; i < damage.size(); ++i) {
      EXPECT_EQ(damage[i].file, damage_.segment(i / 2 + 1));
      if (i > 0) {
        EXPECT_LT(damage[i - 1].last_lsn, damage[i].first_lsn);
      }
    }
    EXPECT_EQ(report->records, expected_.size() - damage.size());
  }
}

TEST_F(ConcurrentVerifyTest, ReturnsTheFirstOfSeveralErrorsInTheOrderOfTheLog) {
  fill();
  // The survey itself reads the last segment, and would be the first to fail.
  const std::string last = damage_.segment(kSegments);
  faults_.set_hook([first = damage_.segment(6), last](
                       const FaultFileSystem::Call& call) -> std::optional<FaultFileSystem::Fault> {
    const bool there = call.operation == FileOperation::read && call.offset > 100 * KiB &&
                       call.offset < 800 * KiB && call.name.ends_with(".segment") &&
                       call.name >= first && call.name < last;
    if (!there) return std::nullopt;
    return FaultFileSystem::Fault{Status(Code::io_error, std::string(call.name)), 0};
  });
  for (int turn = 0; turn < kTurns; ++turn) {
    const auto report = verify(kLogDir, looking_);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code(), Code::io_error);
    EXPECT_EQ(report.error().message(), damage_.segment(6));
  }
}

TEST_F(ConcurrentVerifyTest, TellsOfItsProgressOnTheCallersThreadAndUpToTheEnd) {
  fill();
  const auto caller = std::this_thread::get_id();
  std::uint64_t done = 0, total = 0;
  looking_.on_progress = [&](const Progress& progress) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    if (progress.phase != "verify") return;
    EXPECT_GE(progress.bytes_done, done);
    done = progress.bytes_done;
    total = progress.bytes_total;
  };
  const auto report = verify(kLogDir, looking_);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(done, report->bytes);
  EXPECT_EQ(total, report->bytes + kSegments * format::kSegmentHeaderBytes);
}

TEST_F(ConcurrentVerifyTest, StopsInTheMiddle) {
  fill();
  std::stop_source source;
  looking_.stop = source.get_token();
  constexpr int kReads = 70;  // More than the survey makes.
  std::atomic<int> reads{0};
  faults_.set_hook([&](const FaultFileSystem::Call& call) -> std::optional<FaultFileSystem::Fault> {
    if (call.operation == FileOperation::read && ++reads == kReads) source.request_stop();
    return std::nullopt;
  });
  EXPECT_EQ(verify(kLogDir, looking_).error().code(), Code::cancelled);
  EXPECT_LT(reads, kReads + 10);
}

}  // namespace
}  // namespace forelog::testing
