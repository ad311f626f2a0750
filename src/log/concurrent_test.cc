// Every use that log.h calls thread-safe, from many threads at once; run under TSan by `make check`.
// Suites here have "Concurrent" in their name: that is how they are found.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "forelog/fault_file_system.h"
#include "forelog/log.h"
#include "forelog/memory_file_system.h"

namespace forelog {
namespace {

class ConcurrentLogTest : public testing::Test {
 protected:
  void open(Options options = {}) {
    options.file_system = &faults_;
    options.segment_bytes = 64 * KiB;
    options.write_behind = std::chrono::milliseconds(1);
    Result<Log> log = Log::open("/log", options);
    ASSERT_TRUE(log) << log.error().message();
    log_.emplace(*std::move(log));
  }

  template <typename Work>
  static void in_threads(int count, Work work) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < count; ++i) threads.emplace_back([=] { work(i); });
  }

  // Reads the whole log; the records in order of LSN, which must be dense from 1.
  std::vector<std::string> read_all() {
    std::vector<std::string> records;
    Cursor cursor = log_->read();
    while (true) {
      auto entry = cursor.next();
      EXPECT_TRUE(entry) << entry.error().message();
      if (!entry || !*entry) return records;
      EXPECT_EQ((*entry)->lsn.value, records.size() + 1);
      records.emplace_back((*entry)->payload.text());
    }
  }

  MemoryFileSystem disk_;
  FaultFileSystem faults_{disk_};
  std::optional<Log> log_;
};

// One who waits with a deadline does not lead syncs, so the call to lead the next one must not
// stop with him.
TEST_F(ConcurrentLogTest, AWaiterWithADeadlineDoesNotSwallowTheCallToLead) {
  open();
  for (int round = 0; round < 200; ++round) {
    std::atomic<bool> syncing = false, go_on = false;
    faults_.set_hook(
        [&](const FaultFileSystem::Call& call) -> std::optional<FaultFileSystem::Fault> {
          if (call.operation == FileOperation::sync_data && !syncing.exchange(true))
            go_on.wait(false);
          return std::nullopt;
        });
    std::jthread first([&] { EXPECT_TRUE(log_->commit("first")); });
    while (!syncing) std::this_thread::yield();
    const auto second = log_->append("second");
    ASSERT_TRUE(second);
    std::atomic<bool> told = false;
    log_->notify(*second, Durability::synced, [&](const Status& status) {
      EXPECT_TRUE(status.ok()) << status.message();
      told = true;
      told.notify_all();
    });
    std::jthread follower([&] {
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
      EXPECT_TRUE(log_->wait(*second, Durability::synced, deadline).ok());
    });
    std::this_thread::yield();
    go_on = true;
    go_on.notify_all();
    told.wait(false);
  }
  faults_.fail_nothing();
}

TEST_F(ConcurrentLogTest, AppendersOfAllKindsAgreeOnTheOrder) {
  open();
  constexpr int kThreads = 6, kEach = 300;
  std::mutex mutex;
  std::map<std::uint64_t, std::string> acknowledged;
  in_threads(kThreads, [&](int thread) {
    for (int i = 0; i < kEach; ++i) {
      const std::string record = std::to_string(thread) + ":" + std::to_string(i);
      Result<Lsn> lsn = Lsn();
      if (i % 3 == 0) {
        lsn = log_->commit(record);
      } else if (i % 3 == 1) {
        lsn = log_->commit(record, Durability::written);
      } else {
        lsn = log_->append(record);
      }
      ASSERT_TRUE(lsn) << lsn.error().message();
      const std::lock_guard lock(mutex);
      ASSERT_TRUE(acknowledged.emplace(lsn->value, record).second);
    }
  });
  ASSERT_TRUE(log_->wait(log_->watermarks().appended).ok());
  const auto records = read_all();
  ASSERT_EQ(records.size(), static_cast<std::size_t>(kThreads * kEach));
  for (const auto& [lsn, record] : acknowledged) EXPECT_EQ(records[lsn - 1], record);
  ASSERT_TRUE(log_->close().ok());
}

TEST_F(ConcurrentLogTest, BatchesStayTogether) {
  open();
  in_threads(4, [&](int thread) {
    Batch batch;
    for (int i = 0; i < 100; ++i) {
      batch.clear();
      for (int k = 0; k < 1 + i % 5; ++k) {
        batch.add(std::to_string(thread) + ":" + std::to_string(i) + ":" + std::to_string(k));
      }
      Result<LsnRange> range = log_->commit(batch);
      ASSERT_TRUE(range);
      ASSERT_EQ(range->count(), batch.size());
      Cursor cursor = log_->read({.from = range->first, .to = range->last});
      for (int k = 0; k < 1 + i % 5; ++k) {
        auto entry = cursor.next();
        ASSERT_TRUE(entry && *entry);
        ASSERT_EQ((*entry)->payload.text(),
                  std::to_string(thread) + ":" + std::to_string(i) + ":" + std::to_string(k));
      }
    }
  });
}

TEST_F(ConcurrentLogTest, TailsSeeEverythingOnceWhileSegmentsComeAndGo) {
  open();
  constexpr std::uint64_t kRecords = 3000;
  std::atomic<std::uint64_t> slowest{0};
  std::vector<std::atomic<std::uint64_t>> seen(3);
  {
    std::vector<std::jthread> threads;
    for (auto& mine : seen) {
      threads.emplace_back([&] {
        Cursor tail = log_->tail();
        for (std::uint64_t lsn = 1; lsn <= kRecords; ++lsn) {
          auto entry = tail.next();
          ASSERT_TRUE(entry) << entry.error().message();
          ASSERT_TRUE(*entry);
          ASSERT_EQ((*entry)->lsn.value, lsn);
          ASSERT_LE((*entry)->lsn, log_->watermarks().synced);
          ASSERT_EQ((*entry)->payload.size(), 100 + lsn % 200);
          mine = lsn;
        }
      });
    }
    threads.emplace_back([&] {  // Trims behind the slowest tail.
      while (slowest < kRecords) {
        std::uint64_t least = kRecords;
        for (auto& mine : seen) least = std::min(least, mine.load());
        slowest = least;
        ASSERT_TRUE(log_->keep_from(Lsn(std::max<std::uint64_t>(least, 1))).ok());
        std::this_thread::yield();
      }
    });
    for (std::uint64_t lsn = 1; lsn <= kRecords; ++lsn) {
      ASSERT_TRUE(log_->append(std::string(100 + lsn % 200, 't')));
      if (lsn % 7 == 0 || lsn == kRecords) {
        ASSERT_TRUE(log_->wait(Lsn(lsn)).ok());
      }
    }
  }
  EXPECT_GT(log_->first_lsn(), Lsn(1));
}

TEST_F(ConcurrentLogTest, AWaitingTailStopsWhenAsked) {
  open();
  std::stop_source stop;
  std::jthread reader([&] {
    Cursor tail = log_->tail({.stop = stop.get_token()});
    auto entry = tail.next();
    EXPECT_TRUE(entry);
    EXPECT_FALSE(*entry);
  });
  stop.request_stop();
}

TEST_F(ConcurrentLogTest, TailOfAnotherOpenerFollowsTheWriter) {
  open();
  Options reading;
  reading.file_system = &disk_;
  reading.recovery = RecoveryPolicy::read_only;
  Result<Log> reader = Log::open("/log", reading);
  ASSERT_TRUE(reader) << reader.error().message();
  constexpr std::uint64_t kRecords = 2000;
  std::jthread follower([&] {
    Cursor tail = reader->tail();
    for (std::uint64_t lsn = 1; lsn <= kRecords; ++lsn) {
      auto entry = tail.next();
      ASSERT_TRUE(entry) << entry.error().message();
      ASSERT_TRUE(*entry);
      ASSERT_EQ((*entry)->lsn.value, lsn);
      ASSERT_LE((*entry)->lsn, log_->watermarks().synced);
    }
  });
  in_threads(3, [&](int) {
    for (std::uint64_t i = 0; i < kRecords / 3 + 1; ++i) {
      ASSERT_TRUE(log_->commit(std::string(150, 'f')));
    }
  });
}

TEST_F(ConcurrentLogTest, NotifyAndWaitShareSyncs) {
  open();
  std::atomic<int> called{0};
  in_threads(4, [&](int thread) {
    for (int i = 0; i < 200; ++i) {
      Result<Lsn> lsn = log_->append("n");
      ASSERT_TRUE(lsn);
      if (thread % 2 == 0) {
        log_->notify(*lsn, Durability::synced, [&, lsn = *lsn](const Status& status) {
          EXPECT_TRUE(status.ok());
          EXPECT_LE(lsn, log_->watermarks().synced);
          ++called;
        });
      } else {
        ASSERT_TRUE(log_->wait(*lsn, Durability::synced,
                               std::chrono::steady_clock::now() + std::chrono::hours(1))
                        .ok());
      }
    }
  });
  ASSERT_TRUE(log_->close().ok());
  EXPECT_EQ(called, 400);
}

TEST_F(ConcurrentLogTest, TruncationBetweenAppenders) {
  open();
  std::atomic<bool> stop{false};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        Result<Lsn> lsn = log_->append(std::string(200, 'x'));
        ASSERT_TRUE(lsn) << lsn.error().message();
        (void)log_->wait(*lsn);  // It may be gone again, or be another's by now.
      }
    });
  }
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t last = log_->watermarks().appended.value;
    const Status status = log_->keep_through(Lsn(last - last / 4));
    ASSERT_TRUE(status.ok()) << status.message();
  }
  stop = true;
  threads.clear();
  ASSERT_TRUE(log_->wait(log_->watermarks().appended).ok() || log_->watermarks().appended == Lsn());
  const auto marks = log_->watermarks();
  EXPECT_EQ(read_all().size(), marks.synced.value);
}

// A record that was dropped before its commit() began to wait for it does not make that wait for
// another that gets its LSN, and there may be none.
TEST_F(ConcurrentLogTest, CommitsEndThoughTheirRecordsAreDropped) {
  open();
  ASSERT_TRUE(log_->commit("kept"));
  constexpr int kThreads = 4, kRounds = 400;
  for (int round = 0; round < kRounds; ++round) {
    std::atomic<int> left = kThreads;
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (int k = 0; k < 8; ++k) {
          const Result<Lsn> lsn = log_->commit("dropped");
          if (!lsn) {
            EXPECT_EQ(lsn.error().code(), Code::not_found) << lsn.error().message();
          }
        }
        --left;
      });
    }
    while (left > 0) {
      const Status dropped = log_->keep_through(Lsn(1));
      ASSERT_TRUE(dropped.ok()) << dropped.message();
      const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(5);
      const int before = left;
      const Lsn last = log_->watermarks().appended;
      while (left == before && log_->watermarks().appended == last && left > 0 &&
             std::chrono::steady_clock::now() < until) {
        std::this_thread::yield();
      }
      if (std::chrono::steady_clock::now() < until) continue;
      ADD_FAILURE() << "in round " << round << " a commit waits for what was dropped";
      while (left > 0) (void)log_->commit("to let it go");
      return;
    }
  }
}

TEST_F(ConcurrentLogTest, AFailedSyncReachesEveryWaiter) {
  open();
  ASSERT_TRUE(log_->commit("safe"));
  std::atomic<int> waiting{0};
  // The sync is held until all wait for it, then fails.
  faults_.set_hook([&](const FaultFileSystem::Call& call) -> std::optional<FaultFileSystem::Fault> {
    if (call.operation != FileOperation::sync_data || call.name == "WATERMARK") return {};
    while (waiting < 8) std::this_thread::yield();
    return FaultFileSystem::Fault{Status(Code::io_error, "injected"), 0};
  });
  in_threads(8, [&](int) {
    Result<Lsn> lsn = log_->append("lost?");
    ++waiting;
    if (!lsn) return;  // It came behind the failure.
    EXPECT_EQ(log_->wait(*lsn).code(), Code::outcome_unknown);
  });
  faults_.fail_nothing();
  EXPECT_EQ(log_->append("more").error().code(), Code::io_error);
  EXPECT_EQ(log_->watermarks().synced, Lsn(1));
}

TEST_F(ConcurrentLogTest, OneFailedSyncIsNotHiddenByAnotherThatSucceeds) {
  open();
  ASSERT_TRUE(log_->commit("safe"));
  std::atomic<int> syncs{0};
  std::atomic<bool> rotating{false};
  // The first sync from here on fails, but not before a rotation has had every chance to sync the
  // same file: the kernel would tell only one of the two of the failure.
  faults_.set_hook([&](const FaultFileSystem::Call& call) -> std::optional<FaultFileSystem::Fault> {
    if (call.operation != FileOperation::sync_data || call.name == "WATERMARK") return {};
    if (++syncs > 1) return {};
    while (!rotating) std::this_thread::yield();
    for (int i = 0; i < 10'000 && syncs == 1; ++i) std::this_thread::yield();
    return FaultFileSystem::Fault{Status(Code::io_error, "injected"), 0};
  });
  std::jthread waiter([&] { EXPECT_FALSE(log_->commit("lost?")); });
  while (syncs == 0) std::this_thread::yield();
  std::jthread rotator([&] {
    Lsn last;
    for (int i = 0; i < 100; ++i) {
      Result<Lsn> lsn = log_->append(std::string(1000, 'r'));
      if (lsn) last = *lsn;
    }
    rotating = true;
    EXPECT_FALSE(log_->wait(last, Durability::synced).ok());
  });
  waiter.join();
  rotator.join();
  EXPECT_EQ(log_->watermarks().synced, Lsn(1));
}

TEST_F(ConcurrentLogTest, CloseEndsWaits) {
  open();
  std::vector<std::jthread> threads;
  std::atomic<int> started{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      ++started;
      while (true) {
        Result<Lsn> lsn = log_->commit("c");
        if (lsn) continue;
        EXPECT_EQ(lsn.error().code(), Code::cancelled);
        return;
      }
    });
  }
  while (started < 4) std::this_thread::yield();
  EXPECT_TRUE(log_->close().ok());
}

TEST_F(ConcurrentLogTest, MemoryStaysBoundedWhenTheDiskIsSlow) {
  Options options;
  options.buffer_bytes_max = 64 * KiB;
  open(options);
  faults_.set_hook([&](const FaultFileSystem::Call& call) -> std::optional<FaultFileSystem::Fault> {
    if (call.operation == FileOperation::write && call.name != "WATERMARK") {
      std::this_thread::yield();
    }
    return {};
  });
  in_threads(3, [&](int) {
    for (int i = 0; i < 200; ++i) {
      ASSERT_TRUE(log_->append(std::string(4000, 'm')));
      // In this order: what is written may only grow between the two.
      const std::uint64_t appended = log_->watermarks().appended.value;
      const std::uint64_t written = log_->watermarks().written.value;
      // Four thousand bytes a record: at most the buffer, and one record for each appender.
      ASSERT_LE(appended, written + 64 * KiB / 4000 + 4);
    }
  });
  ASSERT_TRUE(log_->close().ok());
}

}  // namespace
}  // namespace forelog
