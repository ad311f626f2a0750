// forelog_bench: Forelog beside the limit of the machine and beside its peers (peer.h), on the
// same work, interleaved in one run. bench/README.md says what is measured, and how.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "child.h"
#include "cli/arguments.h"
#include "cli/bench_measure.h"
#include "cli/bench_run.h"
#include "cli/bench_table.h"
#include "cli/bench_usage.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "cli/units.h"
#include "compare.h"
#include "forelog/bytes.h"
#include "forelog/try.h"
#include "growth.h"
#include "recovery.h"
#include "states.h"
#include "tail_lag.h"
#include "tails.h"
#include "workloads.h"

namespace forelog::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kRoundBytesMax = 1 * GiB;
constexpr double kGrowthSecondsMax = 0.4;  // Per point; there are many.
constexpr std::uint64_t kReadBytes = 256 * MiB;
constexpr std::uint64_t kReadBytesQuick = 64 * MiB;
constexpr unsigned kMemoryRounds = 3;
constexpr std::uint64_t kFreeBytesKept = 1 * GiB;

struct Arguments {
  std::string dir = ".";
  std::vector<std::string> only;
  std::string json;
  std::uint64_t growth_bytes_max = 0;  // 0: not given.
  double seconds = 0.6;
  double quiet_wait = 0;
  unsigned rounds = 5;
  unsigned growth_rounds = 3;
  std::vector<std::string> base, here;  // To compare.
  bool quick = false, list = false, without_peers = false;
};

// Waits until other programs leave nine tenths of the machine, at most `patience` seconds.
void wait_until_quiet(double patience) {
  constexpr std::chrono::milliseconds kLook{200};
  const auto enough = Clock::now() + std::chrono::duration<double>(patience);
  double others = patience > 0 ? 1 : 0;
  while (others > 0.1 && Clock::now() < enough && !interrupted()) {
    const Usage before = usage();
    std::this_thread::sleep_for(kLook);
    others = others_share(before, usage(), std::chrono::duration<double>(kLook).count());
  }
}

struct Session {
  const Arguments& arguments;
  std::filesystem::path home;
  std::size_t steps = 0, steps_total = 0;  // Turns of a contestant, and what takes as long.
  Clock::time_point start = Clock::now();
  cli::StatusLine line{STDERR_FILENO};
  Json workloads = Json::array();
  Json reports = Json::object();

  bool wanted(const std::string& name) const {
    const auto& only = arguments.only;
    // States are a run of their own: all of it must end within twenty minutes.
    if (only.empty()) return !name.starts_with("states-");
    return std::any_of(only.begin(), only.end(), [&](const std::string& part) {
      return name.find(part) != std::string::npos;
    });
  }
  // As if all steps took as long as those until now.
  void tell(const std::string& what) {
    const auto done = static_cast<double>(steps++);
    std::string left;
    if (done > 0 && steps_total > steps) {
      const std::chrono::duration<double> elapsed = Clock::now() - start;
      const double seconds = elapsed.count() / done * (static_cast<double>(steps_total) - done);
      left = ", " +
             (seconds < 90 ? std::to_string(std::lround(seconds)) + " s"
                           : std::to_string(std::lround(seconds / 60)) + " min") +
             " left";
    }
    // Growth is not in the total: how many points it has depends on the space that is left.
    if (steps <= steps_total) left.insert(0, "/" + std::to_string(steps_total));
    line.show("[" + std::to_string(steps) + left + "] " + what);
  }
  Status print(const std::string& text) {
    line.clear();
    std::fputs((text + "\n").c_str(), stdout);
    if (std::fflush(stdout) != 0) return system_error("cannot write", "standard output");
    return {};
  }
};

Openings openings_of(const Arguments& arguments) {
  Openings openings{.sizes = {256 * MiB}, .rounds = arguments.rounds};
  if (!arguments.quick) openings.sizes.insert(openings.sizes.end(), {2 * GiB, 8 * GiB});
  if (!arguments.without_peers) openings.peer_bytes = arguments.quick ? 64 * MiB : 256 * MiB;
  return openings;
}

std::vector<Workload> workloads_of(const Session& session) {
  const Arguments& arguments = session.arguments;
  std::vector<Workload> workloads = all_workloads(arguments.quick ? kReadBytesQuick : kReadBytes);
  std::erase_if(workloads, [&](const Workload& w) { return !session.wanted(w.name); });
  for (Workload& workload : workloads) {
    std::erase_if(workload.contestants, [&](const Contestant& contestant) {
      // Why: a server takes longer to make than a quick round.
      return contestant.role == Role::peer &&
             (arguments.without_peers || (arguments.quick && contestant.name == "PostgreSQL"));
    });
  }
  return workloads;
}

Status run_workloads(Session& session, const std::vector<Workload>& workloads) {
  const Arguments& arguments = session.arguments;
  std::error_code ignored;
  const std::uint64_t free_bytes = std::filesystem::space(session.home, ignored).available;
  const RunOptions options{
      .rounds = arguments.rounds,
      .measured = std::chrono::duration_cast<std::chrono::nanoseconds>(
          std::chrono::duration<double>(arguments.seconds)),
      .warm_up = std::chrono::milliseconds(arguments.quick ? 50 : 100),
      .payload_bytes_max = std::min(kRoundBytesMax, free_bytes / 8),
      .progress = [&session](const Workload& workload, const Contestant& contestant) {
        session.tell(workload.title + ": " + contestant.name);
        wait_until_quiet(session.arguments.quiet_wait);
      }};
  for (const Workload& workload : workloads) {
    const WorkloadResult result = FORELOG_TRY(run_workload(workload, session.home, options));
    FORELOG_TRY(session.print(table(result)));
    session.workloads.push_back(to_json(result));
  }
  return {};
}

Status run_reports(Session& session) {
  const Arguments& arguments = session.arguments;
  const auto tell = [&session](const std::string& what) { session.tell(what); };
  if (session.wanted("open")) {
    const Report report = FORELOG_TRY(open_after_kill(session.home, openings_of(arguments), tell));
    FORELOG_TRY(session.print(report.text));
    session.reports["open_after_kill"] = report.json;
  }
  std::error_code ignored;
  const std::uint64_t free_bytes = std::filesystem::space(session.home, ignored).available;
  const std::uint64_t memory_bytes = arguments.quick ? 512 * MiB : 2 * GiB;
  if (session.wanted("memory") && free_bytes < memory_bytes + kFreeBytesKept) {
    FORELOG_TRY(session.print("Memory: left out, there is not enough free space\n"));
  } else if (session.wanted("memory")) {
    const Report report = FORELOG_TRY(memory_of_processes(
        session.home, memory_bytes, std::min(arguments.rounds, kMemoryRounds), tell));
    FORELOG_TRY(session.print(report.text));
    session.reports["memory"] = report.json;
  }
  return {};
}

GrowthScale growth_scale(Session& session, std::uint64_t log_bytes_max) {
  const Arguments& arguments = session.arguments;
  const std::chrono::duration<double> measured(std::min(arguments.seconds, kGrowthSecondsMax));
  return {.rounds = arguments.growth_rounds,
          .measured = std::chrono::duration_cast<std::chrono::nanoseconds>(measured),
          .warm_up = std::chrono::milliseconds(100),
          .log_bytes_max = log_bytes_max,
          .quick = arguments.quick,
          .tell = [&session](const std::string& what) { session.tell(what); }};
}

Status run_growth(Session& session) {
  const Arguments& arguments = session.arguments;
  const std::uint64_t usual = arguments.quick ? 256 * MiB : 8 * GiB;
  const GrowthScale scale =
      growth_scale(session, arguments.growth_bytes_max > 0 ? arguments.growth_bytes_max : usual);
  // Why not in a quick run of everything: they would take as long as all the rest of it.
  if (arguments.quick && arguments.only.empty()) return {};
  if (session.wanted("tail-lag")) {
    const Report report = FORELOG_TRY(tail_lag(session.home, scale));
    FORELOG_TRY(session.print(report.text));
    session.reports["tail_lag"] = report.json;
  }
  for (const Growth& growth : all_growth()) {
    if (!session.wanted(growth.name)) continue;
    const Report report = FORELOG_TRY(growth.run(session.home, scale));
    FORELOG_TRY(session.print(report.text));
    session.reports["growth"].push_back(report.json);
  }
  return {};
}

Status run_states(Session& session) {
  const GrowthScale scale = growth_scale(session, 0);
  for (const Growth& states : all_states()) {
    if (!session.wanted(states.name)) continue;
    const Report report = FORELOG_TRY(states.run(session.home, scale));
    FORELOG_TRY(session.print(report.text));
    session.reports["states"].push_back(report.json);
  }
  return {};
}

Status write_json(const Session& session, const Json& machine_json) {
  if (session.arguments.json.empty()) return {};
  Json all = {{"machine", machine_json},
              {"rounds", session.arguments.rounds},
              {"seconds", session.arguments.seconds},
              {"workloads", session.workloads}};
  all.update(session.reports);
  std::ofstream file(session.arguments.json);
  file << all.dump(2) << "\n";
  if (!file.flush()) return system_error("cannot write", session.arguments.json);
  return {};
}

Status run(const Arguments& arguments) {
  const InterruptGuard guard;
  cli::ignore_broken_pipes();
  const TemporaryDirectory home = FORELOG_TRY(TemporaryDirectory::make(arguments.dir));
  Session session{.arguments = arguments, .home = home.path()};
  const Json machine_json = machine(home.path());
  FORELOG_TRY(session.print(machine_line(home.path()) + "\n" +
                            cli::count_of(arguments.rounds, "round") + ", interleaved; " +
                            std::to_string(arguments.seconds).substr(0, 4) +
                            " s for each contestant and round\n"));
  const std::vector<Workload> workloads = workloads_of(session);
  for (const Workload& workload : workloads) {
    session.steps_total += workload.contestants.size() * arguments.rounds;
  }
  if (session.wanted("open")) session.steps_total += openings_of(arguments).steps();
  if (session.wanted("memory")) session.steps_total += std::min(arguments.rounds, kMemoryRounds);
  FORELOG_TRY(run_workloads(session, workloads));
  FORELOG_TRY(run_reports(session));
  FORELOG_TRY(run_growth(session));
  FORELOG_TRY(run_states(session));
  FORELOG_TRY(session.print(legend(true)));
  return write_json(session, machine_json);
}

Status print_comparison(const Arguments& arguments) {
  const std::string text = FORELOG_TRY(compare({arguments.base.begin(), arguments.base.end()},
                                               {arguments.here.begin(), arguments.here.end()}));
  std::fputs(text.c_str(), stdout);
  return {};
}

// Of all that can be measured: its name, and what it is.
std::vector<std::pair<std::string, std::string>> all_names() {
  std::vector<std::pair<std::string, std::string>> names;
  for (const Workload& workload : all_workloads(kReadBytes)) {
    names.emplace_back(workload.name, workload.title);
  }
  names.emplace_back("open", "Opening a log after kill -9");
  names.emplace_back("memory", "Peak memory of a writer and of a reader");
  names.emplace_back("tail-lag", "What a tail lags behind 50,000 synced records a second");
  for (const Growth& growth : all_growth()) names.emplace_back(growth.name, growth.title);
  for (const Growth& states : all_states()) names.emplace_back(states.name, states.title);
  return names;
}

int list_names() {
  for (const auto& [name, title] : all_names()) {
    std::printf("%-16s%s\n", name.c_str(), title.c_str());
  }
  return 0;
}

// What would otherwise be found out when all has been measured, or not at all.
Status check(const Arguments& arguments) {
  const auto names = all_names();
  for (const std::string& part : arguments.only) {
    const bool found = std::any_of(names.begin(), names.end(), [&](const auto& each) {
      return each.first.find(part) != std::string::npos;
    });
    if (!found) {
      return {Code::invalid_argument,
              "--only " + part + ": nothing has this in its name; --list shows all names"};
    }
  }
  if (arguments.json.empty()) return {};
  const std::filesystem::path file = arguments.json;
  std::error_code ignored;
  const bool there = std::filesystem::exists(file, ignored);
  const std::filesystem::path place = file.has_parent_path() ? file.parent_path() : ".";
  if (std::filesystem::is_directory(file, ignored)) {
    return {Code::invalid_argument, file.string() + " is a directory"};
  }
  if (::access((there ? file : place).c_str(), there ? W_OK : W_OK | X_OK) != 0) {
    return system_error("cannot write", file);
  }
  return {};
}

int main_of(int argc, char** argv) {
  Arguments arguments;
  CLI::App app(
      "Forelog beside the limit of the machine and beside its peers: LevelDB, RocksDB, SQLite, "
      "LMDB, WiredTiger, PostgreSQL.");
  app.add_option("--dir", arguments.dir,
                 "On the disk to measure; works in a fresh directory there, and removes it")
      ->capture_default_str();
  app.add_option("--only", arguments.only, "Only what has this in its name (may be given again)");
  app.add_option("--json", arguments.json, "Write every round to this file");
  auto* seconds = app.add_option("--seconds", arguments.seconds, "For each contestant and round")
                      ->check(CLI::Range(0.01, 3600.0))
                      ->capture_default_str();
  auto* rounds = app.add_option("--rounds", arguments.rounds, "How often each is measured, in turn")
                     ->check(CLI::Range(1u, 1000u))
                     ->capture_default_str();
  app.add_option("--wait-for-quiet", arguments.quiet_wait,
                 "Before each round wait, at most so many seconds, until other programs are idle");
  cli::add_parsed(app, "--growth-bytes-max", "BYTES", cli::parse_bytes, arguments.growth_bytes_max,
                  "The largest log of growth-log; 8GiB when not given, 256MiB with --quick");
  app.add_flag("--quick", arguments.quick,
               "3 rounds of 0.1 s, small logs, no PostgreSQL, growth and tails only where --only "
               "names them");
  app.add_flag("--list", arguments.list, "Show the names, and do nothing");
  app.add_flag("--without-peers", arguments.without_peers, "Only the limit and Forelog");
  app.add_option("--compare-base", arguments.base,
                 "Measure nothing: compare results that --json wrote, these ...");
  app.add_option("--compare-here", arguments.here, "... with these, turn by turn");
  CLI11_PARSE(app, argc, argv);
  if (arguments.list) return list_names();
  if (arguments.quick) {
    if (seconds->count() == 0) arguments.seconds = 0.1;
    if (rounds->count() == 0) arguments.rounds = 3;
  }
  if (rounds->count() > 0) arguments.growth_rounds = arguments.rounds;
  const bool compares = !arguments.base.empty() || !arguments.here.empty();
  Status status = check(arguments);
  if (status.ok()) status = compares ? print_comparison(arguments) : run(arguments);
  if (status.ok()) return 0;
  std::fprintf(stderr, "forelog_bench: %s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace
}  // namespace forelog::bench

int main(int argc, char** argv) {
  try {
    if (const auto code = forelog::bench::child_main(argc, argv)) return *code;
    if (const auto code = forelog::bench::tail_main(argc, argv)) return *code;
    return forelog::bench::main_of(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "forelog_bench: %s\n", error.what());
    return 1;
  }
}
