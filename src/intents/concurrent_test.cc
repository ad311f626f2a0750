// Threads that begin intents, wait for them, move them by hand, list them and make checkpoints, beside
// the runner's. For ThreadSanitizer, and for what must hold however they meet.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "intents/test_intents.h"

namespace forelog {
namespace {

using testing::plan_of;

class ConcurrentIntentsTest : public testing::TestIntents {
 protected:
  // Calls work(i) on `threads` threads.
  template <typename Work>
  static void on_threads(int threads, Work work) {
    std::vector<std::thread> all;
    for (int i = 0; i < threads; ++i) all.emplace_back([&work, i] { work(i); });
    for (std::thread& thread : all) thread.join();
  }
};

TEST_F(ConcurrentIntentsTest, ManyBeginAndWaitBesideListsAndCheckpoints) {
  options_.concurrency = 4;
  open();
  std::atomic<int> at_work = 0, at_once = 0, of_kind = 0;
  IntentHandler handler;
  handler.run = [&](IntentAttempt& attempt) -> Result<std::string> {
    const int now = ++at_work;
    if (attempt.intent.plan->kind == "narrow" && ++of_kind > 1) ADD_FAILURE() << "too many";
    int most = at_once;
    while (now > most && !at_once.compare_exchange_weak(most, now)) {
    }
    std::this_thread::yield();
    if (attempt.intent.plan->kind == "narrow") --of_kind;
    --at_work;
    if (attempt.step == 1 && attempt.intent.id.value % 3 == 0) return attempt.refuse("every third");
    return std::string("done");
  };
  handler.compensate = [](IntentAttempt&) { return Status(); };
  ASSERT_TRUE(intents_->handle("wide", handler).ok());
  ASSERT_TRUE(intents_->handle("narrow", handler, {.concurrency = 1}).ok());
  ASSERT_TRUE(intents_->start().ok());

  EXPECT_EQ(run({.kind = "wide", .steps = {"a"}}).phase, IntentPhase::completed);
  std::atomic<int> finished = 0;
  on_threads(6, [&](int thread) {
    for (int i = 0; i < 25; ++i) {
      if (thread == 0) {
        const auto made = intents_->checkpoint();
        EXPECT_TRUE(made) << made.error().message();
        for (const auto& intent : intents_->unfinished()) EXPECT_EQ(intent->steps.size(), 2u);
        continue;
      }
      IntentPlan plan = plan_of({"a", "b"});
      plan.kind = thread % 2 == 0 ? "wide" : "narrow";
      const IntentId id = begin(plan);
      const IntentOutcome outcome = wait(id);
      EXPECT_EQ(outcome.phase, id.value % 3 == 0 ? IntentPhase::aborted : IntentPhase::completed);
      ++finished;
    }
  });
  EXPECT_EQ(finished, 125);
  EXPECT_LE(at_once, 4);
  EXPECT_TRUE(intents_->unfinished().empty());
}

TEST_F(ConcurrentIntentsTest, WhatIsAbortedWhileItRunsIsUndoneWhole) {
  options_.concurrency = 4;
  open();
  handle();
  ASSERT_TRUE(intents_->start().ok());
  std::atomic<int> aborted = 0;
  on_threads(4, [&](int) {
    for (int i = 0; i < 25; ++i) {
      const IntentId id = begin(plan_of({"a", "b", "c"}));
      const Status status = intents_->abort(id, "changed my mind");
      const IntentPhase phase = wait(id).phase;
      EXPECT_EQ(phase, status.ok() ? IntentPhase::aborted : IntentPhase::completed);
      if (status.ok()) ++aborted;
    }
  });
  std::map<std::string, int> asked;
  for (const std::string& key : keys_) EXPECT_EQ(++asked[key], 1) << key;
  EXPECT_TRUE(intents_->unfinished().empty());
}

TEST_F(ConcurrentIntentsTest, ParkedAndRetriedWhileItRuns) {
  open();
  handle();
  ASSERT_TRUE(intents_->start().ok());
  on_threads(3, [&](int) {
    for (int i = 0; i < 25; ++i) {
      const IntentId id = begin(plan_of({"a", "b", "c"}));
      static_cast<void>(intents_->park(id, "wait"));
      static_cast<void>(intents_->retry(id));
      EXPECT_EQ(wait(id).phase, IntentPhase::completed);
    }
  });
}

TEST_F(ConcurrentIntentsTest, CloseEndsWaitsAndLeavesTheRestForLater) {
  options_.concurrency = 2;
  open();
  IntentHandler handler;
  handler.run = [](IntentAttempt&) -> Result<std::string> {
    return Status(Code::io_error, "never");
  };
  ASSERT_TRUE(
      intents_
          ->handle("order", handler,
                   {.attempts_max = 1'000'000, .backoff_first = std::chrono::milliseconds(0)})
          .ok());
  ASSERT_TRUE(intents_->start().ok());
  std::vector<IntentId> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(begin(plan_of({"a"})));
  std::atomic<int> waiting = 0;
  std::vector<std::thread> waiters;
  for (const IntentId id : ids) {
    waiters.emplace_back([&, id] {
      ++waiting;
      EXPECT_EQ(intents_->wait(id).error().code(), Code::cancelled);
    });
  }
  while (waiting < 4) std::this_thread::yield();
  EXPECT_TRUE(intents_->close().ok());
  for (std::thread& waiter : waiters) waiter.join();
  open();
  EXPECT_EQ(intents_->unfinished().size(), 4u);
}

}  // namespace
}  // namespace forelog
