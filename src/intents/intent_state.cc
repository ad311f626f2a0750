#include "intents/intent_state.h"

#include <utility>

#include "base/guarded.h"
#include "base/simulation.h"
#include "base/text.h"
#include "forelog/try.h"

namespace forelog::intents {

using base::concat;

namespace {

std::string named(const Intent& intent) { return concat("intent ", intent.id.value); }

Status refused(const Intent& intent, std::string_view why) {
  return {Code::invalid_argument, concat(named(intent), " ", why)};
}

void start_over(Intent& intent) {
  intent.attempts = 0;
  intent.last_error.clear();
  intent.next_attempt = {};
}

// Not where what was told had been told before: an attempt that is under way goes on as it began.
bool is_at_another_point(const Intent& before, const Intent& after) {
  return before.phase != after.phase || before.next_step() != after.next_step() ||
         before.attempts != after.attempts || before.parked != after.parked;
}

// A repetition of what has been done already is no error: whoever did it may not have been told.
bool is_what_it_came_to(const FinishedIntent& finished, CommandKind kind) {
  switch (kind) {
    case CommandKind::step_done:
    case CommandKind::completed: return finished.phase == IntentPhase::completed;
    case CommandKind::aborting:
    case CommandKind::compensated: return finished.phase == IntentPhase::aborted;
    case CommandKind::dropped: return finished.phase == IntentPhase::dropped;
    default: return false;
  }
}

class FrozenIntents : public StateMachine::Image {
 public:
  explicit FrozenIntents(IntentImage image) : image_(std::move(image)) {}
  Status save(Sink& out) const override { return save_image(image_, out); }

 private:
  IntentImage image_;
};

}  // namespace

Status IntentState::apply(Lsn lsn, ByteView bytes) {
  return base::guarded([&]() -> Status {
    Result<Command> command = decode_command(bytes);
    if (!command) return command.error().with_context("it is no command of intents");
    decide(lsn, *std::move(command));
    return {};
  });
}

void IntentState::decide(Lsn lsn, Command command) {
  verdict_ = {command.id, {}};
  if (command.kind == CommandKind::begun) {
    begin(lsn, std::move(command));
    return;
  }
  const IntentPointer before = find(command.id);
  if (before == nullptr) {
    const FinishedPointer finished = find_finished(command.id);
    if (finished == nullptr) {
      verdict_.status = {Code::not_found, concat("there is no intent ", command.id.value,
                                                 ", or it was finished long ago")};
    } else if (!is_what_it_came_to(*finished, command.kind)) {
      verdict_.status = {Code::invalid_argument, concat("intent ", command.id.value, " is ",
                                                        to_string(finished->phase), " already")};
    }
    return;
  }
  const Timestamp time = command.time;
  if (command.seen != Lsn() && command.seen != before->changed) {
    verdict_.status = refused(
        *before, concat("was changed meanwhile, by the command at LSN ", before->changed.value));
    return;
  }
  auto after = std::make_shared<Intent>(*before);
  verdict_.status = move(*after, command);
  if (!verdict_.status.ok()) return;
  if (command.kind == CommandKind::retried || is_at_another_point(*before, *after)) {
    after->changed = lsn;
  }
  if (after->phase == IntentPhase::aborting && !after->next_step()) {
    after->phase = IntentPhase::aborted;
  }
  if (after->phase == IntentPhase::running || after->phase == IntentPhase::aborting) {
    open_[after->id.value] = std::move(after);
  } else {
    finish(*after, time);
  }
}

void IntentState::begin(Lsn lsn, Command command) {
  verdict_.id = IntentId(lsn.value);
  if (!command.plan.key.empty()) {
    const auto [known, is_new] = keys_.try_emplace(command.plan.key, verdict_.id);
    if (!is_new) {
      verdict_.id = known->second;
      return;
    }
  }
  auto intent = std::make_shared<Intent>();
  intent->id = verdict_.id;
  intent->begun = command.time;
  intent->changed = lsn;
  intent->steps.resize(command.plan.steps.size());
  intent->plan = std::make_shared<const IntentPlan>(std::move(command.plan));
  open_[lsn.value] = std::move(intent);
}

Status IntentState::move(Intent& intent, Command& command) {
  switch (command.kind) {
    case CommandKind::begun: break;
    case CommandKind::step_done: return step_done(intent, command);
    case CommandKind::step_failed: return step_failed(intent, command);
    case CommandKind::completed:
      if (intent.phase != IntentPhase::running) return refused(intent, "is being undone");
      if (const auto next = intent.next_step()) {
        return refused(intent, concat("is not complete: step ", *next, " is not done"));
      }
      intent.phase = IntentPhase::completed;
      return {};
    case CommandKind::aborting: return abort(intent, command);
    case CommandKind::compensated: return compensated(intent, command);
    case CommandKind::parked:
      // By an attempt that failed, and which has no other record; or at someone's word.
      if (command.seen != Lsn()) ++intent.attempts;
      intent.parked = true;
      intent.last_error = std::move(command.text);
      return {};
    case CommandKind::retried:
      intent.parked = false;
      start_over(intent);
      return {};
    case CommandKind::dropped:
      if (!intent.parked) {
        return {Code::busy, concat(named(intent),
                                   " is not parked: it may be at work. Wait until it "
                                   "is, or park it")};
      }
      if (intent.plan->kind == kDecisionKind && intent.behind_pivot()) {
        return refused(intent,
                       "is a decision to commit, which some do not know yet: they would be told "
                       "that it was aborted");
      }
      intent.phase = IntentPhase::dropped;
      intent.reason = std::move(command.text);  // In place of an abort's: it is the last word.
      return {};
  }
  return refused(intent, "cannot be begun again");
}

Status IntentState::step_done(Intent& intent, Command& command) {
  if (command.step >= intent.steps.size()) {
    return refused(intent, concat("has no step ", command.step));
  }
  IntentStep& step = intent.steps[command.step];
  if (step.state == StepState::done) return {};  // Told of again.
  if (intent.phase == IntentPhase::running && intent.next_step() == command.step) {
    start_over(intent);
  } else if (intent.phase == IntentPhase::running && intent.behind_pivot()) {
    // All that is left will be done, and one that cannot be for now need not keep up the others.
  } else if (step.state != StepState::in_doubt) {
    return refused(intent, concat("is not at step ", command.step));
  }
  // Why also in doubt: the step was under way when the abort came. Its compensation is told.
  step.state = StepState::done;
  step.result = std::move(command.text);
  return {};
}

Status IntentState::step_failed(Intent& intent, Command& command) {
  if (intent.next_step() != command.step) {
    return refused(intent, concat("is not at step ", command.step));
  }
  ++intent.attempts;
  intent.last_error = std::move(command.text);
  intent.next_attempt = command.next;
  return {};
}

Status IntentState::abort(Intent& intent, Command& command) {
  if (intent.phase == IntentPhase::aborting) return {};
  if (intent.behind_pivot()) {
    return refused(intent, concat("is behind its pivot, step ", *intent.plan->pivot,
                                  ", and can only be completed"));
  }
  const bool at_pivot = intent.at_pivot();
  if (at_pivot && !command.pivot_had_no_effect) {
    return {Code::busy, concat(named(intent), " is at its pivot, step ", *intent.plan->pivot,
                               ", which may have had its effect: only its handler can tell")};
  }
  if (const auto next = intent.next_step();
      next && !at_pivot && !base::makes(base::Mistake::skip_in_doubt)) {
    intent.steps[*next].state = StepState::in_doubt;
  }
  intent.phase = IntentPhase::aborting;
  intent.reason = std::move(command.text);
  intent.parked = false;
  start_over(intent);
  return {};
}

Status IntentState::compensated(Intent& intent, Command& command) {
  if (intent.phase != IntentPhase::aborting) return refused(intent, "is not being undone");
  if (command.step >= intent.steps.size()) {
    return refused(intent, concat("has no step ", command.step));
  }
  IntentStep& step = intent.steps[command.step];
  if (step.state == StepState::compensated) return {};  // Told of again.
  if (intent.next_step() != command.step) {
    return refused(intent, concat("has other steps to be undone before step ", command.step));
  }
  step.state = StepState::compensated;
  step.compensation = std::move(command.text);
  start_over(intent);
  return {};
}

void IntentState::finish(const Intent& intent, Timestamp time) {
  auto finished = std::make_shared<FinishedIntent>();
  finished->id = intent.id;
  finished->kind = intent.plan->kind;
  finished->key = intent.plan->key;
  finished->phase = intent.phase;
  finished->behind_pivot = intent.behind_pivot();
  finished->begun = intent.begun;
  finished->finished = time;
  finished->reason = intent.reason;
  open_.erase(intent.id.value);
  remember(std::move(finished));
}

// Invariant: the bound is part of the format. One that could be chosen would make a replay accept or
// refuse keys that the first run did not.
void IntentState::remember(FinishedPointer finished) {
  finished_order_.push_back(finished->id.value);
  finished_[finished->id.value] = std::move(finished);
  if (finished_order_.size() <= kFinishedIntentsKept) return;
  const auto oldest = finished_.find(finished_order_.front());
  if (!oldest->second->key.empty()) keys_.erase(oldest->second->key);
  finished_.erase(oldest);
  finished_order_.pop_front();
}

IntentPointer IntentState::find(IntentId id) const {
  const auto found = open_.find(id.value);
  return found == open_.end() ? nullptr : found->second;
}

FinishedPointer IntentState::find_finished(IntentId id) const {
  const auto found = finished_.find(id.value);
  return found == finished_.end() ? nullptr : found->second;
}

IntentImage IntentState::image() const {
  IntentImage image;
  image.open.reserve(open_.size());
  for (const auto& [id, intent] : open_) image.open.push_back(intent);
  image.finished.reserve(finished_order_.size());
  for (const std::uint64_t id : finished_order_) image.finished.push_back(finished_.at(id));
  return image;
}

std::unique_ptr<StateMachine::Image> IntentState::freeze() const {
  // Why null where memory runs out: Durable then builds a second state, or says that it cannot.
  std::unique_ptr<Image> frozen;
  static_cast<void>(base::guarded([&]() -> Status {
    frozen = std::make_unique<FrozenIntents>(image());
    return {};
  }));
  return frozen;
}

Status IntentState::save(Sink& out) const {
  return base::guarded([&] { return save_image(image(), out); });
}

void IntentState::clear() {
  open_.clear();
  finished_.clear();
  finished_order_.clear();
  keys_.clear();
  verdict_ = {};
}

Status IntentState::load(Source& in) {
  return base::guarded([&]() -> Status {
    clear();
    IntentImage image = FORELOG_TRY(load_image(in));
    for (FinishedPointer& finished : image.finished) {
      if (find_finished(finished->id) != nullptr) {
        return {Code::corrupt, concat("the snapshot has intent ", finished->id.value, " twice")};
      }
      if (!finished->key.empty()) keys_[finished->key] = finished->id;
      remember(std::move(finished));
    }
    for (IntentPointer& intent : image.open) {
      if (!intent->plan->key.empty()) keys_[intent->plan->key] = intent->id;
      open_[intent->id.value] = std::move(intent);
    }
    return {};
  });
}

}  // namespace forelog::intents
