// Random operations by hand, checkpoints and crashes at random calls, against a model that knows only
// what the operations mean. What was acknowledged is there after every crash; what a crash cut short
// happened whole, or not at all.
#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "intents/test_deciding.h"

namespace forelog {
namespace {

using testing::MortalDisk;

// An intent, as a user thinks of it.
struct ModelIntent {
  std::size_t steps = 1;
  std::optional<std::size_t> pivot;
  std::size_t done = 0;         // Steps, from the front.
  std::set<std::size_t> ahead;  // Of those behind the pivot, done out of order.
  bool aborting = false;
  std::vector<std::size_t> to_undo;  // The last one first to go.
  bool parked = false;
  std::optional<IntentPhase> finished;
};
using Model = std::map<std::uint64_t, ModelIntent>;

// What each operation does, where it is accepted. False: it is refused, and changes nothing.
bool do_step(ModelIntent& intent, std::size_t step) {
  if (intent.finished || intent.aborting || step >= intent.steps || step < intent.done)
    return false;
  if (step != intent.done && !(intent.pivot && intent.done > *intent.pivot)) return false;
  intent.ahead.insert(step);
  while (intent.ahead.contains(intent.done)) ++intent.done;
  return true;
}
bool complete(ModelIntent& intent) {
  if (intent.finished || intent.aborting || intent.done < intent.steps) return false;
  intent.finished = IntentPhase::completed;
  return true;
}
bool abort(ModelIntent& intent) {
  if (intent.finished || intent.aborting || (intent.pivot && intent.done > *intent.pivot)) {
    return false;
  }
  for (std::size_t i = 0; i < intent.done; ++i) intent.to_undo.push_back(i);
  if (intent.done < intent.steps && intent.pivot != intent.done)
    intent.to_undo.push_back(intent.done);
  intent.aborting = true;
  intent.parked = false;
  if (intent.to_undo.empty()) intent.finished = IntentPhase::aborted;
  return true;
}
bool undo(ModelIntent& intent, std::size_t step) {
  if (intent.finished || !intent.aborting || intent.to_undo.back() != step) return false;
  intent.to_undo.pop_back();
  if (intent.to_undo.empty()) intent.finished = IntentPhase::aborted;
  return true;
}
bool park(ModelIntent& intent) {
  if (intent.finished) return false;
  intent.parked = true;
  return true;
}
bool retry(ModelIntent& intent) {
  if (intent.finished) return false;
  intent.parked = false;
  return true;
}
bool drop(ModelIntent& intent) {
  if (intent.finished || !intent.parked) return false;
  intent.finished = IntentPhase::dropped;
  return true;
}

class Run {
 public:
  void operator()(std::size_t operations) {
    reopen();
    for (std::size_t i = 0; i < operations; ++i) {
      const auto kind = *rc::gen::inRange(0, 12);
      if (kind == 0) crash_and_reopen();
      if (kind == 1) mortal_.die_at(*rc::gen::inRange<std::uint64_t>(1, 30));
      if (kind == 2) static_cast<void>(intents_->checkpoint());
      if (kind == 3 || kind == 4) begin();
      if (kind > 4) change();
      if (mortal_.dead()) crash_and_reopen();
      compare();
    }
  }

 private:
  void reopen() {
    intents_.reset();
    auto opened = Intents::open("/restaurant", testing::intents_options(mortal_.faults));
    RC_ASSERT(opened.has_value());
    intents_.emplace(*std::move(opened));
  }
  void crash_and_reopen() {
    if (*rc::gen::arbitrary<bool>()) {
      mortal_.disk.kill_process();
    } else {
      mortal_.disk.power_cut(
          [](std::uint64_t choices) { return *rc::gen::inRange<std::uint64_t>(0, choices); });
    }
    mortal_.die_at(std::nullopt);
    reopen();
    settle_what_was_cut_short();
  }

  void begin() {
    ModelIntent made;
    made.steps = *rc::gen::inRange<std::size_t>(1, 4);
    if (*rc::gen::arbitrary<bool>()) made.pivot = *rc::gen::inRange<std::size_t>(0, made.steps);
    std::vector<std::string> steps(made.steps, "step");
    const auto id = intents_->begin(testing::plan_of(steps, made.pivot));
    if (id) {
      model_[id->value] = made;
    } else {
      RC_ASSERT(mortal_.dead());
      begun_ = made;
    }
  }

  void change() {
    if (model_.empty()) return;
    const auto chosen = *rc::gen::inRange<std::size_t>(0, model_.size());
    auto& [id, intent] = *std::next(model_.begin(), static_cast<std::ptrdiff_t>(chosen));
    const IntentId name(id);
    ModelIntent after = intent;
    const std::size_t step = *rc::gen::oneOf(
        rc::gen::just(intent.aborting && !intent.to_undo.empty() ? intent.to_undo.back()
                                                                 : intent.done),
        rc::gen::inRange<std::size_t>(0, 4));
    bool accepted = false;
    Status status;
    switch (*rc::gen::inRange(0, 9)) {
      case 0:
      case 1:
      case 2:
        accepted = do_step(after, step);
        status = intents_->done(name, step, "result");
        break;
      case 3:
        accepted = complete(after);
        status = intents_->complete(name);
        break;
      case 4:
        accepted = abort(after);
        status = intents_->abort(name, "why");
        break;
      case 5:
        accepted = undo(after, step);
        status = intents_->compensated(name, step);
        break;
      case 6:
        accepted = park(after);
        status = intents_->park(name, "stuck");
        break;
      case 7:
        accepted = retry(after);
        status = intents_->retry(name);
        break;
      default:
        accepted = drop(after);
        status = intents_->drop(name, "enough");
        break;
    }
    if (mortal_.dead() && !status.ok()) {
      changed_ = {id, after};
      return;
    }
    // What has been told already is Ok again, and changes nothing.
    RC_ASSERT(status.ok() || !accepted);
    if (accepted) intent = after;
  }

  // The operation that a crash cut short happened, or did not.
  void settle_what_was_cut_short() {
    if (changed_) {
      ModelIntent& intent = model_[changed_->first];
      if (!matches(changed_->first, intent)) intent = changed_->second;
      changed_.reset();
    }
    if (begun_) {
      for (const auto& intent : intents_->unfinished()) {
        model_.try_emplace(intent->id.value, *begun_);  // One at most: the rest is compared.
      }
      begun_.reset();
    }
    compare();
  }

  bool matches(std::uint64_t id, const ModelIntent& wanted) const {
    const auto intent = intents_->find(IntentId(id));
    if (wanted.finished) {
      const auto finished = intents_->find_finished(IntentId(id));
      return intent == nullptr && finished && finished->phase == *wanted.finished;
    }
    if (intent == nullptr || intent->steps.size() != wanted.steps ||
        intent->plan->pivot != wanted.pivot || intent->parked != wanted.parked ||
        (intent->phase == IntentPhase::aborting) != wanted.aborting) {
      return false;
    }
    if (!wanted.aborting) {
      return intent->next_step().value_or(wanted.steps) == wanted.done;
    }
    return intent->next_step() == wanted.to_undo.back();
  }
  void compare() const {
    std::size_t open = 0;
    for (const auto& [id, intent] : model_) {
      RC_ASSERT(matches(id, intent));
      if (!intent.finished) ++open;
    }
    RC_ASSERT(intents_->unfinished().size() == open);
  }

  MortalDisk mortal_;
  std::optional<Intents> intents_;
  Model model_;
  std::optional<std::pair<std::uint64_t, ModelIntent>> changed_;
  std::optional<ModelIntent> begun_;
};

RC_GTEST_PROP(IntentsModelTest, RandomOperationsAndCrashes, ()) {
  Run run;
  run(*rc::gen::inRange<std::size_t>(1, 60));
}

}  // namespace
}  // namespace forelog
