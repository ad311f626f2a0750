// The simulator's program: runs worlds from seeds, and tells what they lived through. A seed that
// fails is printed, and fails again when it is run again.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/simulation.h"
#include "sim/mistakes.h"
#include "sim/world.h"

namespace forelog::sim {
namespace {

struct Arguments {
  std::uint64_t first = 1;
  std::uint64_t count = UINT64_MAX;
  double seconds = 0;  // 0: no limit.
  std::vector<std::uint64_t> corpus;

  std::uint64_t seed(std::uint64_t index) const {
    return corpus.empty() ? first + index : corpus[index];
  }
};

// The numbers that begin the lines of a file; lines that begin with # say nothing.
std::vector<std::uint64_t> read_corpus(const std::string& path) {
  std::vector<std::uint64_t> seeds;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.front() != '#') seeds.push_back(std::stoull(line));
  }
  return seeds;
}

void run(const Arguments& arguments) {
  using Clock = std::chrono::steady_clock;
  const auto started = Clock::now();
  const std::chrono::duration<double> limit(arguments.seconds);
  Tally tally;
  std::uint64_t worlds = 0;
  for (; worlds < arguments.count; ++worlds) {
    if (arguments.seconds > 0 && Clock::now() - started >= limit) break;
    run_world(arguments.seed(worlds), tally);
  }
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "%llu worlds: %llu lives, %llu kills, %llu power cuts, %llu torn tails, %llu appends,\n"
      "%llu acknowledged, %llu failed calls, %llu damages found, %llu steps: every promise was "
      "kept\n",
      number(worlds), number(tally.lives), number(tally.kills), number(tally.power_cuts),
      number(tally.torn_tails), number(tally.appends), number(tally.acknowledged),
      number(tally.failed_calls), number(tally.damages), number(tally.steps));
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
  std::map<std::string, base::Mistake> mistakes;
  for (const NamedMistake& mistake : kMistakes) mistakes[mistake.name] = mistake.mistake;
  app.add_option("--mistake", base::simulated_mistake, "Let the log make one of these mistakes")
      ->transform(CLI::Transformer(mistakes));
  CLI11_PARSE(app, count, values);
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
