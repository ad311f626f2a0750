// Finding a record by time, in a log of many segments, some of which cannot tell.
#include <gtest/gtest.h>

#include "log/test_disk.h"

namespace forelog::testing {
namespace {

class SeekTest : public TestDisk {
 protected:
  static Timestamp at(std::uint64_t hour) {
    return Timestamp(std::chrono::hours(24 * 365 * 100 + hour));
  }
  // A record an hour, LSN 1 at hour 1; 13 or so to a segment.
  void fill(std::uint64_t hours) {
    open();
    for (std::uint64_t hour = 1; hour <= hours; ++hour) {
      disk_.set_now(at(hour));
      commit(1, 5000);
    }
    close();
  }
  Log reader() {
    auto log = try_open(RecoveryPolicy::read_only);
    EXPECT_TRUE(log) << log.error().message();
    return *std::move(log);
  }
};

TEST_F(SeekTest, OpensFewSegmentsHoweverManyThereAre) {
  fill(600);
  const std::size_t segments = damage_.files(".segment").size();
  ASSERT_GT(segments, 40u);
  const Log log = reader();
  for (std::uint64_t hour = 1; hour <= 600; hour += 7) {
    faults_.reset_counts();
    const auto found = log.find(at(hour));
    ASSERT_TRUE(found) << found.error().message();
    EXPECT_EQ(found->value, hour);
    EXPECT_LE(faults_.count(FileOperation::open), 12u);
  }
  EXPECT_EQ(*log.find(at(0)), Lsn(1));
  EXPECT_EQ(log.find(at(601)).error().code(), Code::not_found);
}

TEST_F(SeekTest, ASegmentThatCannotTellIsStoodInForByTheOneBefore) {
  fill(120);
  const std::size_t segments = damage_.files(".segment").size();
  ASSERT_GT(segments, 6u);
  for (std::uint64_t number = 1; number < segments; ++number) {
    const auto frames = damage_.frames(number);
    const std::uint64_t first = frames.front().header.first_lsn.value;
    const std::uint64_t last = frames.back().header.next_lsn().value - 1;
    damage_.flip(damage_.segment(number), frames.front().offset + 8);
    const Log log = reader();
    for (std::uint64_t hour = 1; hour <= 120; ++hour) {
      if (hour >= first && hour <= last + 1)
        continue;  // Or what is in front of it is read through.
      const auto found = log.find(at(hour));
      ASSERT_TRUE(found) << "segment " << number << ", hour " << hour << ": "
                         << found.error().message();
      EXPECT_EQ(found->value, hour);
    }
    damage_.flip(damage_.segment(number), frames.front().offset + 8);
  }
}

}  // namespace
}  // namespace forelog::testing
