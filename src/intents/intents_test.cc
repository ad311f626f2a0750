// Intents, by hand and with handlers: what runs, in which order, what is recorded, what a restart
// goes on with.
#include "forelog/intents.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <latch>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "forelog/fault_file_system.h"
#include "intents/test_intents.h"

namespace forelog {
namespace {

using testing::plan_of;
using testing::TestIntents;

class IntentsTest : public TestIntents {};

TEST_F(IntentsTest, ByHandEachStepIsRecordedAndSurvives) {
  open();
  const IntentId id = begin(plan_of({"charge", "cook"}));
  EXPECT_TRUE(intents_->done(id, 0, "receipt").ok());
  kill_and_open();
  ASSERT_EQ(intents_->unfinished().size(), 1u);
  const auto intent = intents_->unfinished()[0];
  EXPECT_EQ(intent->id, id);
  EXPECT_EQ(intent->plan->payload, "soup");
  EXPECT_EQ(intent->steps[0].result, "receipt");
  EXPECT_EQ(intent->next_step(), 1u);
  EXPECT_TRUE(intents_->done(id, 1).ok());
  EXPECT_TRUE(intents_->complete(id).ok());
  kill_and_open();
  EXPECT_TRUE(intents_->unfinished().empty());
  EXPECT_EQ(intents_->find_finished(id)->phase, IntentPhase::completed);
  EXPECT_EQ(wait(id).phase, IntentPhase::completed);
}

TEST_F(IntentsTest, ByHandAnAbortIsGoneOnWith) {
  open();
  const IntentId id = begin(plan_of({"charge", "cook", "serve"}));
  EXPECT_TRUE(intents_->done(id, 0).ok());
  EXPECT_TRUE(intents_->abort(id, "no soup").ok());
  EXPECT_TRUE(intents_->compensated(id, 1).ok());
  kill_and_open();
  EXPECT_EQ(intents_->find(id)->next_step(), 0u);
  EXPECT_TRUE(intents_->compensated(id, 0, "refund").ok());
  EXPECT_EQ(wait(id).phase, IntentPhase::aborted);
  EXPECT_EQ(wait(id).reason, "no soup");
}

TEST_F(IntentsTest, WhatDoesNotFitIsRefused) {
  open();
  EXPECT_EQ(intents_->begin({.kind = "a b", .steps = {"a"}}).error().code(),
            Code::invalid_argument);
  const IntentId id = begin(plan_of({"a", "b"}));
  EXPECT_EQ(intents_->done(id, 1).code(), Code::invalid_argument);
  EXPECT_EQ(intents_->done(id, std::size_t{1} << 32).code(), Code::invalid_argument);
  EXPECT_EQ(intents_->complete(id).code(), Code::invalid_argument);
  EXPECT_EQ(intents_->done(IntentId(99), 0).code(), Code::not_found);
  EXPECT_EQ(intents_->wait(IntentId(99)).error().code(), Code::not_found);
  EXPECT_EQ(intents_->wait(id, Deadline()).error().code(), Code::timed_out);
  options_.concurrency = 0;
  kill();
  EXPECT_EQ(Intents::open(kDir, options_).error().code(), Code::invalid_argument);
}

TEST_F(IntentsTest, StepsRunInOrderWithKeysThatStayTheSame) {
  open();
  handle();
  const IntentId id = begin(plan_of({"charge", "cook"}));
  EXPECT_TRUE(intents_->start().ok());
  EXPECT_EQ(wait(id).phase, IntentPhase::completed);
  const std::string log = intents_->log().id();
  EXPECT_EQ(calls(), (std::vector<std::string>{"run charge", "run cook"}));
  EXPECT_EQ(keys_, (std::vector<std::string>{log + "/1/0/run", log + "/1/1/run"}));
}

TEST_F(IntentsTest, UnfinishedOnesGoOnInOrderAndFinishedOnesAreSkipped) {
  options_.concurrency = 1;
  open();
  const IntentId over = begin(plan_of({"over"}));
  EXPECT_TRUE(intents_->done(over, 0).ok());
  EXPECT_TRUE(intents_->complete(over).ok());
  const IntentId first = begin(plan_of({"first"}));
  const IntentId half = begin(plan_of({"done", "second"}));
  const IntentId undone = begin(plan_of({"third", "never"}));
  EXPECT_TRUE(intents_->done(half, 0).ok());
  EXPECT_TRUE(intents_->done(undone, 0).ok());
  EXPECT_TRUE(intents_->abort(undone, "why").ok());
  kill_and_open();
  handle();
  EXPECT_TRUE(intents_->start().ok());
  for (const IntentId id : {undone, half, first}) wait(id);
  EXPECT_EQ(calls(),
            (std::vector<std::string>{"run first", "run second", "undo never", "undo third"}));
  EXPECT_EQ(wait(undone).phase, IntentPhase::aborted);
}

TEST_F(IntentsTest, WhatFailsIsTriedAgain) {
  open();
  fail("cook", 2);
  handle({.attempts_max = 3, .backoff_first = std::chrono::milliseconds(0)});
  EXPECT_TRUE(intents_->start().ok());
  EXPECT_EQ(run(plan_of({"charge", "cook"})).phase, IntentPhase::completed);
  EXPECT_EQ(calls(), (std::vector<std::string>{"run charge", "run cook", "run cook", "run cook"}));
  EXPECT_EQ(keys_[1], keys_[3]);
  EXPECT_EQ(numbers_, (std::vector<std::uint32_t>{1, 1, 2, 3}));
}

TEST_F(IntentsTest, WhatFailsTooOftenIsParkedAndAnOperatorRetriesIt) {
  open();
  fail("cook", 3);
  handle({.attempts_max = 2, .backoff_first = std::chrono::milliseconds(0)});
  EXPECT_TRUE(intents_->start().ok());
  const IntentId id = begin(plan_of({"cook"}));
  const IntentOutcome parked = wait(id);
  EXPECT_TRUE(parked.parked);
  EXPECT_EQ(parked.reason, "step 0 (cook) failed 2 times: cook fails");
  kill_and_open();
  handle({.attempts_max = 2, .backoff_first = std::chrono::milliseconds(0)});
  EXPECT_TRUE(intents_->start().ok());
  EXPECT_TRUE(wait(id).parked);
  EXPECT_TRUE(intents_->retry(id).ok());
  EXPECT_EQ(wait(id).phase, IntentPhase::completed);
}

TEST_F(IntentsTest, WhatFailsTooOftenIsUndoneWhereThatIsAskedFor) {
  open();
  fail("cook", 9);
  handle({.attempts_max = 2,
          .when_exhausted = WhenExhausted::compensate,
          .backoff_first = std::chrono::milliseconds(0)});
  EXPECT_TRUE(intents_->start().ok());
  const IntentOutcome outcome = run(plan_of({"charge", "cook", "serve"}));
  EXPECT_EQ(outcome.phase, IntentPhase::aborted);
  EXPECT_EQ(outcome.reason, "step 1 (cook) failed 2 times: cook fails");
  EXPECT_EQ(calls(), (std::vector<std::string>{"run charge", "run cook", "run cook", "undo cook",
                                               "undo charge"}));
}

TEST_F(IntentsTest, ARefusalUndoesAtOnce) {
  open();
  refuse("cook");
  handle();
  EXPECT_TRUE(intents_->start().ok());
  const IntentOutcome outcome = run(plan_of({"charge", "cook"}));
  EXPECT_EQ(outcome.phase, IntentPhase::aborted);
  EXPECT_EQ(outcome.reason, "cook is refused");
  EXPECT_EQ(calls(),
            (std::vector<std::string>{"run charge", "run cook", "undo cook", "undo charge"}));
}

TEST_F(IntentsTest, ARefusalByThePivotUndoesWhatCameBeforeIt) {
  open();
  refuse("pay");
  handle();
  EXPECT_TRUE(intents_->start().ok());
  EXPECT_EQ(run(plan_of({"reserve", "pay", "send"}, 1)).phase, IntentPhase::aborted);
  EXPECT_EQ(calls(), (std::vector<std::string>{"run reserve", "run pay", "undo reserve"}));
}

TEST_F(IntentsTest, BehindThePivotARefusalIsAFailureAndThenItIsParked) {
  open();
  refuse("send");
  handle({.attempts_max = 2,
          .when_exhausted = WhenExhausted::compensate,
          .backoff_first = std::chrono::milliseconds(0)});
  EXPECT_TRUE(intents_->start().ok());
  const IntentId id = begin(plan_of({"pay", "send"}, 0));
  EXPECT_TRUE(wait(id).parked);
  EXPECT_EQ(calls(), (std::vector<std::string>{"run pay", "run send", "run send"}));
  EXPECT_EQ(intents_->abort(id, "please").code(), Code::invalid_argument);
}

TEST_F(IntentsTest, APivotThatFailsTooOftenIsParkedAndNotUndone) {
  open();
  fail("pay", 9);
  handle({.attempts_max = 1, .when_exhausted = WhenExhausted::compensate});
  EXPECT_TRUE(intents_->start().ok());
  const IntentId id = begin(plan_of({"pay", "send"}, 0));
  EXPECT_TRUE(wait(id).parked);
  EXPECT_EQ(intents_->abort(id, "please").code(), Code::busy);
}

TEST_F(IntentsTest, ACompensationThatKeepsFailingIsParked) {
  open();
  refuse("cook");
  fail_to_undo("charge", 2);
  handle({.attempts_max = 2, .backoff_first = std::chrono::milliseconds(0)});
  EXPECT_TRUE(intents_->start().ok());
  const IntentId id = begin(plan_of({"charge", "cook"}));
  const IntentOutcome outcome = wait(id);
  EXPECT_TRUE(outcome.parked);
  EXPECT_EQ(outcome.phase, IntentPhase::aborting);
  EXPECT_EQ(outcome.reason, "undoing step 0 (charge) failed 2 times: charge stays");
  EXPECT_TRUE(intents_->retry(id).ok());
  EXPECT_EQ(wait(id).phase, IntentPhase::aborted);
}

TEST_F(IntentsTest, WhatIsParkedCanBeDropped) {
  open();
  const IntentId id = begin(plan_of({"a"}));
  EXPECT_EQ(intents_->drop(id, "enough").code(), Code::busy);
  EXPECT_TRUE(intents_->park(id, "wait").ok());
  EXPECT_TRUE(wait(id).parked);
  EXPECT_TRUE(intents_->drop(id, "enough").ok());
  EXPECT_EQ(wait(id).phase, IntentPhase::dropped);
  EXPECT_EQ(wait(id).reason, "enough");
}

TEST_F(IntentsTest, WhenItsTimeIsOverItIsUndoneUnlessItIsBehindThePivot) {
  open();
  IntentPlan late = plan_of({"charge", "cook"});
  late.timeout = std::chrono::milliseconds(1);
  const IntentId undone = begin(late);
  EXPECT_TRUE(intents_->done(undone, 0).ok());
  late.pivot = 0;
  const IntentId finished = begin(late);
  EXPECT_TRUE(intents_->done(finished, 0).ok());
  disk_.set_now(disk_.now() + std::chrono::seconds(1));
  handle();
  EXPECT_TRUE(intents_->start().ok());
  EXPECT_EQ(wait(undone).phase, IntentPhase::aborted);
  EXPECT_EQ(wait(undone).reason, "its time is over");
  EXPECT_EQ(wait(finished).phase, IntentPhase::completed);
}

TEST_F(IntentsTest, AnAttemptIsToldThatItsTimeIsOver) {
  open();
  IntentHandler handler;
  handler.run = [](IntentAttempt& attempt) -> Result<std::string> {
    std::latch told(1);
    const std::stop_callback tell(attempt.stop, [&] { told.count_down(); });
    told.wait();
    return std::string("in the end it was done");
  };
  EXPECT_TRUE(
      intents_->handle("order", handler, {.attempt_timeout = std::chrono::milliseconds(1)}).ok());
  EXPECT_TRUE(intents_->start().ok());
  EXPECT_EQ(run(plan_of({"slow"})).phase, IntentPhase::completed);  // What it returns counts.
}

TEST_F(IntentsTest, WhatWasAskedToEndByCloseIsNoFailure) {
  open();
  std::latch running(1);
  IntentHandler handler;
  handler.run = [&](IntentAttempt& attempt) -> Result<std::string> {
    std::latch told(1);
    const std::stop_callback tell(attempt.stop, [&] { told.count_down(); });
    running.count_down();
    told.wait();
    return Status(Code::cancelled, "I was told to end");
  };
  EXPECT_TRUE(intents_->handle("order", handler).ok());
  EXPECT_TRUE(intents_->start().ok());
  const IntentId id = begin(plan_of({"slow"}));
  running.wait();
  EXPECT_TRUE(intents_->close().ok());
  open();
  EXPECT_EQ(intents_->find(id)->attempts, 0u);
}

TEST_F(IntentsTest, AHandlerThatThrowsHasFailed) {
  open();
  IntentHandler handler;
  handler.run = [](IntentAttempt&) -> Result<std::string> { throw std::runtime_error("ouch"); };
  EXPECT_TRUE(intents_->handle("order", handler, {.attempts_max = 1}).ok());
  EXPECT_TRUE(intents_->start().ok());
  EXPECT_EQ(wait(begin(plan_of({"a"}))).reason,
            "step 0 (a) failed 1 time: the handler threw: ouch");
}

// Someone changes an intent while its step is tried; then the attempt, the last that it has, fails. That
// is no word on what is to be done now.
class LateFailureTest : public TestIntents {
 protected:
  // `meanwhile` while step "b" is tried for the first time; further attempts are done.
  void run_and(const std::function<void(IntentId)>& meanwhile,
               WhenExhausted when_exhausted = WhenExhausted::park) {
    open();
    handler_.run = [&](IntentAttempt& attempt) -> Result<std::string> {
      if (attempt.intent.plan->steps[attempt.step] != "b" || tried_.exchange(true))
        return std::string("done");
      meanwhile(attempt.intent.id);
      return Status(Code::io_error, "too late");
    };
    EXPECT_TRUE(
        intents_->handle("order", handler_, {.attempts_max = 1, .when_exhausted = when_exhausted})
            .ok());
    EXPECT_TRUE(intents_->start().ok());
    outcome_ = run(plan_of({"a", "b"}));
  }

  std::atomic<bool> tried_{false};
  IntentOutcome outcome_;
};

TEST_F(LateFailureTest, BehindAnAbortIsUndoneAndNotParked) {
  run_and([&](IntentId id) { EXPECT_TRUE(intents_->abort(id, "no soup").ok()); });
  EXPECT_EQ(outcome_.phase, IntentPhase::aborted);
  EXPECT_FALSE(outcome_.parked);
  EXPECT_EQ(outcome_.reason, "no soup");
  EXPECT_EQ(calls(), (std::vector<std::string>{"undo b", "undo a"}));
}

TEST_F(LateFailureTest, BehindARetryIsTriedAgain) {
  run_and([&](IntentId id) { EXPECT_TRUE(intents_->retry(id).ok()); });
  EXPECT_EQ(outcome_.phase, IntentPhase::completed);
  EXPECT_FALSE(outcome_.parked);
}

TEST_F(LateFailureTest, BehindARetryIsNotUndone) {
  run_and([&](IntentId id) { EXPECT_TRUE(intents_->retry(id).ok()); }, WhenExhausted::compensate);
  EXPECT_EQ(outcome_.phase, IntentPhase::completed);
}

// What says nothing new does not make it another intent: attempts are counted all the same.
TEST_F(LateFailureTest, BehindAWordThatWasSaidBeforeIsOne) {
  open();
  handler_.compensate = [&](IntentAttempt& attempt) {
    EXPECT_TRUE(intents_->abort(attempt.intent.id, "no soup, I said").ok());
    return Status(Code::io_error, "it cannot be undone");
  };
  refuse("a");
  handle({.attempts_max = 2, .backoff_first = std::chrono::milliseconds(0)});
  EXPECT_TRUE(intents_->start().ok());
  const IntentOutcome outcome = run(plan_of({"a"}));
  EXPECT_TRUE(outcome.parked);
  EXPECT_EQ(outcome.phase, IntentPhase::aborting);
}

TEST_F(LateFailureTest, OfAStepThatWasDoneByHandIsNone) {
  run_and([&](IntentId id) { EXPECT_TRUE(intents_->done(id, 1, "by hand").ok()); });
  EXPECT_EQ(outcome_.phase, IntentPhase::completed);
  EXPECT_FALSE(outcome_.parked);
}

TEST_F(IntentsTest, AHandlerMayBeginIntentsAndSeesWhatEarlierStepsGave) {
  open();
  IntentHandler handler;
  handler.run = [&](IntentAttempt& attempt) -> Result<std::string> {
    if (attempt.step == 0) {
      IntentPlan plan = plan_of({"a"});
      plan.kind = "other";
      plan.key = attempt.key;
      return std::to_string(FORELOG_TRY(intents_->begin(plan)).value);
    }
    return attempt.intent.steps[0].result + "!";
  };
  EXPECT_TRUE(intents_->handle("order", handler).ok());
  EXPECT_TRUE(intents_->start().ok());
  EXPECT_EQ(run(plan_of({"begin", "look"})).phase, IntentPhase::completed);
  ASSERT_EQ(intents_->unfinished().size(), 1u);
  EXPECT_EQ(intents_->unfinished()[0]->plan->kind, "other");
}

TEST_F(IntentsTest, HandlersAreRegisteredOnceAndInTime) {
  open();
  handle();
  EXPECT_EQ(intents_->handle("order", handler_).code(), Code::invalid_argument);
  EXPECT_EQ(intents_->handle("x", {}).code(), Code::invalid_argument);
  EXPECT_EQ(intents_->handle("x", handler_, {.attempts_max = 0}).code(), Code::invalid_argument);
  EXPECT_TRUE(intents_->start().ok());
  EXPECT_EQ(intents_->start().code(), Code::cancelled);
  EXPECT_EQ(intents_->handle("x", handler_).code(), Code::cancelled);
}

TEST_F(IntentsTest, ASnapshotHoldsTheOpenOnesSoThatTheLogIsTrimmed) {
  open();
  const IntentId open_one = begin(plan_of({"a", "b"}));
  EXPECT_TRUE(intents_->done(open_one, 0, "receipt").ok());
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 200; ++i) {
      const IntentId id =
          begin({.kind = "order", .payload = std::string(300, 'x'), .steps = {"a"}});
      EXPECT_TRUE(intents_->done(id, 0).ok());
      EXPECT_TRUE(intents_->complete(id).ok());
    }
    ASSERT_TRUE(intents_->checkpoint());
  }
  EXPECT_GT(intents_->log().first_lsn().value, open_one.value);
  kill_and_open();
  EXPECT_LT(intents_->recovered().records, 10u);
  ASSERT_NE(intents_->find(open_one), nullptr);
  EXPECT_EQ(intents_->find(open_one)->steps[0].result, "receipt");
  EXPECT_TRUE(intents_->done(open_one, 1).ok());
  EXPECT_TRUE(intents_->complete(open_one).ok());
}

TEST_F(IntentsTest, LooksBesideTheWriter) {
  EXPECT_EQ(Intents::look(kDir, options_.durable).error().code(), Code::not_found);
  open();
  const IntentId id = begin(plan_of({"a", "b"}));
  EXPECT_TRUE(intents_->done(id, 0, "r").ok());
  const auto seen = Intents::look(kDir, options_.durable);
  ASSERT_TRUE(seen) << seen.error().message();
  ASSERT_EQ(seen->size(), 1u);
  EXPECT_EQ((*seen)[0]->steps[0].result, "r");
  ASSERT_TRUE(intents_->checkpoint());
  EXPECT_EQ(Intents::look(kDir, options_.durable)->size(), 1u);
}

TEST_F(IntentsTest, OnAFailedLogNothingRunsAndWaitsEnd) {
  open();
  handle();
  EXPECT_TRUE(intents_->start().ok());
  faults_.fail_from_nth(FileOperation::sync_data, faults_.count(FileOperation::sync_data) + 1,
                        Status(Code::io_error, "broken"));
  EXPECT_EQ(intents_->begin(plan_of({"a"})).error().code(), Code::outcome_unknown);
  EXPECT_FALSE(intents_->health().ok());
  EXPECT_EQ(calls().size(), 0u);
}

// Whether a refusal is recorded is not known: then the step must not act after all.
TEST_F(IntentsTest, NothingRunsBehindACommandOfUnknownOutcome) {
  open();
  std::atomic<int> runs = 0;
  const auto refuse = [&](IntentAttempt& attempt) {
    if (++runs > 1) return Result<std::string>(std::string());
    faults_.fail_from_nth(FileOperation::sync_data, faults_.count(FileOperation::sync_data) + 1,
                          Status(Code::io_error, "broken"));
    return Result<std::string>(attempt.refuse("no"));
  };
  EXPECT_TRUE(intents_->handle("order", {refuse, {}}).ok());
  EXPECT_TRUE(intents_->start().ok());
  IntentPlan plan = plan_of({"a", "b"});
  plan.pivot = 0;
  const auto id = intents_->begin(plan);
  ASSERT_TRUE(id);
  while (intents_->health().ok()) std::this_thread::yield();
  for (int i = 0; i < 1000; ++i) {  // Also when the work that failed is over.
    EXPECT_FALSE(intents_->abort(*id, "by hand").ok());
    std::this_thread::yield();
  }
  EXPECT_FALSE(intents_->wait(*id));
  EXPECT_EQ(runs, 1);
}

TEST_F(IntentsTest, AResultThatIsTooLargeToBeRecordedIsAFailure) {
  open();
  std::atomic<int> asked = 0;
  IntentHandler handler;
  handler.run = [&](IntentAttempt&) -> Result<std::string> {
    // The first is larger than a record may be.
    return ++asked == 1 ? std::string(std::size_t{17} << 20, 'x') : std::string("small");
  };
  EXPECT_TRUE(
      intents_->handle("order", handler, {.backoff_first = std::chrono::milliseconds(0)}).ok());
  EXPECT_TRUE(intents_->start().ok());
  EXPECT_EQ(run(plan_of({"a"})).phase, IntentPhase::completed);
  EXPECT_EQ(asked, 2);
}

}  // namespace
}  // namespace forelog
