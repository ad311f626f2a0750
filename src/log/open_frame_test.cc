#include "log/open_frame.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

namespace forelog::log {
namespace {

class OpenFrameTest : public ::testing::Test {
 protected:
  OpenFrame frame{Lsn(7)};
  std::array<std::byte, 64> bytes{};
};

TEST_F(OpenFrameTest, GivesOutNothingBeforeItIsOpened) {
  EXPECT_EQ(frame.reserve(1, 1).at, nullptr);
  EXPECT_EQ(frame.appended(), Lsn(7));
  EXPECT_EQ(frame.close().records, 0u);
}

TEST_F(OpenFrameTest, GivesOutPlacesAndLsnsOneBehindTheOther) {
  frame.open(bytes.data(), 10, Lsn(8));
  const auto first = frame.reserve(4, 1);
  const auto second = frame.reserve(6, 3);
  EXPECT_EQ(first.at, bytes.data());
  EXPECT_EQ(first.first, Lsn(8));
  EXPECT_EQ(second.at, bytes.data() + 4);
  EXPECT_EQ(second.first, Lsn(9));
  EXPECT_EQ(frame.appended(), Lsn(11));
}

TEST_F(OpenFrameTest, RefusesWhatDoesNotFitAndTakesWhatDoes) {
  frame.open(bytes.data(), 10, Lsn(8));
  EXPECT_EQ(frame.reserve(11, 1).at, nullptr);
  EXPECT_EQ(frame.reserve(std::uint64_t{1} << 40, 1).at, nullptr);
  EXPECT_NE(frame.reserve(10, 1).at, nullptr);
  EXPECT_EQ(frame.reserve(1, 1).at, nullptr);
}

TEST_F(OpenFrameTest, IsEmptyWhenNothingWasGivenOut) {
  frame.open(bytes.data(), 10, Lsn(8));
  EXPECT_EQ(frame.appended(), Lsn(7));
  EXPECT_EQ(frame.close().bytes, 0u);
  EXPECT_EQ(frame.appended(), Lsn(7));
}

TEST_F(OpenFrameTest, ClosedItGivesOutNoMoreAndSaysWhatItGaveOut) {
  frame.open(bytes.data(), 10, Lsn(8));
  (void)frame.reserve(3, 2);
  frame.filled(3);
  const auto taken = frame.close();
  EXPECT_EQ(taken.bytes, 3u);
  EXPECT_EQ(taken.records, 2u);
  EXPECT_EQ(frame.reserve(1, 1).at, nullptr);
  EXPECT_EQ(frame.appended(), Lsn(9));
  EXPECT_EQ(frame.close().bytes, 0u);
  frame.set_appended(Lsn(5));
  EXPECT_EQ(frame.appended(), Lsn(5));
}

TEST_F(OpenFrameTest, HoldsAsManyEmptyRecordsAsFit) {
  std::vector<std::byte> large(OpenFrame::kBytesMax);
  frame.open(large.data(), large.size(), Lsn(8));
  for (std::uint64_t i = 0; i < OpenFrame::kBytesMax; ++i) {
    ASSERT_EQ(frame.reserve(1, 1).first, Lsn(8 + i));
    frame.filled(1);
  }
  EXPECT_EQ(frame.reserve(1, 1).at, nullptr);
  EXPECT_EQ(frame.close().records, OpenFrame::kBytesMax);
}

TEST_F(OpenFrameTest, ClosingWaitsForThoseWhoStillCopy) {
  frame.open(bytes.data(), 10, Lsn(8));
  const auto place = frame.reserve(2, 1);
  std::atomic<bool> copied = false;
  std::thread copier([&] {
    std::memset(place.at, 1, 2);
    copied = true;
    frame.filled(2);
  });
  EXPECT_EQ(frame.close().bytes, 2u);
  EXPECT_TRUE(copied);
  copier.join();
}

// Each LSN goes to one thread, each byte is written by one, through many openings.
TEST_F(OpenFrameTest, ManyThreadsNeverGetTheSamePlace) {
  constexpr std::uint64_t kOpenings = 2000, kThreads = 3, kBytes = 48;
  std::atomic<bool> stop = false;
  std::vector<std::vector<std::uint64_t>> given(kThreads);
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      Lsn seen;
      while (!stop) {
        const auto place = frame.reserve(3, 1);
        if (place.at == nullptr) {
          std::this_thread::yield();
          continue;
        }
        std::memset(place.at, static_cast<int>(i + 1), 3);
        given[i].push_back(place.first.value);
        frame.filled(3);
        EXPECT_GE(frame.appended(), std::max(seen, place.first));
        seen = frame.appended();
      }
    });
  }
  Lsn next(8);
  for (std::uint64_t opening = 0; opening < kOpenings; ++opening) {
    bytes.fill(std::byte{0});
    frame.open(bytes.data(), kBytes, next);
    std::this_thread::yield();
    const auto taken = frame.close();
    ASSERT_EQ(taken.bytes, 3 * taken.records);
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      ASSERT_EQ(bytes[at] != std::byte{0}, at < taken.bytes);
      ASSERT_EQ(bytes[at], bytes[at / 3 * 3]);
    }
    next = Lsn(next.value + taken.records);
    ASSERT_EQ(frame.appended().next(), next);
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  std::vector<bool> seen(next.value);
  for (const auto& each : given) {
    for (const std::uint64_t lsn : each) {
      ASSERT_LT(lsn, next.value);
      ASSERT_FALSE(seen[lsn]);
      seen[lsn] = true;
    }
  }
}

// Nor while it is closed and opened anew: the records of one opening are not counted from the first
// LSN of the next.
TEST_F(OpenFrameTest, NeverTellsOfMoreThanItGaveOut) {
  constexpr std::uint64_t kReads = 100'000'000, kRecords = 32, kEmpty = 3;
  std::atomic<std::uint64_t> last = 7;  // What may have been given out by now.
  std::atomic<bool> stop = false;
  std::thread reader([&] {
    std::uint64_t too_many = 0;
    for (std::uint64_t i = 0; i < kReads; ++i) too_many += frame.appended().value > last.load();
    EXPECT_EQ(too_many, 0u);
    stop = true;
  });
  for (std::uint64_t opening = 0; !stop; ++opening) {
    const bool empty = opening % (kEmpty + 1) > 0;
    const Lsn next(last + 1);
    if (!empty) last += kRecords;
    frame.open(bytes.data(), bytes.size(), next);
    if (!empty) {
      (void)frame.reserve(kRecords, kRecords);
      frame.filled(kRecords);
    }
    (void)frame.close();
  }
  reader.join();
}

}  // namespace
}  // namespace forelog::log
