// Callbacks: each is called once, with what wait() would say, in order of LSN within its level;
// whoever adds them, in whichever order, and however the log ends.
// Suites that many threads take part in have "Concurrent" in their name.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "log/test_disk.h"

namespace forelog::testing {
namespace {

class ConcurrentCompletionsTest : public ::testing::Test {
 protected:
  void SetUp() override { open(); }
  // The disk must outlast the log's thread.
  void TearDown() override {
    hold_syncs_ = false;
    log_.reset();
  }

  void open() {
    Options options = test_options(faults_);
    options.segment_bytes = 4 * MiB;
    options.group_commit_delay_max = std::chrono::microseconds(100);
    Result<Log> log = Log::open(kLogDir, options);
    ASSERT_TRUE(log) << log.error().message();
    log_.emplace(*std::move(log));
  }

  // The log's thread stands in a sync of LSN 1 until let_go().
  void occupy() {
    faults_.set_hook(
        [this](const FaultFileSystem::Call& call) -> std::optional<FaultFileSystem::Fault> {
          if (call.operation != FileOperation::sync_data || !hold_syncs_) return std::nullopt;
          in_sync_ = true;
          while (hold_syncs_) std::this_thread::yield();
          return std::nullopt;
        });
    hold_syncs_ = true;
    ASSERT_EQ(append(), Lsn(1));
    note(Lsn(1));
    while (!in_sync_) std::this_thread::yield();
  }
  void let_go() { hold_syncs_ = false; }

  // Slow enough that it pays to gather what comes back after each.
  void slow_syncs() {
    faults_.set_hook(
        [](const FaultFileSystem::Call& call) -> std::optional<FaultFileSystem::Fault> {
          for (int i = 0; call.operation == FileOperation::sync_data && i < 200; ++i) {
            std::this_thread::yield();
          }
          return std::nullopt;
        });
  }

  Lsn append() {
    const Result<Lsn> lsn = log_->append("record");
    EXPECT_TRUE(lsn) << lsn.error().message();
    return lsn ? *lsn : Lsn();
  }
  void append(int count) {
    for (int i = 0; i < count; ++i) append();
  }

  struct Call {
    Lsn lsn;
    Code code;
  };
  // Only the log's thread notes, and it has ended before anyone looks.
  void note(Lsn lsn, Durability level = Durability::synced) {
    log_->notify(lsn, level, [this, lsn](const Status& status) {
      calls_.push_back({lsn, status.code()});
    });
  }
  void expect_in_order(std::size_t count) {
    ASSERT_EQ(calls_.size(), count);
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(calls_[i].lsn, Lsn(i + 1));
      EXPECT_EQ(calls_[i].code, Code::ok) << i + 1;
    }
  }

  MemoryFileSystem disk_;
  FaultFileSystem faults_{disk_};
  std::atomic<bool> hold_syncs_ = false, in_sync_ = false;
  std::vector<Call> calls_;
  std::optional<Log> log_;
};

TEST_F(ConcurrentCompletionsTest, ThoseThatComeInAnyOrderAreCalledInOrderOfLsn) {
  occupy();
  append(9);
  for (const std::uint64_t lsn : {5U, 3U, 9U, 4U, 10U, 2U, 7U, 8U, 6U}) note(Lsn(lsn));
  let_go();
  ASSERT_TRUE(log_->close().ok());
  expect_in_order(10);
}

TEST_F(ConcurrentCompletionsTest, ManyThatComeBackwardsAreCalledInOrderOfLsn) {
  occupy();
  append(3000);
  for (std::uint64_t lsn = 3001; lsn > 1; --lsn) note(Lsn(lsn));
  let_go();
  ASSERT_TRUE(log_->close().ok());
  expect_in_order(3001);
}

TEST_F(ConcurrentCompletionsTest, OneRecordCanHaveManyAtEveryLevel) {
  occupy();
  std::atomic<int> called = 0;
  append(5);
  for (unsigned i = 0; i < 30; ++i) {
    for (const auto level : {Durability::buffered, Durability::written, Durability::synced}) {
      log_->notify(Lsn(2 + i % 5), level, [&called](const Status& status) {
        EXPECT_TRUE(status.ok()) << status.message();
        ++called;
      });
    }
  }
  let_go();
  ASSERT_TRUE(log_->close().ok());
  EXPECT_EQ(called, 90);
}

// Each callback starts the next record, as a program does that keeps so many in flight.
TEST_F(ConcurrentCompletionsTest, ACallbackAppendsAndAsksForMore) {
  constexpr int kInFlight = 200, kRecords = 5000;
  slow_syncs();
  std::atomic<int> called = 0, started = 0;
  std::function<void(const Status&)> next = [&](const Status& status) {
    EXPECT_TRUE(status.ok()) << status.message();
    if (started.fetch_add(1) < kRecords) log_->notify(append(), Durability::synced, next);
    ++called;
    called.notify_one();
  };
  for (int i = 0; i < kInFlight; ++i) log_->notify(append(), Durability::synced, next);
  for (int seen = 0; (seen = called) < kRecords + kInFlight;) called.wait(seen);
  ASSERT_TRUE(log_->close().ok());
  EXPECT_EQ(called, kRecords + kInFlight);
}

TEST_F(ConcurrentCompletionsTest, OneThatAsksForTheSameRecordAgainIsCalledAgain) {
  std::atomic<int> called = 0;
  const Lsn lsn = append();
  std::function<void(const Status&)> again = [&](const Status& status) {
    EXPECT_TRUE(status.ok()) << status.message();
    if (called.fetch_add(1) < 100) log_->notify(lsn, Durability::synced, again);
    called.notify_one();
  };
  log_->notify(lsn, Durability::synced, again);
  for (int seen = 0; (seen = called) < 101;) called.wait(seen);
  ASSERT_TRUE(log_->close().ok());
  EXPECT_EQ(called, 101);
}

TEST_F(ConcurrentCompletionsTest, ThoseThatWaitWhenASyncFailsAreToldThatItIsUnknown) {
  const Lsn reached = append();
  ASSERT_TRUE(log_->wait(reached).ok());
  faults_.fail_from_nth(FileOperation::sync_data, faults_.count(FileOperation::sync_data) + 1,
                        Status(Code::io_error, "EIO"));
  append(100);
  for (std::uint64_t lsn = 101; lsn > 0; --lsn) note(Lsn(lsn));
  EXPECT_FALSE(log_->close().ok());
  ASSERT_EQ(calls_.size(), 101u);
  std::sort(calls_.begin(), calls_.end(),
            [](const Call& a, const Call& b) { return a.lsn < b.lsn; });
  for (std::size_t i = 0; i < calls_.size(); ++i) {
    EXPECT_EQ(calls_[i].lsn, Lsn(i + 1));
    EXPECT_EQ(calls_[i].code, i == 0 ? Code::ok : Code::outcome_unknown) << i + 1;
  }
}

TEST_F(ConcurrentCompletionsTest, AfterCloseOneIsCalledAtOnce) {
  const Lsn lsn = append();
  ASSERT_TRUE(log_->close().ok());
  note(lsn);
  ASSERT_EQ(calls_.size(), 1u);
  EXPECT_EQ(calls_[0].code, Code::cancelled);
}

TEST_F(ConcurrentCompletionsTest, ALogThatIsDroppedCallsWhatIsDue) {
  occupy();
  append(20);
  for (std::uint64_t lsn = 2; lsn <= 21; ++lsn) note(Lsn(lsn));
  let_go();
  log_.reset();
  EXPECT_EQ(calls_.size(), 21u);
}

TEST_F(ConcurrentCompletionsTest, RecordsThatWereGivenBackAreToldSo) {
  append(10);
  ASSERT_TRUE(log_->keep_through(Lsn(5)).ok());
  for (const std::uint64_t lsn : {8U, 5U, 6U, 3U}) note(Lsn(lsn));
  ASSERT_TRUE(log_->close().ok());
  ASSERT_EQ(calls_.size(), 4u);
  for (const Call& call : calls_) {
    EXPECT_EQ(call.code, call.lsn <= Lsn(5) ? Code::ok : Code::invalid_argument) << call.lsn.value;
  }
}

TEST_F(ConcurrentCompletionsTest, WhatACallbackHoldsGoesWithIt) {
  auto held = std::make_shared<int>(1);
  for (int i = 0; i < 50; ++i) {
    log_->notify(append(), Durability::synced, [held](const Status&) { EXPECT_EQ(*held, 1); });
  }
  ASSERT_TRUE(log_->close().ok());
  EXPECT_EQ(held.use_count(), 1);
}

// Threads whose records mix add theirs in another order than that of the LSNs.
TEST_F(ConcurrentCompletionsTest, ThreadsWithManyInFlight) {
  constexpr int kThreads = 4, kEach = 2000, kInFlight = 300;
  slow_syncs();
  std::atomic<int> called = 0;
  std::atomic<int> all_back[kThreads] = {};
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        std::atomic<int>& back = all_back[thread];
        for (int i = 0; i < kEach; ++i) {
          for (int seen = 0; i - (seen = back) >= kInFlight;) back.wait(seen);
          const Lsn lsn = append();
          const auto level = (i + thread) % 7 == 0 ? Durability::written : Durability::synced;
          log_->notify(lsn, level, [&, lsn, level](const Status& status) {
            EXPECT_TRUE(status.ok()) << status.message();
            EXPECT_LE(lsn, log_->watermarks().at(level));
            ++called;
            ++back;
            back.notify_one();
          });
        }
        for (int seen = 0; (seen = back) < kEach;) back.wait(seen);
      });
    }
  }
  ASSERT_TRUE(log_->close().ok());
  EXPECT_EQ(called, kThreads * kEach);
}

}  // namespace
}  // namespace forelog::testing
