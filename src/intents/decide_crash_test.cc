// A run of decisions in which someone crashes, at every call to a file system: everyone, one of the
// participants, or the coordinator; the process, or the power. Whoever crashed is opened again.
// Afterwards all agree, what was decided stays decided, nothing is half done, and nobody is in doubt.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>
#include <ostream>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "intents/test_deciding.h"

namespace forelog {
namespace {

using testing::DecidingWorld;
using testing::MortalDisk;

enum class Who { everyone, north, south, coordinator };
enum class How { process, power_loses_all, power_loses_some };

constexpr int kSums[] = {30, 500, 20};  // North, which has 100, votes against the second.

class CrashingRun {
 public:
  CrashingRun(Who who, How how, std::uint64_t at) : who_(who), how_(how), at_(at) {
    for (MortalDisk* const disk : mortal()) disk->die_at(at);
  }

  // False: nobody came to his nth call.
  bool work_crash_and_check() {
    work();
    const bool crashed = anyone_dead();
    bury();
    settle();
    check();
    return crashed;
  }

 private:
  std::vector<MortalDisk*> mortal() {
    switch (who_) {
      case Who::everyone: return {&world_.north.mortal, &world_.south.mortal, &world_.coordinators};
      case Who::north: return {&world_.north.mortal};
      case Who::south: return {&world_.south.mortal};
      case Who::coordinator: return {&world_.coordinators};
    }
    return {};
  }
  bool anyone_dead() {
    for (const MortalDisk* const disk : mortal()) {
      if (disk->dead()) return true;
    }
    return false;
  }
  // When one of all is dead, all are: the power went for all of them.
  void work() {
    if (!world_.open().ok() || !world_.north.log().update("alice +100")) return;
    for (const int sum : kSums) {
      const auto transaction = world_.coordinator->begin(DecidingWorld::move(sum));
      if (!transaction) {
        may_have_begun_ = sum;
        return;
      }
      begun_[*transaction] = sum;
      if (!wait(*transaction)) return;
      if (sum == 500) {
        if (!world_.north.log().checkpoint() || !world_.south.log().checkpoint() ||
            !world_.coordinator->intents().checkpoint()) {
          return;
        }
      }
    }
  }
  // False: someone died first.
  bool wait(const std::string& transaction) {
    while (!anyone_dead()) {
      const auto decision = world_.coordinator->wait(
          transaction, std::chrono::steady_clock::now() + std::chrono::milliseconds(2));
      if (decision) {
        told_[transaction] = *decision;
        return true;
      }
      if (decision.error().code() != Code::timed_out) return false;
    }
    return false;
  }

  // Only a participant's death leaves the coordinator at work.
  void bury() {
    const bool alone = who_ == Who::north || who_ == Who::south;
    if (!alone) world_.coordinator.reset();
    for (MortalDisk* const mortal : this->mortal()) {
      if (mortal == &world_.north.mortal) world_.north.end();
      if (mortal == &world_.south.mortal) world_.south.end();
      cut(*mortal);
      mortal->die_at(std::nullopt);
    }
  }
  void cut(MortalDisk& mortal) {
    switch (how_) {
      case How::process: mortal.disk.kill_process(); break;
      case How::power_loses_all: mortal.disk.power_cut(); break;
      case How::power_loses_some:
        mortal.disk.power_cut([&](std::uint64_t choices) { return dice_() % choices; });
        break;
    }
  }

  // All are there again, and everything that was begun comes to its end.
  void settle() {
    for (testing::Bank* const bank : {&world_.north, &world_.south}) {
      if (bank->is_open()) continue;
      const Status opened = bank->open();
      ASSERT_TRUE(opened.ok()) << opened.message();
    }
    if (!world_.coordinator) {
      const Status opened = world_.open_coordinator();
      ASSERT_TRUE(opened.ok()) << opened.message();
    }
    for (const auto& intent : world_.coordinator->intents().unfinished()) {
      const auto outcome = world_.coordinator->intents().wait(
          intent->id, std::chrono::steady_clock::now() + std::chrono::minutes(1));
      ASSERT_TRUE(outcome) << outcome.error().message();
      ASSERT_FALSE(outcome->parked) << outcome->reason;
    }
  }

  void check() {
    if (::testing::Test::HasFailure()) return;
    for (testing::Bank* const bank : {&world_.north, &world_.south}) {
      for (const InDoubt& each : bank->log().in_doubt()) {
        ADD_FAILURE() << each.transaction << " (" << each.change << ") is in doubt";
      }
    }
    std::int64_t moved = 0;
    for (const auto& [transaction, sum] : begun_) {
      const auto decision = world_.coordinator->decision(transaction);
      ASSERT_TRUE(decision);
      ASSERT_NE(*decision, Decision::undecided);
      if (*decision == Decision::committed) moved += sum;
      if (sum == 500) {
        EXPECT_EQ(*decision, Decision::aborted);
      }
      if (const auto told = told_.find(transaction); told != told_.end()) {
        EXPECT_EQ(*decision, told->second) << "it was told otherwise";
      }
    }
    const std::int64_t bob = world_.south.sum("bob"), alice = world_.north.sum("alice");
    EXPECT_TRUE(bob == moved || bob == moved + may_have_begun_) << bob << " of " << moved;
    EXPECT_TRUE(alice + bob == 100 || (begun_.empty() && alice + bob == 0))
        << alice << " and " << bob;
  }

  const Who who_;
  const How how_;
  const std::uint64_t at_;
  std::mt19937_64 dice_{at_};
  DecidingWorld world_;
  std::map<std::string, int> begun_;
  std::map<std::string, Decision> told_;
  int may_have_begun_ = 0;
};

void PrintTo(Who who, std::ostream* out) {
  constexpr const char* kNames[] = {"everyone", "north", "south", "coordinator"};
  *out << kNames[static_cast<int>(who)];
}
void PrintTo(How how, std::ostream* out) {
  constexpr const char* kNames[] = {"process", "power_loses_all", "power_loses_some"};
  *out << kNames[static_cast<int>(how)];
}

class DecideCrashTest : public ::testing::TestWithParam<std::tuple<Who, How>> {};

TEST_P(DecideCrashTest, AtEveryCall) {
  const auto [who, how] = GetParam();
  // A participant may be asked a few calls more or less, as threads meet.
  for (std::uint64_t at = 1, quiet = 0; quiet < 3; ++at) {
    SCOPED_TRACE("at call " + std::to_string(at));
    quiet = CrashingRun(who, how, at).work_crash_and_check() ? 0 : quiet + 1;
    ASSERT_FALSE(HasFailure());
  }
}

INSTANTIATE_TEST_SUITE_P(, DecideCrashTest,
                         ::testing::Combine(::testing::Values(Who::everyone, Who::north, Who::south,
                                                              Who::coordinator),
                                            ::testing::Values(How::process, How::power_loses_all,
                                                              How::power_loses_some)));

}  // namespace
}  // namespace forelog
