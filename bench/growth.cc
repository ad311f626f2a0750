// The growth reports whose points are workloads like any other (cli/bench_run.h): a contestant for
// each point of each series, all of them in one workload, so that a round visits every point.
#include "growth.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "cli/bench_forelog.h"
#include "cli/bench_raw.h"
#include "cli/bench_run.h"
#include "forelog/bytes.h"
#include "forelog/try.h"
#include "growth_series.h"

namespace forelog::bench {
namespace {

using Json = nlohmann::ordered_json;
using Path = std::filesystem::path;

constexpr std::uint64_t kSmall = 128;
// Payload of one turn: the turns of a run must not fill the memory with dirty pages.
constexpr std::uint64_t kTurnBytesMax = 256 * MiB;

// One series: what it does at the point x.
struct Line {
  std::string name;
  Role role;
  std::function<Result<Session>(const Path& dir, std::uint64_t x)> open;
};

struct Plan {
  std::string name, title, x_label, x_unit;
  std::vector<std::uint64_t> xs;
  std::vector<Line> lines;
  bool x_is_record_bytes = false;  // Else records have kSmall bytes.
};

double median_latency(const ContestantResult& contestant, double Latency::*field) {
  std::vector<double> values;
  for (const Measurement& round : contestant.rounds) {
    if (const auto latency = round.latency()) values.push_back((*latency).*field);
  }
  return spread(std::move(values)).median;
}

Json point(const ContestantResult& contestant, const ContestantResult* limit, std::uint64_t x,
           std::uint64_t record_bytes) {
  std::vector<double> rates, payloads, cpus;
  for (const Measurement& round : contestant.rounds) {
    rates.push_back(round.rate());
    payloads.push_back(round.rate() * static_cast<double>(record_bytes) / 1e6);
    cpus.push_back(round.cpu_us_per_record());
  }
  Json object = {{"x", x},
                 {"rate", spread_json(spread(std::move(rates)))},
                 {"megabytes_per_second", spread_json(spread(std::move(payloads)))},
                 {"cpu_us_per_record", spread_json(spread(std::move(cpus)))}};
  if (const double p50 = median_latency(contestant, &Latency::p50_us); p50 > 0) {
    object["p50_us"] = p50;
    object["p99_us"] = median_latency(contestant, &Latency::p99_us);
  }
  if (limit != nullptr) object["of_limit"] = spread_json(ratios(contestant, *limit));
  return object;
}

// Contestants in the order of their points; within a point, in the order of the plan's lines.
Workload workload_of(const Plan& plan) {
  Workload workload{.name = plan.name, .title = plan.title, .contestants = {}};
  for (const std::uint64_t x : plan.xs) {
    for (const Line& line : plan.lines) {
      workload.contestants.push_back(
          {line.name + ", " + std::to_string(x), line.role,
           [open = line.open, x](const Path& dir) { return open(dir, x); }});
    }
  }
  return workload;
}

Result<Report> run(const Plan& plan, const Path& home, const GrowthScale& scale) {
  const RunOptions options{.rounds = scale.rounds,
                           .measured = scale.measured,
                           .warm_up = scale.warm_up,
                           .payload_bytes_max = kTurnBytesMax,
                           .progress = [&](const Workload& workload, const Contestant& contestant) {
                             scale.tell(workload.title + ": " + contestant.name);
                           }};
  const WorkloadResult all = FORELOG_TRY(run_workload(workload_of(plan), home, options));
  SeriesTable table{.name = plan.name,
                    .title = plan.title,
                    .x_label = plan.x_label,
                    .x_unit = plan.x_unit,
                    .series = {},
                    .shown = "rate",
                    .shown_label = "records/s"};
  for (const Line& line : plan.lines) table.series.push_back({line.name, line.role, {}});
  const std::size_t lines = plan.lines.size();
  for (std::size_t p = 0; p < plan.xs.size(); ++p) {
    WorkloadResult here;
    for (std::size_t k = 0; k < lines; ++k) {
      here.contestants.push_back(all.contestants[p * lines + k]);
    }
    const ContestantResult* limit = best(here, Role::limit);
    const std::uint64_t record_bytes = plan.x_is_record_bytes ? plan.xs[p] : kSmall;
    for (std::size_t k = 0; k < lines; ++k) {
      table.series[k].points.push_back(point(here.contestants[k], limit, plan.xs[p], record_bytes));
    }
  }
  return series_report(table);
}

std::vector<std::uint64_t> record_sizes(const GrowthScale& scale) {
  if (scale.quick) return {16, 1 * KiB, 64 * KiB, 1 * MiB};
  return {16, 128, 1 * KiB, 8 * KiB, 64 * KiB, 256 * KiB, 1 * MiB};
}

std::vector<std::uint64_t> writer_counts(const GrowthScale& scale) {
  if (scale.quick) return {1, 16, 256};
  return {1, 2, 4, 8, 16, 32, 64, 128, 256};
}

Result<Report> run_records(const Path& home, const GrowthScale& scale) {
  const Plan plan{.name = "growth-record",
                  .title = "1 writer, each record synced, against the size of a record",
                  .x_label = "record",
                  .x_unit = "bytes",
                  .xs = record_sizes(scale),
                  .lines = {{"limit: written blocks", Role::limit,
                             [](const Path& dir, std::uint64_t bytes) {
                               return raw_synced(dir, Blocks::written, 1, bytes);
                             }},
                            {"limit: direct", Role::limit,
                             [](const Path& dir, std::uint64_t bytes) {
                               return raw_synced(dir, Blocks::direct, 1, bytes);
                             }},
                            {"Forelog", Role::forelog,
                             [](const Path& dir, std::uint64_t bytes) {
                               return forelog_commits(dir, 1, bytes, Durability::synced);
                             }}},
                  .x_is_record_bytes = true};
  return run(plan, home, scale);
}

Result<Report> run_appends(const Path& home, const GrowthScale& scale) {
  const Plan plan{
      .name = "growth-append",
      .title = "1 thread appends and waits for nothing, against the size of a record",
      .x_label = "record",
      .x_unit = "bytes",
      .xs = record_sizes(scale),
      .lines = {{"limit: copy, write 1 MiB", Role::limit,
                 [](const Path& dir, std::uint64_t bytes) { return raw_buffered(dir, bytes); }},
                {"Forelog", Role::forelog,
                 [](const Path& dir, std::uint64_t bytes) {
                   return forelog_buffered(dir, 1, bytes);
                 }}},
      .x_is_record_bytes = true};
  return run(plan, home, scale);
}

Result<Report> run_writers(const Path& home, const GrowthScale& scale) {
  constexpr std::chrono::microseconds kAtOnce{0}, kGather{100};
  const auto leader = [](Blocks blocks, std::chrono::microseconds gather) {
    return [blocks, gather](const Path& dir, std::uint64_t threads) {
      return raw_group_commit(dir, blocks, static_cast<unsigned>(threads), kSmall, gather);
    };
  };
  const Plan plan{
      .name = "growth-writers",
      .title = "Writers that block, 128 B, each record synced, against their number",
      .x_label = "writers",
      .x_unit = "",
      .xs = writer_counts(scale),
      .lines = {{"limit: leader", Role::limit, leader(Blocks::written, kAtOnce)},
                {"limit: leader, 100 us", Role::limit, leader(Blocks::written, kGather)},
                {"limit: leader, direct", Role::limit, leader(Blocks::direct, kAtOnce)},
                {"Forelog", Role::forelog, [](const Path& dir, std::uint64_t threads) {
                   return forelog_commits(dir, static_cast<unsigned>(threads), kSmall,
                                          Durability::synced);
                 }}}};
  return run(plan, home, scale);
}

}  // namespace

std::vector<Growth> all_growth() {
  return {{"growth-record", "Synced records of 16 B to 1 MiB", run_records},
          {"growth-append", "Buffered records of 16 B to 1 MiB", run_appends},
          {"growth-writers", "1 to 256 writers, synced", run_writers},
          growth_of_log(),
          growth_of_tails()};
}

}  // namespace forelog::bench
