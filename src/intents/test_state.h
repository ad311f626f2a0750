// What tests of the state machine of intents are written in: commands go in, and what became of them
// comes out.
// Threading: none.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "forelog/state_machine.h"
#include "intents/command.h"
#include "intents/intent_state.h"
#include "intents/wire.h"

namespace forelog::intents {

// A Sink that keeps what it is given.
class TextSink : public Sink {
 public:
  Status write(ByteView bytes) override {
    text += bytes.text();
    return {};
  }
  std::string text;
};

inline IntentPlan plan_of(std::vector<std::string> steps,
                          std::optional<std::size_t> pivot = std::nullopt) {
  return {.kind = "order", .payload = "soup", .steps = std::move(steps), .pivot = pivot};
}

class StateMachineOfIntents {
 public:
  IntentId begin(IntentPlan plan) {
    Command command;
    command.plan = std::move(plan);
    EXPECT_EQ(apply(std::move(command)), Code::ok);
    return state.verdict().id;
  }
  Code done(IntentId id, std::uint32_t step, std::string result = {}) {
    return apply(CommandKind::step_done, id, step, std::move(result));
  }
  Code failed(IntentId id, std::uint32_t step, std::string error) {
    return apply(CommandKind::step_failed, id, step, std::move(error));
  }
  Code complete(IntentId id) { return apply(CommandKind::completed, id, 0); }
  Code abort(IntentId id, bool pivot_had_no_effect = false) {
    Command command;
    command.kind = CommandKind::aborting;
    command.id = id;
    command.text = "why";
    command.pivot_had_no_effect = pivot_had_no_effect;
    return apply(std::move(command));
  }
  Code compensated(IntentId id, std::uint32_t step, std::string result = {}) {
    return apply(CommandKind::compensated, id, step, std::move(result));
  }
  Code park(IntentId id) { return apply(CommandKind::parked, id, 0, "stuck"); }
  Code retry(IntentId id) { return apply(CommandKind::retried, id, 0); }
  Code drop(IntentId id) { return apply(CommandKind::dropped, id, 0, "enough"); }

  const Intent& at(IntentId id) const {
    const IntentPointer intent = state.find(id);
    EXPECT_NE(intent, nullptr) << "intent " << id.value << " is not open";
    static const Intent kNone;
    return intent == nullptr ? kNone : *intent;  // The state keeps it.
  }
  IntentPhase finished(IntentId id) const {
    const FinishedPointer finished = state.find_finished(id);
    return finished == nullptr ? IntentPhase::running : finished->phase;
  }
  std::string saved() const {
    TextSink sink;
    EXPECT_TRUE(state.save(sink).ok());
    return sink.text;
  }

  Code apply(CommandKind kind, IntentId id, std::uint32_t step, std::string text = {}) {
    Command command;
    command.kind = kind;
    command.id = id;
    command.step = step;
    command.text = std::move(text);
    return apply(std::move(command));
  }
  Code apply(Command command) {
    command.time = Timestamp(std::chrono::seconds(++lsn));
    const Status applied = state.apply(Lsn(lsn), encode(command));
    EXPECT_TRUE(applied.ok()) << applied.message();
    return state.verdict().status.code();
  }

  IntentState state;
  std::uint64_t lsn = 0;
};

}  // namespace forelog::intents
