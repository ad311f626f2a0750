// The restaurant: charge the card, take from the stock, save the order, tell the kitchen; and the
// power fails in between. Here the process that serves is killed at random, again and again. In the
// end the books are compared: no card is charged without an order, and none twice.
//
//   example_restaurant DIR [KILLS [ORDERS [SEED]]]
//
// Exit code 0: the books agree.
#include <forelog/forelog.h>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "restaurant_services.h"

using forelog::IntentAttempt, forelog::IntentId, forelog::Intents, forelog::Result, forelog::Status;

struct World {
  Service bank, stock, orders, kitchen;

  static Result<World> open(const std::filesystem::path& dir) {
    Service bank = FORELOG_TRY(Service::open(dir / "bank"));
    Service stock = FORELOG_TRY(Service::open(dir / "stock"));
    Service orders = FORELOG_TRY(Service::open(dir / "orders"));
    Service kitchen = FORELOG_TRY(Service::open(dir / "kitchen"));
    return World{std::move(bank), std::move(stock), std::move(orders), std::move(kitchen)};
  }
};

// The kitchen does not cook every seventh order: it is to be undone.
bool is_cooked(const std::string& order) { return std::stoi(order) % 7 != 0; }

Result<std::string> run_step(World& world, IntentAttempt& attempt) {
  const std::string& order = attempt.intent.plan->payload;
  const std::string& step = attempt.intent.plan->steps[attempt.step];
  if (step == "charge") FORELOG_TRY(world.bank.act(attempt.key, "charge " + order));
  if (step == "stock") FORELOG_TRY(world.stock.act(attempt.key, "take " + order));
  if (step == "save") FORELOG_TRY(world.orders.act(attempt.key, "save " + order));
  if (step == "kitchen") {
    if (!is_cooked(order)) return attempt.refuse("there is no soup left");
    FORELOG_TRY(world.kitchen.act(attempt.key, "cook " + order));
  }
  // The answer to every third first attempt gets lost, when the service has acted already.
  if (attempt.number == 1 && (std::stoi(order) + static_cast<int>(attempt.step)) % 3 == 0) {
    return Status(forelog::Code::io_error, "no answer");
  }
  return std::string("done");
}

// Nobody knows of a step in doubt whether it was done. The service knows, by the key of the step.
Status undo_step(World& world, const Intents& intents, IntentAttempt& attempt) {
  const std::string& order = attempt.intent.plan->payload;
  const std::string& step = attempt.intent.plan->steps[attempt.step];
  const std::string done = intents.idempotency_key(attempt.intent.id, attempt.step, false);
  if (step == "charge") return world.bank.undo(done, attempt.key, "refund " + order);
  if (step == "stock") return world.stock.undo(done, attempt.key, "return " + order);
  if (step == "save") return world.orders.undo(done, attempt.key, "cancel " + order);
  return {};
}

// What the child does: takes orders, and serves what was left unfinished when it was killed.
Status serve(const std::filesystem::path& dir, int orders) {
  World world = FORELOG_TRY(World::open(dir));
  Intents intents = FORELOG_TRY(Intents::open(dir / "intents"));
  forelog::IntentHandler handler;
  handler.run = [&](IntentAttempt& attempt) { return run_step(world, attempt); };
  handler.compensate = [&](IntentAttempt& attempt) { return undo_step(world, intents, attempt); };
  FORELOG_TRY(intents.handle("order", handler, {.backoff_first = std::chrono::milliseconds(1)}));
  FORELOG_TRY(intents.start());

  // With its key an order that was taken already is not taken again.
  std::vector<IntentId> taken;
  for (int order = 1; order <= orders; ++order) {
    taken.push_back(FORELOG_TRY(intents.begin({.kind = "order",
                                               .payload = std::to_string(order),
                                               .steps = {"charge", "stock", "save", "kitchen"},
                                               .key = "order " + std::to_string(order)})));
  }
  for (const IntentId id : taken) FORELOG_TRY(intents.wait(id));
  return intents.close();
}

bool agree(const char* what, const std::string& order, int found, int wanted) {
  if (found != wanted) {
    std::printf("order %s: %d times %s, not %d\n", order.c_str(), found, what, wanted);
  }
  return found == wanted;
}

// Compares the books of all, when everything is finished.
Result<bool> audit(const std::filesystem::path& dir, int orders) {
  const World world = FORELOG_TRY(World::open(dir));
  bool good = FORELOG_TRY(Intents::look(dir / "intents")).empty();
  if (!good) std::printf("something is unfinished\n");
  for (int i = 1; i <= orders; ++i) {
    const std::string order = std::to_string(i);
    const int undone = is_cooked(order) ? 0 : 1;
    good &= agree("charged", order, world.bank.count("charge " + order), 1);
    good &= agree("refunded", order, world.bank.count("refund " + order), undone);
    good &= agree("taken", order, world.stock.count("take " + order), 1);
    good &= agree("put back", order, world.stock.count("return " + order), undone);
    good &= agree("saved", order, world.orders.count("save " + order), 1);
    good &= agree("cancelled", order, world.orders.count("cancel " + order), undone);
    good &= agree("cooked", order, world.kitchen.count("cook " + order), 1 - undone);
  }
  return good;
}

// Runs serve() in a child, and kills it after `life`, if it has not ended by then. Returns how it ended.
int run_child(const std::filesystem::path& dir, int orders, std::chrono::milliseconds life) {
  const pid_t child = ::fork();
  if (child == 0) {
    const Status status = serve(dir, orders);
    if (!status) std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
    ::_exit(status ? 0 : 1);
  }
  int ended = 0;
  if (child < 0) return -1;
  if (life.count() > 0) {
    std::this_thread::sleep_for(life);
    ::kill(child, SIGKILL);
  }
  ::waitpid(child, &ended, 0);
  return ended;
}

int main(int argc, char** argv) {
  const std::filesystem::path dir = argc > 1 ? argv[1] : "restaurant-data";
  const int kills = argc > 2 ? std::atoi(argv[2]) : 30;
  const int orders = argc > 3 ? std::atoi(argv[3]) : 200;
  const unsigned seed =
      argc > 4 ? static_cast<unsigned>(std::atoi(argv[4])) : std::random_device()();
  std::error_code failed;
  std::filesystem::create_directories(dir, failed);
  std::printf("seed %u: %d orders, and the restaurant is killed %d times\n", seed, orders, kills);
  std::fflush(stdout);  // A child would print it again.

  std::mt19937 dice(seed);
  int killed = 0;
  for (int i = 0; i < kills; ++i) {
    const std::chrono::milliseconds life(1 + dice() % 60);
    const int ended = run_child(dir, orders, life);
    if (WIFSIGNALED(ended)) ++killed;
    if (WIFEXITED(ended) && WEXITSTATUS(ended) != 0) return 1;
  }
  if (run_child(dir, orders, std::chrono::milliseconds(0)) != 0) return 1;

  const Result<bool> good = audit(dir, orders);
  if (!good) {
    std::fprintf(stderr, "%s\n", std::string(good.error().message()).c_str());
    return 1;
  }
  if (!*good) return 1;
  std::printf(
      "killed %d times in the middle: %d orders are served, %d were undone whole,\n"
      "no card is charged without an order, and none twice\n",
      killed, orders - orders / 7, orders / 7);
  return 0;
}
