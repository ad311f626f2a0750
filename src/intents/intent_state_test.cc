// The state machine of intents, alone: what each command does, what is refused, what is remembered.
#include "intents/intent_state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "intents/test_state.h"
#include "support/hex_examples.h"

namespace forelog::intents {
namespace {

class IntentStateTest : public ::testing::Test, public StateMachineOfIntents {};

TEST_F(IntentStateTest, StepsAreDoneInOrderAndThenItIsComplete) {
  const IntentId id = begin(plan_of({"charge", "cook"}));
  EXPECT_EQ(id, IntentId(1));
  EXPECT_EQ(at(id).next_step(), 0u);
  EXPECT_EQ(done(id, 1), Code::invalid_argument);
  EXPECT_EQ(complete(id), Code::invalid_argument);
  EXPECT_EQ(done(id, 0, "receipt"), Code::ok);
  EXPECT_EQ(at(id).steps[0].result, "receipt");
  EXPECT_EQ(at(id).next_step(), 1u);
  EXPECT_EQ(done(id, 1), Code::ok);
  EXPECT_EQ(at(id).next_step(), std::nullopt);
  EXPECT_EQ(complete(id), Code::ok);
  EXPECT_EQ(state.find(id), nullptr);
  EXPECT_EQ(finished(id), IntentPhase::completed);
}

TEST_F(IntentStateTest, WhatIsToldTwiceIsOnce) {
  const IntentId id = begin(plan_of({"charge", "cook"}));
  EXPECT_EQ(done(id, 0, "first"), Code::ok);
  EXPECT_EQ(done(id, 0, "second"), Code::ok);
  EXPECT_EQ(at(id).steps[0].result, "first");
  EXPECT_EQ(done(id, 1), Code::ok);
  EXPECT_EQ(complete(id), Code::ok);
  EXPECT_EQ(complete(id), Code::ok);
  EXPECT_EQ(done(id, 1), Code::ok);
  EXPECT_EQ(abort(id), Code::invalid_argument);
  EXPECT_EQ(drop(id), Code::invalid_argument);
}

TEST_F(IntentStateTest, AnAbortUndoesInReverseTheStepInDoubtToo) {
  const IntentId id = begin(plan_of({"a", "b", "c", "d"}));
  done(id, 0);
  done(id, 1);
  EXPECT_EQ(compensated(id, 1), Code::invalid_argument);
  EXPECT_EQ(abort(id), Code::ok);
  EXPECT_EQ(at(id).reason, "why");
  EXPECT_EQ(at(id).steps[2].state, StepState::in_doubt);
  EXPECT_EQ(at(id).steps[3].state, StepState::pending);
  EXPECT_EQ(at(id).next_step(), 2u);
  EXPECT_EQ(compensated(id, 0), Code::invalid_argument);
  EXPECT_EQ(compensated(id, 2), Code::ok);
  EXPECT_EQ(compensated(id, 2), Code::ok);
  EXPECT_EQ(compensated(id, 1, "refund"), Code::ok);
  EXPECT_EQ(at(id).steps[1].compensation, "refund");
  EXPECT_EQ(abort(id), Code::ok);
  EXPECT_EQ(complete(id), Code::invalid_argument);
  EXPECT_EQ(compensated(id, 0), Code::ok);
  EXPECT_EQ(finished(id), IntentPhase::aborted);
  EXPECT_EQ(state.find_finished(id)->reason, "why");
  EXPECT_EQ(compensated(id, 0), Code::ok);
}

TEST_F(IntentStateTest, AStepThatWasUnderWayAtTheAbortMayStillTellItsResult) {
  const IntentId id = begin(plan_of({"a", "b"}));
  abort(id);
  EXPECT_EQ(done(id, 0, "late"), Code::ok);
  EXPECT_EQ(at(id).steps[0].state, StepState::done);
  EXPECT_EQ(at(id).steps[0].result, "late");
  EXPECT_EQ(done(id, 1), Code::invalid_argument);
  EXPECT_EQ(compensated(id, 0), Code::ok);
  EXPECT_EQ(finished(id), IntentPhase::aborted);
}

TEST_F(IntentStateTest, WhatWasDecidedBeforeAChangeIsRefused) {
  const IntentId id = begin(plan_of({"a", "b"}));
  const Lsn seen = at(id).changed;
  EXPECT_EQ(seen, Lsn(1));
  EXPECT_EQ(done(id, 0), Code::ok);
  EXPECT_EQ(at(id).changed, Lsn(2));
  for (const auto kind : {CommandKind::step_failed, CommandKind::aborting, CommandKind::parked}) {
    Command command;
    command.kind = kind;
    command.id = id;
    command.step = 1;
    command.seen = seen;
    EXPECT_EQ(apply(command), Code::invalid_argument);
    EXPECT_FALSE(at(id).parked);
    EXPECT_EQ(at(id).attempts, 0u);
    EXPECT_EQ(at(id).phase, IntentPhase::running);
    EXPECT_EQ(at(id).changed, Lsn(2));
  }
  Command command;
  command.kind = CommandKind::step_failed;
  command.id = id;
  command.step = 1;
  command.seen = at(id).changed;
  EXPECT_EQ(apply(command), Code::ok);
  EXPECT_EQ(at(id).attempts, 1u);
}

TEST_F(IntentStateTest, TheAttemptThatParksItCountsAndAPersonsWordDoesNot) {
  const IntentId id = begin(plan_of({"a"}));
  failed(id, 0, "once");
  Command command;
  command.kind = CommandKind::parked;
  command.id = id;
  command.seen = at(id).changed;
  EXPECT_EQ(apply(command), Code::ok);
  EXPECT_EQ(at(id).attempts, 2u);
  command.seen = Lsn();
  EXPECT_EQ(apply(command), Code::ok);
  EXPECT_EQ(at(id).attempts, 2u);
}

TEST_F(IntentStateTest, BehindThePivotStepsAreDoneInAnyOrder) {
  const IntentId id = begin(plan_of({"a", "pivot", "c", "d"}, 1));
  EXPECT_EQ(done(id, 0), Code::ok);
  EXPECT_EQ(done(id, 3), Code::invalid_argument);
  EXPECT_EQ(done(id, 1), Code::ok);
  EXPECT_EQ(failed(id, 2, "not there yet"), Code::ok);
  const Lsn changed = at(id).changed;
  EXPECT_EQ(done(id, 3), Code::ok);
  EXPECT_EQ(at(id).next_step(), 2u);
  EXPECT_EQ(at(id).attempts, 1u);
  EXPECT_EQ(at(id).changed, changed);
  EXPECT_EQ(done(id, 2), Code::ok);
  EXPECT_EQ(at(id).next_step(), std::nullopt);
  EXPECT_EQ(complete(id), Code::ok);
}

TEST_F(IntentStateTest, BehindThePivotThereIsNoWayBack) {
  const IntentId id = begin(plan_of({"a", "pivot", "c"}, 1));
  done(id, 0);
  EXPECT_TRUE(at(id).at_pivot());
  EXPECT_EQ(abort(id), Code::busy);  // It may be under way, and have had its effect.
  done(id, 1);
  EXPECT_TRUE(at(id).behind_pivot());
  EXPECT_EQ(abort(id), Code::invalid_argument);
  EXPECT_EQ(abort(id, true), Code::invalid_argument);
  done(id, 2);
  EXPECT_EQ(complete(id), Code::ok);
  EXPECT_TRUE(state.find_finished(id)->behind_pivot);
}

TEST_F(IntentStateTest, APivotThatHadNoEffectIsNotUndone) {
  const IntentId id = begin(plan_of({"a", "pivot", "c"}, 1));
  done(id, 0);
  EXPECT_EQ(abort(id, true), Code::ok);
  EXPECT_EQ(at(id).steps[1].state, StepState::pending);
  EXPECT_EQ(at(id).next_step(), 0u);
  compensated(id, 0);
  EXPECT_EQ(finished(id), IntentPhase::aborted);

  const IntentId first = begin(plan_of({"pivot", "b"}, 0));
  EXPECT_EQ(abort(first, true), Code::ok);
  EXPECT_EQ(finished(first), IntentPhase::aborted);  // Nothing is to be undone.
}

TEST_F(IntentStateTest, FailuresAreCountedUntilTheStepIsDone) {
  const IntentId id = begin(plan_of({"a", "b"}));
  EXPECT_EQ(failed(id, 1, "not there yet"), Code::invalid_argument);
  EXPECT_EQ(failed(id, 0, "once"), Code::ok);
  EXPECT_EQ(failed(id, 0, "twice"), Code::ok);
  EXPECT_EQ(at(id).attempts, 2u);
  EXPECT_EQ(at(id).last_error, "twice");
  done(id, 0);
  EXPECT_EQ(at(id).attempts, 0u);
  failed(id, 1, "again");
  abort(id);
  EXPECT_EQ(at(id).attempts, 0u);
  EXPECT_EQ(failed(id, 1, "undoing it"), Code::ok);
  EXPECT_EQ(at(id).attempts, 1u);
}

TEST_F(IntentStateTest, AnOperatorParksRetriesAndDrops) {
  const IntentId id = begin(plan_of({"a"}));
  failed(id, 0, "once");
  EXPECT_EQ(drop(id), Code::busy);
  EXPECT_EQ(park(id), Code::ok);
  EXPECT_TRUE(at(id).parked);
  EXPECT_EQ(at(id).last_error, "stuck");
  EXPECT_EQ(retry(id), Code::ok);
  EXPECT_FALSE(at(id).parked);
  EXPECT_EQ(at(id).attempts, 0u);
  park(id);
  EXPECT_EQ(drop(id), Code::ok);
  EXPECT_EQ(finished(id), IntentPhase::dropped);
  EXPECT_EQ(state.find_finished(id)->reason, "enough");
  EXPECT_EQ(retry(id), Code::invalid_argument);
}

TEST_F(IntentStateTest, AnAbortEndsTheParking) {
  const IntentId id = begin(plan_of({"a"}));
  park(id);
  EXPECT_EQ(abort(id), Code::ok);
  EXPECT_FALSE(at(id).parked);
}

TEST_F(IntentStateTest, AKeyIsBegunOnceWhileItIsRemembered) {
  IntentPlan plan = plan_of({"a"});
  plan.key = "order 17";
  const IntentId id = begin(plan);
  EXPECT_EQ(begin(plan), id);
  done(id, 0);
  complete(id);
  EXPECT_EQ(begin(plan), id);
  for (std::size_t i = 0; i < kFinishedIntentsKept - 1; ++i) {
    const IntentId other = begin(plan_of({"a"}));
    done(other, 0);
    complete(other);
  }
  EXPECT_EQ(begin(plan), id);
  const IntentId last = begin(plan_of({"a"}));
  done(last, 0);
  complete(last);
  EXPECT_EQ(state.find_finished(id), nullptr);
  EXPECT_NE(begin(plan), id);
  EXPECT_EQ(done(id, 0), Code::not_found);
}

TEST_F(IntentStateTest, WhatIsNotThereIsNotFound) {
  for (const Code code : {done(IntentId(9), 0), complete(IntentId(9)), abort(IntentId(9)),
                          compensated(IntentId(9), 0), park(IntentId(9)), retry(IntentId(9)),
                          drop(IntentId(9)), failed(IntentId(9), 0, "")}) {
    EXPECT_EQ(code, Code::not_found);
  }
}

TEST_F(IntentStateTest, ACommandThatItCannotReadStopsIt) {
  EXPECT_EQ(state.apply(Lsn(1), "what?").code(), Code::unsupported);
  EXPECT_EQ(state.apply(Lsn(1), "").code(), Code::corrupt);
}

TEST_F(IntentStateTest, AnImageStaysAsItWas) {
  const IntentId id = begin(plan_of({"a", "b"}));
  done(id, 0, "receipt");
  const std::string then = saved();
  const auto image = state.freeze();
  done(id, 1);
  complete(id);
  begin(plan_of({"c"}));
  TextSink sink;
  ASSERT_TRUE(image->save(sink).ok());
  EXPECT_EQ(sink.text, then);
  EXPECT_NE(saved(), then);
}

TEST_F(IntentStateTest, WhatWasSavedIsLoadedAndGoesOn) {
  IntentPlan plan = plan_of({"a", "b"}, 1);
  plan.key = "k";
  const IntentId open = begin(plan);
  failed(open, 0, "once");
  const IntentId over = begin(plan_of({"a"}));
  done(over, 0);
  complete(over);
  const std::string bytes = saved();

  IntentState other;
  ByteSource source(bytes);
  ASSERT_TRUE(other.load(source).ok());
  TextSink again;
  ASSERT_TRUE(other.save(again).ok());
  EXPECT_EQ(again.text, bytes);

  ByteSource once_more(bytes);
  ASSERT_TRUE(state.load(once_more).ok());
  EXPECT_EQ(begin(plan), open);
  EXPECT_EQ(at(open).attempts, 1u);
  EXPECT_EQ(finished(over), IntentPhase::completed);
}

TEST_F(IntentStateTest, TheExampleInTheFormatIsWhatIsWrittenAndRead) {
  IntentPlan plan = plan_of({"a"});
  plan.key = "k";
  failed(begin(plan), 0, "once");
  const IntentId over = begin(plan_of({"b"}));
  done(over, 0);
  complete(over);
  const auto examples =
      format::read_hex_examples(std::string(FORELOG_SOURCE_DIR) + "/docs/format.md");
  const auto example = std::find_if(examples.begin(), examples.end(), [](const auto& each) {
    return each.text("name") == "intent-snapshot";
  });
  const std::string bytes = saved();
  ASSERT_NE(example, examples.end()) << format::to_hex_lines(bytes);
  EXPECT_TRUE(std::ranges::equal(example->bytes, ByteView(bytes))) << format::to_hex_lines(bytes);
  IntentState other;
  ByteSource source{ByteView(std::span(example->bytes))};
  ASSERT_TRUE(other.load(source).ok());
  EXPECT_EQ(other.open_count(), 1u);
}

TEST_F(IntentStateTest, ASnapshotThatIsCutOrChangedIsAnErrorOrAnotherState) {
  const IntentId open = begin(plan_of({"a", "b"}));
  done(open, 0, "r");
  const IntentId over = begin(plan_of({"a"}));
  done(over, 0);
  complete(over);
  const std::string bytes = saved();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ByteSource source(ByteView(std::string_view(bytes).substr(0, size)));
    IntentState other;
    EXPECT_FALSE(other.load(source).ok()) << size;
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    ByteSource source(flipped);
    IntentState other;
    if (!other.load(source).ok()) continue;
    TextSink again;
    ASSERT_TRUE(other.save(again).ok());
    EXPECT_EQ(again.text, flipped) << "bit " << bit;
  }
}

}  // namespace
}  // namespace forelog::intents
