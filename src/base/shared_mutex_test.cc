#include "base/shared_mutex.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace forelog::base {
namespace {

TEST(ConcurrentSharedMutexTest, ReadersSeeWhatAWriterLeft) {
  SharedMutex mutex;
  std::uint64_t first = 0, second = 0;
  std::atomic<bool> torn{false};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < 2000; ++turn) {
        const SharedLock lock(mutex);
        if (first != second) torn = true;
      }
    });
    threads.emplace_back([&] {
      for (int turn = 0; turn < 2000; ++turn) {
        const ExclusiveLock lock(mutex);
        ++first;
        ++second;
      }
    });
  }
  threads.clear();
  EXPECT_FALSE(torn);
  EXPECT_EQ(first, 4000u);
}

// Readers hand the lock over to each other without a gap. A lock that lets them pass a waiting writer
// would never let it in, and the test would not end.
TEST(ConcurrentSharedMutexTest, AWriterGetsInBetweenReadersThatNeverStop) {
  SharedMutex mutex;
  std::atomic<bool> written{false};
  std::atomic<std::uint64_t> turns{0};
  std::vector<std::jthread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!written) {
        const SharedLock lock(mutex);
        const std::uint64_t seen = turns.fetch_add(1);
        // The other one is inside as well before this one leaves, unless it is kept out.
        for (int spins = 0; spins < 1000 && !written && turns.load() == seen + 1; ++spins) {
          std::this_thread::yield();
        }
      }
    });
  }
  {
    const ExclusiveLock lock(mutex);
    written = true;
  }
  readers.clear();
  EXPECT_TRUE(written);
}

}  // namespace
}  // namespace forelog::base
