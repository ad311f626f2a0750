// Eight callers update a state while a checkpoint of it is made. Beside that, what the disk alone does
// to a log when a file of the same size is written.
#include <array>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "child.h"
#include "cli/bench_measure.h"
#include "cli/bench_table.h"
#include "cli/units.h"
#include "forelog/bytes.h"
#include "forelog/try.h"
#include "growth_series.h"
#include "states.h"

namespace forelog::bench {
namespace {

using Json = nlohmann::ordered_json;
using Path = std::filesystem::path;

struct Line {
  std::string name;
  Role role = Role::forelog;
  std::string kind;  // As state-pause knows it.
  std::uint64_t bytes_per_second_max = 0;
  std::vector<Json> rounds = {};

  Spread of(const char* part, const char* figure) const {
    std::vector<double> values;
    for (const Json& round : rounds) {
      const Json& from = *part == '\0' ? round : round[part];
      if (from.contains(figure)) values.push_back(from[figure].get<double>());
    }
    return spread(std::move(values));
  }
  // Of the rates, round by round.
  Spread rate_kept() const {
    std::vector<double> values;
    for (const Json& round : rounds) {
      values.push_back(round["during"]["rate"].get<double>() /
                       round["quiet"]["rate"].get<double>());
    }
    return spread(std::move(values));
  }
};

std::vector<Line> all_lines() {
  return {{"log, a file is written", Role::reference, "log"},
          {"log, the same directly", Role::reference, "log, direct"},
          {"Durable, images", Role::forelog, "images"},
          {"Durable, 256 MiB/s at most", Role::forelog, "images", 256 * MiB},
          {"Durable, second state", Role::forelog, "no images"},
          {"Kv", Role::forelog, "kv"}};
}

constexpr std::array<const char*, 5> kFigures = {"rate", "p50_us", "p99_us", "p999_us", "max_us"};

Json json_of(const Line& line) {
  Json object = {{"name", line.name}, {"role", role_name(line.role)}};
  for (const char* part : {"quiet", "during"}) {
    for (const char* figure : kFigures) {
      object[part][figure] = spread_json(line.of(part, figure));
    }
  }
  object["rate_kept"] = spread_json(line.rate_kept());
  object["checkpoint_seconds"] = spread_json(line.of("", "checkpoint_seconds"));
  if (line.rounds.front().contains("last_pause_us")) {
    object["last_pause_us"] = spread_json(line.of("", "last_pause_us"));
  }
  object["rounds"] = line.rounds;
  return object;
}

std::string text_of(const Line& line) {
  std::array<char, 200> text{};
  std::snprintf(text.data(), text.size(),
                "  %-28s%10.0f%9.0f%9.0f   %10.0f%9.0f%9.0f%9.0f%9.0f%9.2f s\n", line.name.c_str(),
                line.of("quiet", "rate").median, line.of("quiet", "p99_us").median,
                line.of("quiet", "p999_us").median, line.of("during", "rate").median,
                line.of("during", "p50_us").median, line.of("during", "p99_us").median,
                line.of("during", "p999_us").median, line.of("during", "max_us").median,
                line.of("", "checkpoint_seconds").median);
  return text.data();
}

Result<Report> run(const Path& home, const GrowthScale& scale) {
  const std::uint64_t bytes = scale.quick ? 64 * MiB : 1 * GiB;
  std::vector<Line> lines = all_lines();
  for (unsigned round = 0; round < scale.rounds; ++round) {
    for (Line& line : lines) {
      scale.tell("updates during a checkpoint of " + cli::bytes_text(bytes) + ": " + line.name);
      const TemporaryDirectory place = FORELOG_TRY(TemporaryDirectory::make(home));
      line.rounds.push_back(
          FORELOG_TRY(run_child({.verb = "state-pause",
                                 .log = place.path() / "state",
                                 .bytes = bytes,
                                 .state = Json{{"kind", line.kind},
                                               {"seconds", scale.quick ? 0.2 : 1.0},
                                               {"bytes_per_second_max", line.bytes_per_second_max}}
                                              .dump()})));
    }
  }
  const std::string title =
      "8 callers update a state of " + cli::bytes_text(bytes) + ", without and during a checkpoint";
  Report report{.text = title +
                        "\n  microseconds                     quiet/s      p99    p99.9      "
                        "during/s      p50      p99    p99.9      max  checkpoint\n",
                .json = {{"name", "states-pause"}, {"title", title}, {"bytes", bytes}}};
  for (const Line& line : lines) {
    report.text += text_of(line);
    report.json["contestants"].push_back(json_of(line));
  }
  return report;
}

}  // namespace

Growth pause_of_states() {
  return {"states-pause", "Updates while a checkpoint of 1 GiB is made", run};
}

}  // namespace forelog::bench
