// Intents: threads begin them, abort, park and retry them, and make snapshots; their steps ask a service
// outside, which remembers keys and outlives every crash, and whose answers get lost. In the end each is
// finished with every effect once, or undone with none left.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/thread.h"
#include "forelog/intents.h"
#include "sim/stage.h"

namespace forelog::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

const std::filesystem::path kDir = "/intents";

class IntentsWorld final : public Stage {
 public:
  IntentsWorld(std::uint64_t seed, Tally& tally) : Stage("intents", seed, tally) {}

 private:
  // ── The world outside ──────────────────────────────────────────────────────

  // What the service did for one intent, by step.
  struct Work {
    IntentId id;
    std::vector<std::size_t> acted, undone;
  };

  Work& work_of(const Intent& intent) {
    Work& work = works_[intent.plan->payload];
    check(work.id == IntentId() || work.id == intent.id, "an intent was given two ids");
    work.id = intent.id;
    work.acted.resize(intent.plan->steps.size());
    work.undone.resize(intent.plan->steps.size());
    return work;
  }
  // False: it was asked with this key before. A key is of one thing only.
  bool is_new(const IntentAttempt& attempt) {
    const std::string what = attempt.intent.plan->payload + "/" + std::to_string(attempt.step);
    const auto [known, fresh] = keys_.try_emplace(attempt.key, what);
    check(known->second == what, "key " + attempt.key + " was given to two steps");
    return fresh;
  }
  static Status lost() { return {Code::io_error, "no answer"}; }

  Result<std::string> run_step(IntentAttempt& attempt) {
    if (chance(3)) base::sleep_for(microseconds(roll(3000)));
    if (crashed_) return lost();
    const Intent& intent = attempt.intent;
    check(log_->watermarks().synced >= Lsn(intent.id.value),
          "a step runs before its intent is durable");
    Work& work = work_of(intent);
    const std::size_t step = attempt.step;
    for (std::size_t i = 0; i < step; ++i) check(work.acted[i] > 0, "a step runs out of order");
    for (const std::size_t times : work.undone) check(times == 0, "a step runs behind an undo");
    if (!quiet_ && chance(6)) return lost();
    const bool may_refuse = !intent.at_pivot() || work.acted[step] == 0;
    if (!quiet_ && may_refuse && chance(12)) return attempt.refuse("refused");
    if (is_new(attempt)) ++work.acted[step];
    if (!quiet_ && chance(6)) return lost();
    return std::string("done");
  }

  Status undo_step(const IntentAttempt& attempt) {
    if (chance(3)) base::sleep_for(microseconds(roll(3000)));
    if (crashed_) return lost();
    Work& work = work_of(attempt.intent);
    for (std::size_t i = attempt.step + 1; i < work.acted.size(); ++i) {
      check(work.acted[i] == work.undone[i], "steps are undone out of order");
    }
    if (!quiet_ && chance(6)) return lost();
    // Nothing to be undone: it had no effect.
    if (is_new(attempt) && work.acted[attempt.step] > 0) ++work.undone[attempt.step];
    if (!quiet_ && chance(6)) return lost();
    return {};
  }

  // ── A life ─────────────────────────────────────────────────────────────────

  bool open_and_check() override {
    IntentsOptions options;
    options.durable.log = log_options();
    options.durable.snapshots.keep = 1 + roll(2);
    options.durable.checkpoints.automatic = chance(2);
    options.durable.checkpoints.log_bytes_max = chance(2) ? 2'000 : 0;
    options.concurrency = 1 + roll(4);
    auto opened = Intents::open(kDir, options);
    if (!opened) return done(opened.error(), "open");
    intents_.emplace(*std::move(opened));
    log_ = &intents_->log();
    IntentHandler handler;
    handler.run = [this](IntentAttempt& attempt) { return run_step(attempt); };
    handler.compensate = [this](IntentAttempt& attempt) { return undo_step(attempt); };
    HandlerOptions how;
    how.attempts_max = static_cast<std::uint32_t>(2 + roll(4));
    how.when_exhausted = chance(2) ? WhenExhausted::park : WhenExhausted::compensate;
    how.backoff_first = milliseconds(roll(3));
    how.backoff_max = milliseconds(10);
    return done(intents_->handle("order", handler, how), "handle") &&
           done(intents_->start(), "start");
  }

  void play() override {
    std::vector<base::Thread> helpers, writers;
    start(helpers, 1, [this] { keep_clock(); });
    start(writers, 1 + roll(3), [this] { begin_some(roll(8)); });
    start(writers, roll(2), [this] { make_snapshots(); });
    start(writers, chance(5), [this] { fill_disk(); });
    for (base::Thread& writer : writers) writer.join();
    if (!crashed_ && chance(2)) base::sleep_for(milliseconds(roll(30)));
    stop_.request_stop();
    for (base::Thread& helper : helpers) helper.join();
    if (!crashed_ && chance(2)) {
      done(intents_->close(), "close");
    } else if (!crashed_ && chance(2)) {
      crash();
    }
  }
  void drop() override { intents_.reset(); }

  // The clock of the disk goes as that of the threads does.
  void keep_clock() {
    while (!life_ending()) {
      constexpr Timestamp kStart{std::chrono::hours(24 * 365 * 56)};
      disk_.set_now(kStart + base::now().time_since_epoch());
      base::sleep_for(microseconds(500 + roll(2000)));
    }
  }

  void begin_some(std::uint64_t count) {
    for (; count > 0 && !crashed_; --count) {
      begin_once();
      if (chance(4)) base::sleep_for(milliseconds(roll(10)));
    }
  }
  void begin_once() {
    IntentPlan plan{.kind = "order", .payload = "order " + std::to_string(++orders_)};
    plan.steps.assign(1 + roll(4), "step");
    if (chance(2)) plan.pivot = roll(plan.steps.size());
    if (chance(4)) plan.timeout = milliseconds(1 + roll(30));
    const auto id = intents_->begin(plan);
    if (!id) {
      if (id.error().code() != Code::busy) done(id.error(), "begin");
      return;
    }
    ++tally_.appends;
    ++tally_.acknowledged;
    begun_[id->value] = plan.payload;
    if (chance(6)) (void)intents_->abort(*id, "not wanted any more");
    if (chance(8)) (void)intents_->park(*id, "to be looked at");
    if (chance(8)) (void)intents_->retry(*id);
    if (!crashed_ && chance(2)) (void)intents_->wait(*id, base::now() + milliseconds(roll(20)));
  }

  void make_snapshots() {
    for (std::uint64_t left = roll(4); left > 0 && !crashed_; --left) {
      base::sleep_for(milliseconds(roll(20)));
      if (crashed_ || intents_->stats().applied == Lsn()) continue;
      if (done(intents_->checkpoint().has_value() ? Status() : intents_->health(), "checkpoint")) {
        ++tally_.checkpoints;
      }
    }
  }

  // ── The end ────────────────────────────────────────────────────────────────

  void end_well() override {
    last_life();
    quiet_ = true;
    std::vector<base::Thread> clock;
    check(open_and_check(), "the last open");
    start(clock, 1, [this] { keep_clock(); });
    if (chance(2)) begin_once();
    for (const auto& intent : intents_->unfinished()) finish(intent->id);
    stop_.request_stop();
    clock.front().join();
    check(intents_->unfinished().empty(), "an intent is left in the middle");
    check_finished();
    drop();
  }
  void finish(IntentId id) {
    for (int i = 0; i < 3; ++i) {
      const auto outcome = intents_->wait(id, base::now() + std::chrono::minutes(1));
      const auto left = intents_->find(id);
      check(outcome.has_value(),
            "an intent does not come to its end: " + (left == nullptr ? "" : left->last_error));
      if (!outcome->parked) return;
      // What was at work when it was parked may have been the last.
      check(intents_->retry(id).ok() || intents_->find(id) == nullptr,
            "a parked one is not retried");
    }
    fail("an intent is parked again and again");
  }
  void check_finished() {
    for (const auto& [id, payload] : begun_) {
      check(intents_->find_finished(IntentId(id)).has_value(), "lost: " + payload);
    }
    for (const auto& [payload, work] : works_) {
      const auto finished = intents_->find_finished(work.id);
      check(finished.has_value(), "the service was asked for an intent that is lost: " + payload);
      const bool completed = finished->phase == IntentPhase::completed;
      for (std::size_t i = 0; i < work.acted.size(); ++i) {
        check(work.acted[i] <= 1 && work.undone[i] <= 1, "a step acted twice: " + payload);
        check(work.acted[i] - work.undone[i] == (completed ? 1 : 0),
              payload + (completed ? " is completed without" : " is undone with") + " step " +
                  std::to_string(i));
      }
    }
  }

  std::map<std::string, Work> works_;        // By payload.
  std::map<std::string, std::string> keys_;  // And the step that each is of.
  std::map<std::uint64_t, std::string> begun_;
  std::uint64_t orders_ = 0;
  bool quiet_ = false;  // The service answers.
  std::optional<Intents> intents_;
  const Log* log_ = nullptr;  // Its own; handlers run until it has ended.
};

}  // namespace

void run_intents_world(std::uint64_t seed, Tally& tally) { IntentsWorld(seed, tally).run(); }

}  // namespace forelog::sim
