// A Durable in the hands of many threads at once: all that durable.h allows.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "forelog/durable.h"
#include "forelog/memory_file_system.h"
#include "snapshot/test_state.h"

namespace forelog {
namespace {

using testing::Ledger;
using testing::PlainLedger;

constexpr int kUpdaters = 3, kEach = 150;

DurableOptions options_on(FileSystem& disk) {
  DurableOptions options;
  options.log.file_system = &disk;
  options.log.segment_bytes = 64 * KiB;
  options.checkpoints.log_bytes_max = 500;
  return options;
}

template <typename State>
class ConcurrentDurableTest : public ::testing::Test {};
using States = ::testing::Types<Ledger, PlainLedger>;
TYPED_TEST_SUITE(ConcurrentDurableTest, States);

// One in ten is left by its caller at once, and applied all the same.
template <typename State>
void post(Durable<State>& bank, int updater) {
  for (int i = 0; i < kEach; ++i) {
    const auto level = static_cast<Durability>(i % 3);
    const std::string command = "updater" + std::to_string(updater) + " 1";
    if (i % 10 == 0) {
      bool seen = false;
      const auto lsn = bank.update_then(
          command, [&](const State&) { seen = true; }, level, Deadline());
      EXPECT_TRUE(lsn || lsn.error().code() == Code::timed_out) << lsn.error().message();
      EXPECT_EQ(seen, lsn.has_value());
    } else {
      Lsn seen;
      const auto lsn = bank.update_then(
          command, [&](const State& now) { seen = Lsn(now.data().commands); }, level);
      ASSERT_TRUE(lsn) << lsn.error().message();
      EXPECT_EQ(seen, *lsn);
    }
  }
}

TYPED_TEST(ConcurrentDurableTest, UpdatersReadersAndCheckpoints) {
  MemoryFileSystem disk;
  auto opened = Durable<TypeParam>::open("/bank", options_on(disk));
  ASSERT_TRUE(opened) << opened.error().message();
  Durable<TypeParam>& bank = *opened;
  std::atomic<bool> over{false};
  std::vector<std::thread> updaters, others;
  for (int i = 0; i < kUpdaters; ++i) {
    updaters.emplace_back([&bank, i] { post(bank, i); });
  }
  others.emplace_back([&] {
    std::uint64_t before = 0;
    while (!over) {
      const std::uint64_t applied = bank.applied().value;
      const std::uint64_t seen = bank.read([](const auto& now) { return now.data().commands; });
      EXPECT_GE(seen, std::max(applied, before));
      before = seen;
      std::this_thread::yield();
    }
  });
  others.emplace_back([&] {
    while (!over) {
      const DurableStats stats = bank.stats();
      EXPECT_LE(stats.applied, bank.log().watermarks().appended);
      EXPECT_TRUE(bank.health().ok());
      EXPECT_TRUE(bank.snapshots().list());
      std::this_thread::yield();
    }
  });
  others.emplace_back([&] {
    while (!over) {
      std::this_thread::yield();
      if (bank.applied() == Lsn()) continue;
      const auto made = bank.checkpoint();
      EXPECT_TRUE(made) << made.error().message();
    }
  });
  for (std::thread& updater : updaters) updater.join();
  over = true;
  for (std::thread& other : others) other.join();
  ASSERT_TRUE(bank.close().ok());
  EXPECT_EQ(bank.applied(), Lsn(kUpdaters * kEach));
  EXPECT_EQ(bank.state().sum("updater0"), kEach);
  const testing::LedgerData held = bank.state().data();
  disk.kill_process();
  const auto reopened = Durable<TypeParam>::open("/bank", options_on(disk));
  ASSERT_TRUE(reopened) << reopened.error().message();
  EXPECT_EQ(reopened->state().data(), held);
}

}  // namespace
}  // namespace forelog
