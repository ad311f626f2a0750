#include "cli/bench_run.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "cli/bench_process.h"
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

// Runs one workload: what its rounds share.
class Runner {
 public:
  Runner(const Workload& workload, const std::filesystem::path& home, const RunOptions& options)
      : workload_(workload),
        home_(home),
        options_(options),
        limits_{.warm_up = options.warm_up,
                .measured = options.measured,
                .payload_bytes_max = options.payload_bytes_max} {}

  Result<WorkloadResult> run() {
    WorkloadResult result{.name = workload_.name, .title = workload_.title, .contestants = {}};
    for (const Contestant& contestant : workload_.contestants) {
      result.contestants.push_back({contestant.name, contestant.role, {}, {}});
    }
    absent_.assign(workload_.contestants.size(), {});
    for (unsigned round = 0; round < options_.rounds; ++round) {
      Round measured = FORELOG_TRY(workload_.in_slices ? round_of_slices(round) : plain_round());
      for (std::size_t i = 0; i < measured.size(); ++i) {
        if (measured[i]) result.contestants[i].rounds.push_back(*std::move(measured[i]));
      }
    }
    for (std::size_t i = 0; i < absent_.size(); ++i) result.contestants[i].absent = absent_[i];
    return result;
  }

 private:
  using Nanoseconds = std::chrono::nanoseconds;
  using Round = std::vector<std::optional<Measurement>>;  // nullopt: absent.
  static constexpr std::chrono::milliseconds kSlice{50}, kSliceWarmUp{5};

  Status named(const Status& status, std::size_t i) const {
    return status.with_context(workload_.name + ", " + workload_.contestants[i].name);
  }

  // Starts a contestant; nullopt when this machine does not have what it needs, which is noted.
  Result<std::optional<ContestantProcess>> start(std::size_t i, const std::filesystem::path& dir) {
    using Started = std::optional<ContestantProcess>;
    if (!absent_[i].empty()) return Started();
    const Contestant& contestant = workload_.contestants[i];
    if (options_.progress) options_.progress(workload_, contestant);
    Result<ContestantProcess> process = ContestantProcess::start(contestant.open, dir);
    if (process) return Started(*std::move(process));
    if (process.error().code() != Code::unsupported) return named(process.error(), i);
    absent_[i] = process.error().message();
    return Started();
  }

  Result<Round> plain_round() {
    Round all(workload_.contestants.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto dir = workload_.prepare ? home_ : home_ / "fresh";
      Result<Measurement> measured = Status(Code::unsupported, "absent");
      {
        auto process = FORELOG_TRY(start(i, dir));
        if (process) measured = process->measure(limits_);
        if (process && !measured) return named(measured.error(), i);
      }
      if (!workload_.prepare) remove_and_settle(dir);
      if (measured) all[i] = *std::move(measured);
    }
    return all;
  }

  // Why another order in every round: where on the disk its file lies alone changes a contestant's
  // rate by several per cent, and the file system gives the same places in the same order.
  Result<Round> round_of_slices(unsigned round) {
    const std::size_t count = workload_.contestants.size();
    std::vector<std::unique_ptr<ContestantProcess>> processes(count);
    const auto turn = [&](std::size_t i, Nanoseconds time) -> Result<Measurement> {
      Result<Measurement> measured =
          processes[i]->measure({.warm_up = kSliceWarmUp, .measured = time});
      if (!measured) return named(measured.error(), i);
      return measured;
    };
    const auto dir = home_ / "round";
    std::error_code error;
    std::filesystem::create_directory(dir, error);
    if (error) return Status(Code::io_error, dir.string() + ": " + error.message());
    for (std::size_t k = 0; k < count; ++k) {
      const std::size_t i = (round + k) % count;
      auto process = FORELOG_TRY(start(i, dir / std::to_string(i)));
      if (!process) continue;
      processes[i] = std::make_unique<ContestantProcess>(*std::move(process));
      FORELOG_TRY(turn(i, options_.warm_up));
    }
    Round all(count);
    for (Nanoseconds done{0}; done < options_.measured; done += kSlice) {
      for (std::size_t i = 0; i < count; ++i) {
        if (!processes[i]) continue;
        const Measurement slice =
            FORELOG_TRY(turn(i, std::min<Nanoseconds>(kSlice, options_.measured - done)));
        if (!all[i]) all[i].emplace();
        all[i]->add(slice);
      }
    }
    processes.clear();
    remove_and_settle(dir);
    return all;
  }

  const Workload& workload_;
  const std::filesystem::path& home_;
  const RunOptions& options_;
  const RoundLimits limits_;
  std::vector<std::string> absent_;  // Why a contestant is not there; empty: it is.
};

}  // namespace

Result<WorkloadResult> run_workload(const Workload& workload, const std::filesystem::path& dir,
                                    const RunOptions& options) {
  const TemporaryDirectory home = FORELOG_TRY(TemporaryDirectory::make(dir));
  if (workload.prepare) {
    FORELOG_TRY(run_in_process([&] { return workload.prepare(home.path()); }, home.path()));
  }
  return Runner(workload, home.path(), options).run();
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
    if (contestant.role != role || contestant.rounds.empty()) continue;
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
