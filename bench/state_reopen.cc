// Bringing a store back after kill -9: against the number of updates, with and without a budget; and
// one of a million pairs, from its log alone and from a snapshot.
#include <array>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "child.h"
#include "cli/bench_measure.h"
#include "cli/units.h"
#include "forelog/try.h"
#include "growth_series.h"
#include "states.h"

namespace forelog::bench {
namespace {

using Json = nlohmann::ordered_json;
using Path = std::filesystem::path;

// One store, which grows from point to point.
struct Line {
  std::string name;
  unsigned reopen_within_ms = 0;
  Series series = {};
};

// Of a field of each of some answers.
Json spread_of(const std::vector<Json>& answers, const char* field) {
  std::vector<double> values;
  values.reserve(answers.size());
  for (const Json& answer : answers) values.push_back(answer[field].get<double>());
  return spread_json(spread(std::move(values)));
}

std::vector<std::uint64_t> update_counts(const GrowthScale& scale) {
  if (scale.quick) return {100'000, 500'000};
  return {500'000, 1'000'000, 2'000'000, 4'000'000, 8'000'000};
}

// Each opening is of what the one process left that was killed: opening changes nothing that the next
// one would see but the log's tail.
Result<std::vector<Json>> open_often(const ChildTask& task, unsigned rounds) {
  std::vector<Json> answers;
  for (unsigned round = 0; round < rounds; ++round) {
    answers.push_back(FORELOG_TRY(run_child(task)));
  }
  return answers;
}

Status grow(Line& line, const Path& dir, std::uint64_t from, std::uint64_t to, unsigned rounds) {
  const std::string state =
      Json{{"kind", "kv"},      {"entries", 200'000},  {"updates", to - from},
           {"fill", from == 0}, {"checkpoint", false}, {"reopen_within_ms", line.reopen_within_ms}}
          .dump();
  const Json grown = FORELOG_TRY(run_child({.verb = "state-grow", .log = dir, .state = state}));
  const std::vector<Json> opened =
      FORELOG_TRY(open_often({.verb = "state-open", .log = dir, .state = state}, rounds));
  Json point = {{"x", to}, {"milliseconds", spread_of(opened, "open_ms")}};
  for (const char* field : {"load_ms", "replay_ms", "replayed", "snapshot_bytes"}) {
    point[field] = spread_of(opened, field);
  }
  for (const char* field : {"reopen_estimate_ms", "checkpoints"}) point[field] = grown[field];
  line.series.points.push_back(std::move(point));
  return {};
}

Result<Report> run_reopen(const Path& home, const GrowthScale& scale) {
  const TemporaryDirectory place = FORELOG_TRY(TemporaryDirectory::make(home));
  std::vector<Line> lines = {{"log alone", 0}, {"budget of 5 s", 5000}, {"budget of 1 s", 1000}};
  std::uint64_t before = 0;
  for (const std::uint64_t updates : update_counts(scale)) {
    for (Line& line : lines) {
      scale.tell("reopening behind " + cli::count_text(updates) + " updates: " + line.name);
      FORELOG_TRY(grow(line, place.path() / line.name, before, updates, scale.rounds));
    }
    before = updates;
  }
  SeriesTable table{.name = "states-reopen",
                    .title =
                        "Reopening a store of 200,000 pairs after kill -9, against the "
                        "updates that it had",
                    .x_label = "updates",
                    .x_unit = "",
                    .series = {},
                    .shown = "milliseconds",
                    .shown_label = "milliseconds"};
  for (Line& line : lines) {
    line.series.name = line.name;
    table.series.push_back(std::move(line.series));
  }
  return series_report(table);
}

struct Step {
  const char* name;
  std::vector<Json> answers;
  const char* field;
};

Json json_of(const Step& step) {
  Json object = {{"name", step.name}, {"milliseconds", spread_of(step.answers, step.field)}};
  if (step.answers.front().contains("snapshot_bytes")) {
    object["snapshot_bytes"] = spread_of(step.answers, "snapshot_bytes")["median"];
  }
  std::vector<double> memory;
  for (const Json& answer : step.answers) {
    memory.push_back(answer["memory_peak_bytes"].get<double>() -
                     answer["memory_before_bytes"].get<double>());
  }
  object["own_memory_bytes"] = spread(std::move(memory)).median;
  return object;
}

Result<Report> run_pairs(const Path& home, const GrowthScale& scale) {
  const std::uint64_t pairs = scale.quick ? 100'000 : 1'000'000;
  std::vector<Step> steps = {{"load, in batches of 1,000 that are synced", {}, "fill_ms"},
                             {"reopen from the log alone", {}, "open_ms"},
                             {"checkpoint", {}, "checkpoint_ms"},
                             {"reopen from the snapshot", {}, "open_ms"}};
  for (unsigned round = 0; round < scale.rounds; ++round) {
    scale.tell("a store of " + cli::count_text(pairs) + " pairs");
    const TemporaryDirectory place = FORELOG_TRY(TemporaryDirectory::make(home));
    const auto child = [&](const char* verb, bool fills, bool checkpoints) {
      return run_child({.verb = verb,
                        .log = place.path() / "store",
                        .state = Json{
                            {"kind", "kv"},
                            {"entries", pairs},
                            {"updates", 0},
                            {"fill", fills},
                            {"checkpoint", checkpoints},
                            {"reopen_within_ms",
                             0}}.dump()});
    };
    steps[0].answers.push_back(FORELOG_TRY(child("state-grow", true, false)));
    steps[1].answers.push_back(FORELOG_TRY(child("state-open", false, false)));
    steps[2].answers.push_back(FORELOG_TRY(child("state-grow", false, true)));
    steps[3].answers.push_back(FORELOG_TRY(child("state-open", false, false)));
  }
  const std::string title =
      "A store of " + cli::count_text(pairs) + " pairs of 128 B, killed (-9) behind each step";
  Report report{.text = title + "\n",
                .json = {{"name", "states-pairs"}, {"title", title}, {"pairs", pairs}}};
  for (const Step& step : steps) {
    const Json object = json_of(step);
    const Json& took = object["milliseconds"];
    std::array<char, 160> line{};
    std::snprintf(line.data(), line.size(), "  %-44s%9.0f ms (%.0f-%.0f)%12s\n", step.name,
                  took["median"].get<double>(), took["min"].get<double>(),
                  took["max"].get<double>(),
                  cli::bytes_text(object["own_memory_bytes"].get<std::uint64_t>()).c_str());
    report.text += line.data();
    report.json["steps"].push_back(object);
  }
  return report;
}

}  // namespace

Growth reopen_of_states() {
  return {"states-reopen", "Reopening a store after kill -9, against its updates", run_reopen};
}

Growth pairs_of_states() {
  return {"states-pairs", "A store of a million pairs: load, and reopen", run_pairs};
}

std::vector<Growth> all_states() {
  return {pause_of_states(), reopen_of_states(), pairs_of_states()};
}

}  // namespace forelog::bench
