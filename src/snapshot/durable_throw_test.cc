// States whose functions throw, whatever and wherever: an error of that call, and nobody waits for ever.
#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <thread>

#include "forelog/durable.h"
#include "forelog/memory_file_system.h"
#include "snapshot/test_state.h"

namespace forelog {
namespace {

using testing::PlainLedger;

// Throws where it is told to; in apply, at the command "throw 0", and what is no std::exception.
class Throwing final : public StateMachine {
 public:
  static inline std::string where;
  static void reach(const std::string& place) {
    if (where == place) throw std::runtime_error("no " + place);
  }

  Throwing() { reach("make"); }
  Status apply(Lsn lsn, ByteView command) override {
    const Status applied = ledger_.apply(lsn, command);
    if (command.text() == "throw 0") throw 42;  // Half way.
    return applied;
  }
  Status save(Sink& out) const override {
    if (ledger_.data().commands > 0) reach("save");
    return ledger_.save(out);
  }
  Status load(Source& in) override {
    reach("load");
    return ledger_.load(in);
  }
  std::unique_ptr<Image> freeze() const override {
    reach("freeze");
    if (where != "image") return nullptr;
    struct Live final : Image {
      explicit Live(const Throwing& from) : state(from) {}
      Status save(Sink& out) const override { return state.save(out); }
      const Throwing& state;
    };
    return std::make_unique<Live>(*this);
  }
  bool independent_keys() const override { return where == "key" || where == "worker"; }
  std::optional<std::uint64_t> key_of(ByteView command) const override {
    reach("key");
    return command.size();
  }
  std::int64_t sum(std::string_view name) const { return ledger_.sum(name); }

 private:
  PlainLedger ledger_;
};

class DurableThrowTest : public ::testing::Test {
 protected:
  DurableThrowTest() {
    Throwing::where.clear();
    options_.log.file_system = &disk_;
    options_.checkpoints.automatic = false;
  }
  Status open() {
    bank_.reset();
    auto opened = Durable<Throwing>::open("/bank", options_);
    if (!opened) return opened.error();
    bank_.emplace(*std::move(opened));
    return {};
  }
  void kill() {
    disk_.kill_process();
    bank_.reset();
  }
  Status post(std::string_view command) {
    const auto lsn = bank_->update(command);
    return lsn ? Status() : lsn.error();
  }
  Status checkpoint() {
    const auto made = bank_->checkpoint();
    return made ? Status() : made.error();
  }

  MemoryFileSystem disk_;
  DurableOptions options_;
  std::optional<Durable<Throwing>> bank_;
};

void expect_says(const Status& status, std::string_view part) {
  EXPECT_EQ(status.code(), Code::cancelled);
  EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
}

TEST_F(DurableThrowTest, ApplyThatThrowsHasFailedAtItsLsn) {
  ASSERT_TRUE(open().ok());
  ASSERT_TRUE(post("alice 1").ok());
  expect_says(post("throw 0"), "apply the command at LSN 2: the state's apply threw");
  EXPECT_FALSE(post("alice 1").ok());
  EXPECT_EQ(bank_->read([](const Throwing& state) { return state.sum("alice"); }), 1);
  kill();
  expect_says(open(), "LSN 2");
}

// What it left of a command half way is in no snapshot.
TEST_F(DurableThrowTest, NoSnapshotIsMadeBehindACommandThatThrew) {
  for (const bool automatic : {false, true}) {
    Throwing::where = "image";
    options_.checkpoints.automatic = automatic;
    options_.checkpoints.interval = std::chrono::milliseconds(1);
    options_.checkpoints.trim = false;
    MemoryFileSystem disk;
    options_.log.file_system = &disk;
    ASSERT_TRUE(open().ok());
    ASSERT_TRUE(post("alice 1").ok());
    EXPECT_FALSE(post("throw 0").ok());
    if (automatic) {
      while (bank_->stats().checkpoints_failed == 0) std::this_thread::yield();
    } else {
      expect_says(checkpoint(), "closed to updates");
    }
    const auto listed = bank_->snapshots().list();
    ASSERT_TRUE(listed);
    for (const SnapshotInfo& each : *listed) EXPECT_EQ(each.lsn, Lsn(1));
    disk.kill_process();
    bank_.reset();
    Throwing::where.clear();
    expect_says(open(), "LSN 2");
  }
}

TEST_F(DurableThrowTest, WhatMakesNoStateIsRefused) {
  const auto opened =
      Durable<Throwing>::open("/bank", options_, [] { return std::unique_ptr<Throwing>(); });
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), Code::invalid_argument);
}

TEST_F(DurableThrowTest, ReplayOnSeveralThreadsSaysWhereItThrew) {
  ASSERT_TRUE(open().ok());
  for (int i = 0; i < 3000; ++i) {
    ASSERT_TRUE(bank_->update("alice 1", Durability::buffered));
  }
  expect_says(post("throw 0"), "LSN 3001");
  kill();
  Throwing::where = "worker";
  options_.recovery.threads = 3;
  expect_says(open(), "LSN 3001");
  Throwing::where = "key";
  expect_says(open(), "no key");
}

TEST_F(DurableThrowTest, WhatLooksAtTheStateMayThrow) {
  ASSERT_TRUE(open().ok());
  const auto looked = bank_->update_then("alice 1", [](const Throwing&) { throw 42; });
  ASSERT_FALSE(looked);
  expect_says(looked.error(), "it is applied");
  EXPECT_THROW(bank_->read([](const Throwing&) -> int { throw std::runtime_error("mine"); }),
               std::runtime_error);
  EXPECT_TRUE(post("alice 1").ok());
  EXPECT_EQ(bank_->read([](const Throwing& state) { return state.sum("alice"); }), 2);
}

TEST_F(DurableThrowTest, ACheckpointThatThrowsHasFailed) {
  ASSERT_TRUE(open().ok());
  ASSERT_TRUE(post("alice 1").ok());
  for (const char* where : {"freeze", "make", "save"}) {
    Throwing::where = where;
    expect_says(checkpoint(), std::string("no ") + where);
    EXPECT_TRUE(post("alice 1").ok());
  }
  Throwing::where.clear();
  EXPECT_TRUE(checkpoint().ok());
  kill();
  Throwing::where = "load";
  expect_says(open(), "no load");
  Throwing::where = "make";
  expect_says(open(), "no make");
  Throwing::where.clear();
  EXPECT_TRUE(open().ok());
}

TEST_F(DurableThrowTest, AnAutomaticCheckpointThatThrowsHasFailed) {
  options_.checkpoints.automatic = true;
  options_.checkpoints.log_bytes_max = 1;
  Throwing::where = "freeze";
  ASSERT_TRUE(open().ok());
  ASSERT_TRUE(post("alice 1").ok());
  while (bank_->stats().checkpoints_failed == 0) std::this_thread::yield();
  expect_says(bank_->stats().last_checkpoint_status, "no freeze");
  EXPECT_TRUE(post("alice 1").ok());
}

}  // namespace
}  // namespace forelog
