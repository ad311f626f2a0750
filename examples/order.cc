// The program of docs/intents.md: an order that is charged and cooked, or not charged.
#include <forelog/forelog.h>

#include <atomic>
#include <cstdio>
#include <mutex>
#include <set>
#include <string>

using forelog::IntentAttempt, forelog::IntentId, forelog::IntentOutcome, forelog::Intents,
    forelog::Result, forelog::Status;

// Stands for a payment provider: it acts once for each key, however often it is asked.
class Bank {
 public:
  void charge(const std::string& key) {
    const std::lock_guard lock(mutex_);
    charged_.insert(key);
  }
  void refund(const std::string& charge) {
    const std::lock_guard lock(mutex_);
    charged_.erase(charge);  // Nothing, where it was not charged.
  }
  std::size_t charges() const {
    const std::lock_guard lock(mutex_);
    return charged_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::string> charged_;
};

struct World {
  Bank bank;
  std::atomic<bool> kitchen_open = true;
};

Result<std::string> run_step(World& world, IntentAttempt& attempt) {
  const forelog::IntentPlan& plan = *attempt.intent.plan;
  if (plan.steps[attempt.step] == "charge") {
    world.bank.charge(attempt.key);  // The same key at every attempt, and after every restart.
    return std::string("charged");
  }
  if (plan.payload == "soup") return attempt.refuse("there is no soup left");  // For ever: undo it.
  if (!world.kitchen_open)
    return Status(forelog::Code::io_error, "the kitchen is closed");  // Again.
  return std::string("cooked");
}

// The kitchen comes here too: whether the step that refused has had an effect is for it to say.
Status undo_step(World& world, const Intents& intents, IntentAttempt& attempt) {
  const std::string& step = attempt.intent.plan->steps[attempt.step];
  std::printf("undo %s\n", step.c_str());
  // What it was charged with. attempt.key is the key of this compensation, another one.
  if (step == "charge") {
    world.bank.refund(intents.idempotency_key(attempt.intent.id, attempt.step, false));
  }
  return {};
}

// Returns when the order is finished, undone or parked.
Result<IntentId> serve(Intents& intents, const std::string& what) {
  const IntentId id = FORELOG_TRY(
      intents.begin({.kind = "order", .payload = what, .steps = {"charge", "kitchen"}}));
  const IntentOutcome outcome = FORELOG_TRY(intents.wait(id));
  std::printf("%s: %s%s\n", what.c_str(), std::string(to_string(outcome.phase)).c_str(),
              outcome.parked ? ", parked" : "");
  return id;
}

Status run(const char* dir) {
  World world;
  Intents intents = FORELOG_TRY(Intents::open(dir));
  forelog::IntentHandler handler;
  handler.run = [&](IntentAttempt& attempt) { return run_step(world, attempt); };
  handler.compensate = [&](IntentAttempt& attempt) { return undo_step(world, intents, attempt); };
  forelog::HandlerOptions options;
  options.attempts_max = 3;
  options.backoff_first = std::chrono::milliseconds(1);
  FORELOG_TRY(intents.handle("order", handler, options));
  FORELOG_TRY(intents.start());  // Goes on with what a crash left, too.

  FORELOG_TRY(serve(intents, "pizza"));
  FORELOG_TRY(serve(intents, "soup"));

  // Whoever waits is told that it is parked: it goes on when someone says so.
  world.kitchen_open = false;
  const IntentId parked = FORELOG_TRY(serve(intents, "pasta"));
  world.kitchen_open = true;
  FORELOG_TRY(intents.retry(parked));
  const IntentOutcome outcome = FORELOG_TRY(intents.wait(parked));
  std::printf("retried: %s, %zu were charged\n", std::string(to_string(outcome.phase)).c_str(),
              world.bank.charges());
  return intents.close();
}

int main(int argc, char** argv) {
  const Status status = run(argc > 1 ? argv[1] : "order-data");
  if (!status)
    std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()),
                 status.message().data());
  return status ? 0 : 1;
}

// Prints, in an empty directory:
// > pizza: completed
// > undo kitchen
// > undo charge
// > soup: aborted
// > pasta: running, parked
// > retried: completed, 2 were charged
