// Memory runs out at every allocation in turn, once and from then on, while intents are moved by hand:
// nothing aborts, hangs or throws; a command is taken whole or not at all; and with memory back
// everything that was acknowledged is there.
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>
#include <thread>

#include <unistd.h>

#include "forelog/intents.h"
#include "memory/allocations.h"

namespace forelog::testing {
namespace {

class IntentsOutOfMemoryTest : public ::testing::Test {
 protected:
  IntentsOutOfMemoryTest() {
    std::string made = quick_directory() + "forelog-intents-XXXXXX";
    EXPECT_NE(::mkdtemp(made.data()), nullptr);
    dir_ = made;
    options_.durable.log.segment_bytes = 64 * KiB;
    options_.durable.checkpoints.automatic = false;
    plan_ = {.kind = "order",
             .payload = std::string(1000, 'x'),
             .steps = {"charge-the-card", "take-what-is-needed-from-the-stock"},
             .key = "the order of table seven"};
  }
  ~IntentsOutOfMemoryTest() override {
    intents_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
  }

  // Only calls of the library take memory in here.
  void run() {
    Result<Intents> opened = Intents::open(dir_, options_);
    if (!opened) return;
    intents_.emplace(*std::move(opened));
    const auto id = intents_->begin(plan_);
    if (!id) return;
    begun_ = *id;
    done_ = intents_->done(*id, 0, "a receipt that is too long to be kept in place").ok();
    checkpointed_ = intents_->checkpoint().has_value();
    aborted_ = done_ && intents_->abort(*id, "there is no soup, and there will be none").ok();
    undone_ = aborted_ && intents_->compensated(*id, 1).ok() && intents_->compensated(*id, 0).ok();
    closed_ = intents_->close().ok();
  }

  void check() {
    Result<Intents> opened = Intents::open(dir_, options_);
    ASSERT_TRUE(opened) << opened.error().message();
    if (begun_ != IntentId()) {
      const auto intent = opened->find(begun_);
      const auto finished = opened->find_finished(begun_);
      ASSERT_TRUE(intent != nullptr || finished);
      if (undone_) {
        EXPECT_EQ(finished->phase, IntentPhase::aborted);
      }
      if (intent && done_) {
        EXPECT_NE(intent->steps[0].state, StepState::pending);
      }
      if (intent && aborted_) {
        EXPECT_EQ(intent->phase, IntentPhase::aborting);
      }
    }
    const auto again = opened->begin(plan_);
    ASSERT_TRUE(again) << again.error().message();
    EXPECT_TRUE(begun_ == IntentId() || *again == begun_);
  }

  // False: nothing was refused any more.
  bool once(std::uint64_t nth, bool and_later) {
    std::filesystem::remove_all(dir_);
    begun_ = IntentId();
    done_ = checkpointed_ = aborted_ = undone_ = closed_ = false;
    refuse_allocation(nth, and_later);
    run();
    const std::uint64_t refused = allocations_refused();
    refuse_allocation(0, false);
    intents_.reset();
    SCOPED_TRACE(nth);
    check();
    return refused > 0;
  }

  std::filesystem::path dir_;
  IntentsOptions options_;
  IntentPlan plan_;
  std::optional<Intents> intents_;
  IntentId begun_;
  bool done_ = false, checkpointed_ = false, aborted_ = false, undone_ = false, closed_ = false;
};

TEST_F(IntentsOutOfMemoryTest, AtEachAllocationOnce) {
  std::uint64_t nth = 1;
  while (once(nth, false) && !HasFailure()) ++nth;
  EXPECT_TRUE(checkpointed_ && undone_ && closed_);
  EXPECT_GT(nth, 100u) << "intents do take memory";
}

TEST_F(IntentsOutOfMemoryTest, FromEachAllocationOn) {
  for (std::uint64_t nth = 1; once(nth, true) && !HasFailure(); ++nth) {
  }
}

// An intent that was begun while memory was short is run all the same.
TEST_F(IntentsOutOfMemoryTest, WhatIsBegunIsRunOnceThereIsMemory) {
  const IntentHandler handler{[](IntentAttempt&) -> Result<std::string> { return std::string(); }};
  std::uint64_t run = 0;
  bool refused = true;
  for (std::uint64_t nth = 1; refused; ++nth) {
    intents_.reset();
    std::filesystem::remove_all(dir_);
    Result<Intents> opened = Intents::open(dir_, options_);
    ASSERT_TRUE(opened) << opened.error().message();
    intents_.emplace(*std::move(opened));
    ASSERT_TRUE(intents_->handle("order", handler).ok());
    ASSERT_TRUE(intents_->start().ok());
    refuse_allocation(nth, false);
    (void)intents_->begin(plan_);
    refused = allocations_refused() > 0;
    refuse_allocation(0, false);
    while (intents_->health().ok() && !intents_->unfinished().empty()) std::this_thread::yield();
    run += intents_->health().ok() && intents_->applied() > Lsn(1) ? 1 : 0;
  }
  EXPECT_GT(run, 1u);
}

}  // namespace
}  // namespace forelog::testing
