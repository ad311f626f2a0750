// The simulator's program: runs worlds from seeds, and tells what they lived through. A seed that
// fails is printed, and fails again when it is run again.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/simulation.h"
#include "base/text.h"
#include "sim/mistakes.h"
#include "sim/world.h"

namespace forelog::sim {
namespace {

struct Seed {
  std::uint64_t seed = 0;
  const Kind* kind = nullptr;  // Null: a world of each.
};

struct Arguments {
  std::uint64_t first = 1;
  std::uint64_t count = UINT64_MAX;
  double seconds = 0;  // 0: no limit.
  const Kind* kind = nullptr;
  std::vector<Seed> corpus;

  Seed seed(std::uint64_t index) const {
    return corpus.empty() ? Seed{first + index, kind} : corpus[index];
  }
};

template <typename Named, std::size_t kCount>
const Named& find(const Named (&all)[kCount], std::string_view name) {
  for (const Named& one : all) {
    if (name == one.name) return one;
  }
  throw std::runtime_error("there is no " + std::string(name));
}

template <typename Named, std::size_t kCount>
std::string names(const Named (&all)[kCount]) {
  std::string names;
  for (const Named& one : all) names += (names.empty() ? "" : ", ") + std::string(one.name);
  return names;
}

// Lines that begin with a kind of world and a seed of it; those that begin with # say nothing.
std::vector<Seed> read_corpus(const std::string& path) {
  std::vector<Seed> seeds;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream words(line);
    std::string kind;
    Seed seed;
    words >> kind >> seed.seed;
    if (!words) throw std::runtime_error(base::concat(path, ": not a seed: ", line));
    seed.kind = &find(kKinds, kind);
    seeds.push_back(seed);
  }
  return seeds;
}

void run_worlds(const Seed& seed, Tally& tally) {
  for (const Kind& kind : kKinds) {
    if (seed.kind != nullptr && seed.kind != &kind) continue;
    ++tally.worlds;
    kind.run(seed.seed, tally);
  }
}

void run(const Arguments& arguments) {
  using Clock = std::chrono::steady_clock;
  const auto started = Clock::now();
  const std::chrono::duration<double> limit(arguments.seconds);
  Tally tally;
  for (std::uint64_t i = 0; i < arguments.count; ++i) {
    if (arguments.seconds > 0 && Clock::now() - started >= limit) break;
    run_worlds(arguments.seed(i), tally);
  }
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "%llu worlds: %llu lives, %llu kills, %llu power cuts, %llu torn tails, %llu appends,\n"
      "%llu acknowledged, %llu checkpoints, %llu failed calls, %llu damages found, %llu steps:\n"
      "every promise was kept\n",
      number(tally.worlds), number(tally.lives), number(tally.kills), number(tally.power_cuts),
      number(tally.torn_tails), number(tally.appends), number(tally.acknowledged),
      number(tally.checkpoints), number(tally.failed_calls), number(tally.damages),
      number(tally.steps));
}

int run_program(int count, char** values) {
  CLI::App app(
      "Runs simulated worlds, one a seed. Exit status: 0 every promise was kept, 3 one was "
      "broken:\n"
      "its seed is printed, and breaks it again with --first SEED --count 1.",
      "forelog_sim");
  Arguments arguments;
  std::string corpus;
  app.add_option("--first", arguments.first, "The first seed")->capture_default_str();
  auto* const worlds =
      app.add_option("--count", arguments.count, "How many (1000, or as time allows)");
  auto* const seconds = app.add_option("--seconds", arguments.seconds, "For how long");
  app.add_option("--corpus", corpus, "Instead: the seeds in this file")->check(CLI::ExistingFile);
  std::string kind, mistake;
  app.add_option("--kind", kind, "Worlds of this only: " + names(kKinds));
  app.add_option(
      "--mistake", mistake,
      "Let the library make this mistake, in worlds in which it shows: " + names(kMistakes));
  CLI11_PARSE(app, count, values);
  if (!mistake.empty()) {
    const NamedMistake& made = find(kMistakes, mistake);
    base::simulated_mistake = made.mistake;
    if (kind.empty()) kind = made.kind;
  }
  if (!kind.empty()) arguments.kind = &find(kKinds, kind);
  if (!corpus.empty()) {
    arguments.corpus = read_corpus(corpus);
    arguments.count = arguments.corpus.size();
  } else if (worlds->empty() && seconds->empty()) {
    arguments.count = 1000;
  }
  run(arguments);
  return 0;
}

}  // namespace
}  // namespace forelog::sim

int main(int count, char** values) {
  try {
    return forelog::sim::run_program(count, values);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "forelog_sim: %s\n", error.what());
    return 1;
  }
}
