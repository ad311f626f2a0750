#include "recovery.h"

#include <cstdio>
#include <system_error>
#include <utility>

#include "child.h"
#include "cli/bench_measure.h"
#include "cli/bench_run.h"
#include "cli/units.h"
#include "forelog/bytes.h"
#include "forelog/try.h"

namespace forelog::bench {
namespace {

using Json = nlohmann::ordered_json;
using Path = std::filesystem::path;

constexpr std::uint64_t kBytesBeforeKill = 24 * MiB;
constexpr std::uint64_t kFreeBytesKept = 1 * GiB;

// The log's own bytes are more than its payload; a record of 128 bytes takes 130, and frames and
// segments that are prepared ahead come on top.
bool fits(const Path& dir, std::uint64_t payload_bytes) {
  std::error_code error;
  const std::uint64_t available = std::filesystem::space(dir, error).available;
  return !error && available > payload_bytes + payload_bytes / 10 + kFreeBytesKept;
}

std::string skipped(std::uint64_t bytes) {
  return "  " + cli::bytes_text(bytes) + ": left out, there is not enough free space\n";
}

// What the rounds of one log say.
struct Openings {
  std::uint64_t bytes = 0;
  Path log;
  std::vector<Json> rounds;

  Spread of(const char* field) const {
    std::vector<double> values;
    for (const Json& round : rounds) values.push_back(round[field].get<double>());
    return spread(std::move(values));
  }
  Spread own_memory() const {
    std::vector<double> values;
    for (const Json& round : rounds) {
      values.push_back(round["memory_peak_bytes"].get<double>() -
                       round["memory_before_bytes"].get<double>());
    }
    return spread(std::move(values));
  }
};

std::string bytes_cell(double bytes) { return cli::bytes_text(static_cast<std::uint64_t>(bytes)); }

std::string opening_row(const Openings& openings) {
  const Spread time = openings.of("open_ms");
  const Spread scanned = openings.of("bytes_scanned");
  char line[160];
  std::snprintf(line, sizeof line, "  %-12s%10.2f ms (%.2f-%.2f)%16s%18s%18s\n",
                cli::bytes_text(openings.bytes).c_str(), time.median, time.min, time.max,
                bytes_cell(scanned.median).c_str(),
                bytes_cell(openings.own_memory().median).c_str(),
                openings.rounds.front()["verdict"].get<std::string>().c_str());
  return line;
}

Json opening_json(const Openings& openings) {
  const Spread time = openings.of("open_ms");
  return {{"payload_bytes", openings.bytes},
          {"open_ms", {{"median", time.median}, {"min", time.min}, {"max", time.max}}},
          {"rounds", openings.rounds}};
}

Json memory_json(const char* who, const Openings& processes) {
  return {{"process", who},
          {"own_peak_bytes", processes.own_memory().median},
          {"rounds", processes.rounds}};
}

}  // namespace

Result<Report> open_after_kill(const Path& dir, const std::vector<std::uint64_t>& sizes,
                               unsigned rounds, const TellProgress& tell) {
  const TemporaryDirectory home = FORELOG_TRY(TemporaryDirectory::make(dir));
  Report report{.text = "Opening a log after kill -9, in a fresh process\n", .json = Json::array()};
  report.text +=
      "  payload          median (lowest-highest)         scanned        own memory"
      "           verdict\n";
  std::string left_out;
  std::vector<Openings> logs;
  for (const std::uint64_t bytes : sizes) {
    if (!fits(home.path(), bytes)) {
      left_out += skipped(bytes);
      continue;
    }
    tell("opening after kill -9: writing " + cli::bytes_text(bytes));
    logs.push_back({bytes, home.path() / ("log-" + std::to_string(bytes)), {}});
    FORELOG_TRY(run_child({"fill", logs.back().log, bytes}));
  }
  for (unsigned round = 0; round < rounds; ++round) {
    for (Openings& openings : logs) {
      tell("opening after kill -9: " + cli::bytes_text(openings.bytes));
      FORELOG_TRY(run_child({"fill", openings.log, kBytesBeforeKill}));
      openings.rounds.push_back(FORELOG_TRY(run_child({"open", openings.log, 0})));
    }
  }
  for (const Openings& openings : logs) {
    report.text += opening_row(openings);
    report.json.push_back(opening_json(openings));
  }
  report.text += left_out;
  return report;
}

Result<Report> memory_of_processes(const Path& dir, std::uint64_t bytes, unsigned rounds,
                                   const TellProgress& tell) {
  const TemporaryDirectory home = FORELOG_TRY(TemporaryDirectory::make(dir));
  Report report{
      .text = "Peak memory (VmHWM, less what the process had when main began) for a log of " +
              cli::bytes_text(bytes) + "\n",
      .json = Json::array()};
  if (!fits(home.path(), bytes)) {
    report.text += skipped(bytes);
    return report;
  }
  Openings writers, readers;
  for (unsigned round = 0; round < rounds; ++round) {
    tell("memory of a writer and of a reader");
    const Path log = home.path() / "log";
    writers.rounds.push_back(FORELOG_TRY(run_child({"write", log, bytes})));
    readers.rounds.push_back(FORELOG_TRY(run_child({"read", log, 0})));
    std::error_code ignored;
    std::filesystem::remove_all(log, ignored);
  }
  report.text += "  writer, buffered appends  " + bytes_cell(writers.own_memory().median) +
                 "\n  reader, cursor            " + bytes_cell(readers.own_memory().median) + "\n";
  report.json.push_back(memory_json("writer", writers));
  report.json.push_back(memory_json("reader", readers));
  return report;
}

}  // namespace forelog::bench
