// Intents that ask outside services, and a crash at every call to the file system. Whatever is cut
// short goes on when the intents are opened again; in the end each is finished whole or has left
// nothing behind, no service has acted twice, and none that was begun is forgotten.
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "intents/test_deciding.h"

namespace forelog {
namespace {

using testing::MortalDisk;

// The world outside: it honours keys, and outlives every crash.
class Services {
 public:
  // Of the step's name: "refused" is refused, "lame" fails at its first attempt.
  Result<std::string> run(IntentAttempt& attempt) {
    const std::lock_guard lock(mutex_);
    const Place place = place_of(attempt);
    const std::string& name = attempt.intent.plan->steps[attempt.step];
    if (name == "refused") return attempt.refuse("refused");
    EXPECT_FALSE(undone_.contains(place)) << "a step runs behind its compensation";
    keys_[place].insert(attempt.key);
    acted_.insert(place);
    if (name == "lame" && attempt.number == 1) return Status(Code::io_error, "and says nothing");
    return "did " + name;
  }
  Status undo(const IntentAttempt& attempt) {
    const std::lock_guard lock(mutex_);
    const Place place = place_of(attempt);
    for (std::size_t later = attempt.step + 1; later < attempt.intent.steps.size(); ++later) {
      const Place behind(place.first, later);
      EXPECT_TRUE(!acted_.contains(behind) || undone_.contains(behind)) << "undone out of order";
    }
    undone_.insert(place);
    return {};
  }

  // What is left of it: how many of its steps have acted, and have not been undone.
  std::size_t effects(IntentId id) const {
    std::size_t left = 0;
    for (const Place& place : acted_) {
      if (place.first == id.value && !undone_.contains(place)) ++left;
    }
    return left;
  }
  // One key for all attempts: so that a service that is asked twice acts once.
  void check_keys() const {
    for (const auto& [place, keys] : keys_) EXPECT_EQ(keys.size(), 1u);
  }
  std::set<std::uint64_t> known() const {
    std::set<std::uint64_t> ids;
    for (const Place& place : acted_) ids.insert(place.first);
    return ids;
  }

 private:
  using Place = std::pair<std::uint64_t, std::size_t>;  // Intent and step.
  static Place place_of(const IntentAttempt& attempt) {
    return {attempt.intent.id.value, attempt.step};
  }

  std::mutex mutex_;
  std::set<Place> acted_, undone_;
  std::map<Place, std::set<std::string>> keys_;
};

enum class How { process, power_loses_all, power_loses_some };

class CrashingRun {
 public:
  CrashingRun(How how, std::uint64_t at) : how_(how), dice_(at) { mortal_.die_at(at); }

  // False: nothing came to the call at which it was to crash.
  bool work_crash_and_check() {
    work();
    const bool crashed = mortal_.dead();
    intents_.reset();
    switch (how_) {
      case How::process: mortal_.disk.kill_process(); break;
      case How::power_loses_all: mortal_.disk.power_cut(); break;
      case How::power_loses_some:
        mortal_.disk.power_cut([&](std::uint64_t choices) { return dice_() % choices; });
        break;
    }
    mortal_.die_at(std::nullopt);
    finish_and_check();
    return crashed;
  }

 private:
  Status open() {
    auto opened = Intents::open("/restaurant", testing::intents_options(mortal_.faults));
    if (!opened) return opened.error();
    intents_.emplace(*std::move(opened));
    IntentHandler handler;
    handler.run = [this](IntentAttempt& attempt) { return services_.run(attempt); };
    handler.compensate = [this](IntentAttempt& attempt) { return services_.undo(attempt); };
    FORELOG_TRY(
        intents_->handle("order", handler, {.backoff_first = std::chrono::milliseconds(0)}));
    return intents_->start();
  }

  void work() {
    if (!open()) return;
    for (const auto& plan :
         {testing::plan_of({"charge", "stock", "save"}), testing::plan_of({"charge", "lame"}, 0),
          testing::plan_of({"charge", "lame", "refused", "never"}),
          testing::plan_of({"refused"})}) {
      const auto id = intents_->begin(plan);
      if (!id) return;
      begun_[id->value] = plan;
      if (begun_.size() == 2 && !intents_->checkpoint()) return;
    }
    for (const auto& [id, plan] : begun_) {
      if (!intents_->wait(IntentId(id))) return;
    }
  }

  void finish_and_check() {
    const Status opened = open();
    ASSERT_TRUE(opened.ok()) << opened.message();
    for (const auto& intent : intents_->unfinished()) {
      const auto outcome = intents_->wait(intent->id);
      ASSERT_TRUE(outcome) << outcome.error().message();
      EXPECT_FALSE(outcome->parked) << outcome->reason;
    }
    for (const std::uint64_t id : services_.known()) {
      EXPECT_TRUE(intents_->find_finished(IntentId(id))) << "a service was asked for a lost intent";
    }
    for (const auto& [id, plan] : begun_) {
      const auto finished = intents_->find_finished(IntentId(id));
      ASSERT_TRUE(finished) << "intent " << id << " is lost";
      const bool refused =
          std::find(plan.steps.begin(), plan.steps.end(), "refused") != plan.steps.end();
      EXPECT_EQ(finished->phase, refused ? IntentPhase::aborted : IntentPhase::completed);
      EXPECT_EQ(services_.effects(IntentId(id)), refused ? 0 : plan.steps.size());
    }
    services_.check_keys();
  }

  const How how_;
  std::mt19937_64 dice_;
  MortalDisk mortal_;
  Services services_;
  std::optional<Intents> intents_;
  std::map<std::uint64_t, IntentPlan> begun_;
};

class IntentsCrashTest : public ::testing::TestWithParam<How> {};

TEST_P(IntentsCrashTest, AtEveryCall) {
  // There may be a few calls more or less, as threads meet.
  for (std::uint64_t at = 1, quiet = 0; quiet < 3; ++at) {
    SCOPED_TRACE("at call " + std::to_string(at));
    quiet = CrashingRun(GetParam(), at).work_crash_and_check() ? 0 : quiet + 1;
    ASSERT_FALSE(HasFailure());
  }
}

INSTANTIATE_TEST_SUITE_P(, IntentsCrashTest,
                         ::testing::Values(How::process, How::power_loses_all,
                                           How::power_loses_some));

}  // namespace
}  // namespace forelog
