// Who waits for what in a Durable: a deadline holds whatever the state is busy with, and what one
// caller has left is in nobody else's way.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "forelog/durable.h"
#include "forelog/fault_file_system.h"
#include "forelog/memory_file_system.h"
#include "snapshot/test_state.h"

namespace forelog {
namespace {

using testing::PlainLedger;

// Somebody waits in it until it is opened.
class Gate {
 public:
  void pass() {
    reached_ = true;
    while (!open_) std::this_thread::yield();
  }
  void await() const {
    while (!reached_) std::this_thread::yield();
  }
  void open() { open_ = true; }

 private:
  std::atomic<bool> reached_{false}, open_{false};
};

// Its apply of "slow 1", and its freeze, last until the test lets them go.
class SlowLedger final : public PlainLedger {
 public:
  static inline Gate* in_apply = nullptr;
  static inline Gate* in_freeze = nullptr;

  Status apply(Lsn lsn, ByteView command) override {
    if (in_apply != nullptr && command.text() == "slow 1") in_apply->pass();
    return PlainLedger::apply(lsn, command);
  }
  std::unique_ptr<Image> freeze() const override {
    if (in_freeze != nullptr) in_freeze->pass();
    return nullptr;
  }
};

class DurableWaitTest : public ::testing::Test {
 protected:
  DurableWaitTest() {
    SlowLedger::in_apply = SlowLedger::in_freeze = nullptr;
    DurableOptions options;
    options.log.file_system = &calls_;
    options.log.write_behind = std::chrono::milliseconds(0);
    options.checkpoints.automatic = false;
    auto opened = Durable<SlowLedger>::open("/bank", options);
    EXPECT_TRUE(opened);
    bank_.emplace(*std::move(opened));
    EXPECT_TRUE(bank_->update("alice 1"));
  }
  ~DurableWaitTest() override { EXPECT_TRUE(bank_->close().ok()); }

  std::int64_t sum(std::string_view name) {
    return bank_->read([&](const SlowLedger& state) { return state.sum(name); });
  }
  // By then it has given up.
  Status update_in_vain(std::string_view command) {
    const auto lsn =
        bank_->update(command, Durability::synced,
                      std::chrono::steady_clock::now() + std::chrono::milliseconds(10));
    EXPECT_FALSE(lsn);
    return lsn ? Status() : lsn.error();
  }
  void await(Lsn lsn) {
    while (bank_->applied() < lsn) std::this_thread::yield();
  }
  void close_gate_of_syncs() {
    calls_.set_hook([this](const FaultFileSystem::Call& call) {
      if (call.operation == FileOperation::sync_data || call.operation == FileOperation::write) {
        gate_.pass();
      }
      return std::optional<FaultFileSystem::Fault>();
    });
  }

  MemoryFileSystem disk_;
  FaultFileSystem calls_{disk_};
  Gate gate_;
  std::optional<Durable<SlowLedger>> bank_;
};

TEST_F(DurableWaitTest, ADeadlineHoldsWhileTheStateIsFrozen) {
  SlowLedger::in_freeze = &gate_;
  std::thread checkpoint([&] { EXPECT_TRUE(bank_->checkpoint()); });
  gate_.await();
  EXPECT_EQ(update_in_vain("bob 1").code(), Code::timed_out);
  EXPECT_EQ(bank_->stats().applied, Lsn(1));
  gate_.open();
  checkpoint.join();
  await(Lsn(2));
  EXPECT_EQ(sum("bob"), 1);
}

TEST_F(DurableWaitTest, ADeadlineHoldsBehindASlowApply) {
  SlowLedger::in_apply = &gate_;
  std::thread slow([&] { EXPECT_TRUE(bank_->update("slow 1")); });
  gate_.await();
  EXPECT_EQ(update_in_vain("bob 1").code(), Code::timed_out);
  EXPECT_EQ(bank_->stats().applied, Lsn(1));
  EXPECT_TRUE(bank_->health().ok());
  gate_.open();
  slow.join();
  await(Lsn(3));
  EXPECT_EQ(sum("bob"), 1);
}

TEST_F(DurableWaitTest, ADeadlineHoldsBehindAnUpdateThatIsNotDurable) {
  // More than the queue of those that are applied in order has places for.
  constexpr int kMany = 1500;
  close_gate_of_syncs();
  std::thread first([&] { EXPECT_TRUE(bank_->update("alice 1")); });
  gate_.await();
  for (int i = 0; i < kMany; ++i) {
    const auto late =
        bank_->update("bob 1", Durability::buffered,
                      std::chrono::steady_clock::now() + std::chrono::milliseconds(i < 2 ? 10 : 0));
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code(), Code::timed_out);
  }
  EXPECT_EQ(bank_->applied(), Lsn(1));
  gate_.open();
  first.join();
  EXPECT_TRUE(bank_->update("alice 1"));
  EXPECT_EQ(sum("bob"), kMany);
  EXPECT_EQ(sum("alice"), 3);
}

// What its caller has left is applied, slowly, and the log goes on calling others meanwhile.
TEST_F(DurableWaitTest, WhatWasLeftIsInNobodysWay) {
  Gate apply;
  SlowLedger::in_apply = &apply;
  close_gate_of_syncs();
  EXPECT_EQ(update_in_vain("slow 1").code(), Code::timed_out);
  gate_.open();
  apply.await();
  std::atomic<bool> called{false};
  bank_->log().notify(Lsn(2), Durability::synced, [&](const Status& status) {
    EXPECT_TRUE(status.ok());
    called = true;
  });
  while (!called) std::this_thread::yield();
  EXPECT_EQ(bank_->applied(), Lsn(1));
  apply.open();
  await(Lsn(2));
}

// Its own apply has begun: what became of it is known when that ends.
TEST_F(DurableWaitTest, WhatIsBeingAppliedIsNotLeft) {
  Gate apply;
  SlowLedger::in_apply = &apply;
  std::thread slow([&] {
    const auto lsn = bank_->update("slow 1", Durability::synced,
                                   std::chrono::steady_clock::now() + std::chrono::milliseconds(1));
    EXPECT_TRUE(lsn || lsn.error().code() == Code::timed_out);
  });
  apply.await();
  apply.open();
  slow.join();
  await(Lsn(2));
  EXPECT_EQ(sum("slow"), 1);
}

// What comes behind one that was left, and never becomes durable, is told so.
TEST_F(DurableWaitTest, WhatIsLeftAndLostIsToldToThoseBehindIt) {
  Gate syncs;
  calls_.set_hook([&](const FaultFileSystem::Call& call) -> std::optional<FaultFileSystem::Fault> {
    if (call.operation != FileOperation::sync_data && call.operation != FileOperation::write) {
      return std::nullopt;
    }
    syncs.pass();
    return FaultFileSystem::Fault{Status(Code::io_error, "injected"), 0};
  });
  EXPECT_EQ(update_in_vain("bob 1").code(), Code::timed_out);
  std::thread behind([&] { EXPECT_FALSE(bank_->update("bob 1", Durability::buffered)); });
  syncs.open();
  behind.join();
  EXPECT_FALSE(bank_->health().ok());
  EXPECT_EQ(bank_->applied(), Lsn(1));
  calls_.fail_nothing();
  disk_.kill_process();
  bank_.reset();
  DurableOptions options;
  options.log.file_system = &disk_;
  auto opened = Durable<SlowLedger>::open("/bank", options);
  ASSERT_TRUE(opened);
  bank_.emplace(*std::move(opened));
}

TEST_F(DurableWaitTest, StatisticsHoldUpNobody) {
  constexpr int kPollers = 8, kUpdates = 300;
  std::atomic<bool> over{false};
  std::vector<std::thread> pollers;
  pollers.reserve(kPollers);
  for (int i = 0; i < kPollers; ++i) {
    pollers.emplace_back([&] {
      while (!over) EXPECT_LE(bank_->stats().bytes_behind, 100'000u);
    });
  }
  for (int i = 0; i < kUpdates; ++i) ASSERT_TRUE(bank_->update("alice 1", Durability::buffered));
  over = true;
  for (std::thread& poller : pollers) poller.join();
  EXPECT_EQ(bank_->stats().applied, Lsn(kUpdates + 1));
}

}  // namespace
}  // namespace forelog
