// Decisions: a coordinator and two participants, each with a directory of its own. Threads move sums from
// one participant to the other; in the end nobody is in doubt, and each sum was moved by both or by none.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/thread.h"
#include "forelog/decide.h"
#include "forelog/log_participant.h"
#include "intents/test_accounts.h"
#include "sim/stage.h"

namespace forelog::sim {
namespace {

using std::chrono::milliseconds;
using testing::Accounts;

class DecideWorld final : public Stage {
 public:
  DecideWorld(std::uint64_t seed, Tally& tally) : Stage("decide", seed, tally) {}

 private:
  using Bank = LogParticipant<Accounts>;

  DurableOptions durable_options() {
    DurableOptions options;
    options.log = log_options();
    options.checkpoints.automatic = chance(2);
    options.checkpoints.log_bytes_max = chance(2) ? 2'000 : 0;
    return options;
  }
  bool open_bank(std::optional<Bank>& bank, const char* dir) {
    auto opened = Bank::open(dir, durable_options());
    if (!opened) return done(opened.error(), "open a bank");
    bank.emplace(*std::move(opened));
    return true;
  }
  bool open_and_check() override {
    if (!open_bank(north_, "/north") || !open_bank(south_, "/south")) return false;
    CoordinatorOptions options;
    options.intents.durable = durable_options();
    options.intents.concurrency = 1 + roll(4);
    options.prepare_attempts_max = 2;
    options.backoff_first = options.backoff_max = milliseconds(1);
    auto opened =
        Coordinator::open("/coordinator", {{"north", &*north_}, {"south", &*south_}}, options);
    if (!opened) return done(opened.error(), "open the coordinator");
    coordinator_.emplace(*std::move(opened));
    return true;
  }

  void play() override {
    std::vector<base::Thread> writers;
    start(writers, 1 + roll(3), [this] { move_some(roll(8)); });
    start(writers, chance(6), [this] { fill_disk(); });
    for (base::Thread& writer : writers) writer.join();
    if (!crashed_ && chance(2)) crash();
  }
  void drop() override {
    coordinator_.reset();
    north_.reset();
    south_.reset();
  }

  // Each of an account of its own, so that it can be seen where it came to.
  void move_some(std::uint64_t count) {
    for (; count > 0 && !crashed_; --count) {
      const std::string name = "a" + std::to_string(++moves_);
      const bool possible = !chance(4);
      const auto transaction = coordinator_->begin(
          {{"north", name + " +1"}, {"south", possible ? name + " +1" : name + " -1"}});
      if (!transaction) {
        if (transaction.error().code() != Code::busy) done(transaction.error(), "begin");
        continue;
      }
      ++tally_.appends;
      begun_[name] = *transaction;
      const auto told = coordinator_->wait(*transaction, base::now() + milliseconds(roll(20)));
      if (told) told_[name] = *told;
    }
  }

  void end_well() override {
    last_life();
    check(open_and_check(), "the last open");
    for (const auto& intent : coordinator_->intents().unfinished()) {
      const auto outcome =
          coordinator_->intents().wait(intent->id, base::now() + std::chrono::hours(1));
      check(outcome.has_value() && !outcome->parked, "a decision does not come to its end");
    }
    check(north_->in_doubt().empty() && south_->in_doubt().empty(), "somebody is in doubt");
    std::map<std::string, std::int64_t> north, south;
    north_->read([&](const Accounts& now) { north = now.sums(); });
    south_->read([&](const Accounts& now) { south = now.sums(); });
    check(north == south, "one has made a change that the other has not");
    for (const auto& [name, transaction] : begun_) {
      const auto decision = coordinator_->decision(transaction);
      check(decision && *decision != Decision::undecided, "nothing was decided of " + name);
      const bool committed = *decision == Decision::committed;
      check(north.contains(name) == committed, "not as it was decided: " + name);
      const auto told = told_.find(name);
      check(told == told_.end() || told->second == *decision, "it was told otherwise: " + name);
    }
    drop();
  }

  std::map<std::string, std::string> begun_;
  std::map<std::string, Decision> told_;
  std::uint64_t moves_ = 0;
  std::optional<Bank> north_, south_;
  std::optional<Coordinator> coordinator_;
};

}  // namespace

void run_decide_world(std::uint64_t seed, Tally& tally) { DecideWorld(seed, tally).run(); }

}  // namespace forelog::sim
