// Workloads and their contestants, run so that they can be compared: in rounds A B C A B C …,
// each contestant in a process and a directory of its own. A ratio is taken within one round, where both sides
// saw the same minute of the machine; what is told is the median of these ratios and how far they
// spread.
//
// Threading: main thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "cli/bench_measure.h"
#include "forelog/status.h"

namespace forelog::bench {

enum class Role : std::uint8_t {
  limit,      // What the machine can do; the best one is what the others are held against.
  reference,  // Shown, never compared with.
  forelog,
  peer,
};

struct Contestant {
  std::string name;
  Role role = Role::forelog;
  // Called in its process, with an empty directory. Code::unsupported: this machine does not have
  // what it needs, and it is left out.
  std::function<Result<Session>(const std::filesystem::path& dir)> open;
};

struct Workload {
  std::string name;   // For --only and JSON: "synced-8".
  std::string title;  // For people: "8 writers, 128 B, synced".
  std::vector<Contestant> contestants;
  // All contestants are open at once, and take turns in slices of a round, for figures that differ by
  // less than the machine does from one second to the next. For those that do nothing in the
  // background meanwhile.
  bool in_slices = false;
  // With it, all contestants work in one directory, which this fills once, before the first round, in
  // a process of its own.
  std::function<Status(const std::filesystem::path& dir)> prepare = {};
};

struct ContestantResult {
  std::string name;
  Role role = Role::forelog;
  std::vector<Measurement> rounds;
  std::string absent;  // Why it has no rounds.
};

struct WorkloadResult {
  std::string name, title;
  std::vector<ContestantResult> contestants;
};

struct RunOptions {
  unsigned rounds = 5;
  std::chrono::nanoseconds measured{};  // Per round and contestant.
  std::chrono::nanoseconds warm_up{};
  std::uint64_t payload_bytes_max = UINT64_MAX;  // Per round and contestant.
  // Told before each round.
  std::function<void(const Workload&, const Contestant&)> progress = {};
};

// Errors: the first one of a contestant, with its name; cancelled when interrupted().
Result<WorkloadResult> run_workload(const Workload& workload, const std::filesystem::path& dir,
                                    const RunOptions& options);

struct Spread {
  double median = 0, min = 0, max = 0;
};
Spread spread(std::vector<double> values);  // Zeros of none.

// The median over all rounds of what others used of the processors meanwhile.
double others_share(const WorkloadResult& result);

double median_rate(const ContestantResult& contestant);
double median_of(const ContestantResult& contestant, double (*value)(const Measurement&));

// The one with the highest median rate among those of `role`; nullptr when there is none.
const ContestantResult* best(const WorkloadResult& result, Role role);

// Of the rates, round by round.
Spread ratios(const ContestantResult& of, const ContestantResult& to);

}  // namespace forelog::bench
