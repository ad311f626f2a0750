// Readers, scanners and checkpoints beside writers, for ThreadSanitizer and for what must hold
// whatever comes in between: a batch is seen whole or not at all, and a view stands still.
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "kv/test_store.h"

namespace forelog::kv {
namespace {

using namespace forelog::kv::testing;
using namespace std::chrono_literals;

constexpr int kAccounts = 64;
constexpr int kEach = 100;

std::string account(int number) {
  std::string name = "account/" + std::to_string(number);
  return name;
}

class ConcurrentKvTest : public ::testing::Test, protected StoreDriver {
 protected:
  void open_accounts() {
    open();
    KvBatch batch;
    for (int i = 0; i < kAccounts; ++i) batch.put(account(i), std::to_string(kEach));
    ASSERT_TRUE(store->write(batch));
  }

  static int sum_of(const KvView& view, KvOrder order) {
    auto cursor = view.scan(KvRange::prefix("account/"), order);
    int sum = 0;
    for (auto entry = cursor->next(); entry && *entry; entry = cursor->next()) {
      sum += std::stoi(std::string((*entry)->value.text()));
    }
    return sum;
  }

  // Moves 1 between two accounts, if both are as they were read.
  bool transfer(int from, int to, Durability level) {
    const auto source = store->get(account(from));
    const auto target = store->get(account(to));
    if (!source || !*source || !target || !*target) return false;
    KvBatch batch;
    batch.require(account(from), (*source)->version).require(account(to), (*target)->version);
    batch.put(account(from), std::to_string(std::stoi((*source)->value) - 1));
    batch.put(account(to), std::to_string(std::stoi((*target)->value) + 1), 1h);
    const auto outcome = store->write(batch, {.level = level});
    EXPECT_TRUE(outcome) << outcome.error().message();
    return outcome && outcome->applied;
  }
};

TEST_F(ConcurrentKvTest, TransfersBesideViewsScansAndCheckpoints) {
  open_accounts();
  constexpr int kTransfers = 300;
  std::atomic<int> writers = 3;
  std::vector<std::thread> threads;
  for (int writer = 0; writer < 3; ++writer) {
    threads.emplace_back([&, writer] {
      for (int i = 0; i < kTransfers; ++i) {
        const int from = (i * 7 + writer) % kAccounts;
        const auto level = i % 3 == 0 ? Durability::synced : Durability::buffered;
        while (!transfer(from, (from + 1 + writer) % kAccounts, level)) {
        }
      }
      --writers;
    });
  }
  for (const KvOrder order : {KvOrder::ascending, KvOrder::descending}) {
    threads.emplace_back([&, order] {
      while (writers > 0) {
        const KvView seen = view();
        EXPECT_EQ(sum_of(seen, order), kAccounts * kEach);
        EXPECT_EQ(sum_of(seen, order), kAccounts * kEach) << "a view stands still";
      }
    });
  }
  threads.emplace_back([&] {
    while (writers > 0) {
      const auto made = store->checkpoint();
      EXPECT_TRUE(made) << made.error().message();
      EXPECT_TRUE(store->stats());
    }
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(stats().versions_kept, 0u);
  EXPECT_EQ(stats().views, 0u);
  const Seen expected = all();
  ASSERT_TRUE(store->close().ok());
  kill_and_open();
  EXPECT_EQ(all(), expected);
}

TEST_F(ConcurrentKvTest, ACounterCountsEveryIncrementOnce) {
  open();
  put("counter", "0");
  std::vector<std::thread> threads;
  for (int writer = 0; writer < 4; ++writer) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        while (true) {
          const auto now = store->get("counter");
          ASSERT_TRUE(now && *now);
          const auto outcome = store->compare_and_set("counter", (*now)->version,
                                                      std::to_string(std::stoi((*now)->value) + 1));
          ASSERT_TRUE(outcome) << outcome.error().message();
          if (outcome->applied) break;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(get("counter"), "400");
  kill_and_open();
  EXPECT_EQ(get("counter"), "400");
}

TEST_F(ConcurrentKvTest, AReaderInAnotherProcessOpensAgainAndAgain) {
  open_accounts();
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 0; i < 300; ++i) {
      while (!transfer(i % kAccounts, (i + 5) % kAccounts, Durability::synced)) {
      }
      if (i % 50 == 0) {
        EXPECT_TRUE(store->checkpoint());
      }
    }
    done = true;
  });
  KvOptions reading = options;
  reading.read_only = true;
  while (!done) {
    auto reader = Kv::open(kDir, reading);
    EXPECT_TRUE(reader) << reader.error().message();
    if (!reader) break;
    EXPECT_EQ(sum_of(*reader->view(), KvOrder::ascending), kAccounts * kEach);
  }
  writer.join();
}

// Old views are released in another order than they were made, while much is replaced.
TEST_F(ConcurrentKvTest, ViewsComeAndGo) {
  open();
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int round = 0; round < 30; ++round) {
      KvBatch batch;
      for (int i = 0; i < 1000; ++i) batch.put(std::to_string(i), std::to_string(round));
      EXPECT_TRUE(store->write(batch, {.level = Durability::buffered}));
    }
    done = true;
  });
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&] {
      std::vector<KvView> views;
      for (std::size_t i = 0; !done; ++i) {
        views.push_back(view());
        if (views.size() > 5) views.erase(views.begin() + static_cast<std::ptrdiff_t>(i % 5));
        const Seen seen = all_of(views[i % views.size()]);
        for (const auto& [key, value] : seen) EXPECT_EQ(value, seen.begin()->second) << key;
      }
    });
  }
  writer.join();
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(stats().versions_kept, 0u);
}

}  // namespace
}  // namespace forelog::kv
