#include "cli/bench_run.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <system_error>
#include <thread>
#include <utility>

#include "forelog/try.h"

namespace forelog::bench {
namespace {

// Why: so that the file system's own work for files that are gone (its journal, discards) does not
// fall into the next contestant's time.
void remove_and_settle(const std::filesystem::path& dir) {
  std::error_code ignored;
  std::filesystem::remove_all(dir, ignored);
  const int parent = ::open(dir.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (parent >= 0) {
    ::fsync(parent);
    ::close(parent);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

Result<Measurement> run_fresh(const Contestant& contestant, const std::filesystem::path& dir,
                              const RoundLimits& limits) {
  std::error_code error;
  std::filesystem::create_directory(dir, error);
  if (error) return Status(Code::io_error, dir.string() + ": " + error.message());
  Result<Measurement> measured = contestant.round(dir, limits);
  remove_and_settle(dir);
  return measured;
}

}  // namespace

Result<WorkloadResult> run_workload(const Workload& workload, const std::filesystem::path& dir,
                                    const RunOptions& options) {
  const TemporaryDirectory home = FORELOG_TRY(TemporaryDirectory::make(dir));
  if (workload.prepare) FORELOG_TRY(workload.prepare(home.path()));
  const RoundLimits limits{.warm_up = options.warm_up,
                           .measured = options.measured,
                           .payload_bytes_max = options.payload_bytes_max};

  WorkloadResult result{.name = workload.name, .title = workload.title, .contestants = {}};
  for (const Contestant& contestant : workload.contestants) {
    result.contestants.push_back({contestant.name, contestant.role, {}});
  }
  for (unsigned round = 0; round < options.rounds; ++round) {
    for (std::size_t i = 0; i < workload.contestants.size(); ++i) {
      const Contestant& contestant = workload.contestants[i];
      if (options.progress) options.progress(workload, contestant);
      Result<Measurement> measured =
          workload.prepare ? contestant.round(home.path(), limits)
                           : run_fresh(contestant, home.path() / std::to_string(i), limits);
      if (!measured) return measured.error().with_context(workload.name + ", " + contestant.name);
      result.contestants[i].rounds.push_back(*measured);
    }
  }
  return result;
}

Spread spread(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {median, values.front(), values.back()};
}

double median_of(const ContestantResult& contestant, double (*value)(const Measurement&)) {
  std::vector<double> values;
  for (const Measurement& measurement : contestant.rounds) values.push_back(value(measurement));
  return spread(std::move(values)).median;
}

double others_share(const WorkloadResult& result) {
  std::vector<double> values;
  for (const ContestantResult& contestant : result.contestants) {
    for (const Measurement& round : contestant.rounds) values.push_back(round.others_share);
  }
  return spread(std::move(values)).median;
}

double median_rate(const ContestantResult& contestant) {
  return median_of(contestant, [](const Measurement& measurement) { return measurement.rate(); });
}

const ContestantResult* best(const WorkloadResult& result, Role role) {
  const ContestantResult* found = nullptr;
  for (const ContestantResult& contestant : result.contestants) {
    if (contestant.role != role) continue;
    if (found == nullptr || median_rate(contestant) > median_rate(*found)) found = &contestant;
  }
  return found;
}

Spread ratios(const ContestantResult& of, const ContestantResult& to) {
  std::vector<double> values;
  for (std::size_t i = 0; i < std::min(of.rounds.size(), to.rounds.size()); ++i) {
    const double base = to.rounds[i].rate();
    if (base > 0) values.push_back(of.rounds[i].rate() / base);
  }
  return spread(std::move(values));
}

}  // namespace forelog::bench
