#include "recovery.h"

#include <array>
#include <cstdio>
#include <string>
#include <system_error>
#include <utility>

#include "child.h"
#include "cli/bench_measure.h"
#include "cli/bench_run.h"
#include "cli/units.h"
#include "forelog/bytes.h"
#include "forelog/try.h"
#include "peer.h"

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

// One line of a table: whose log, and what its rounds say.
struct Line {
  std::string name;
  std::uint64_t bytes = 0;
  Path log;
  ChildTask opening;
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

std::string opening_row(const Line& line) {
  const Spread time = line.of("open_ms");
  std::array<char, 32> range{};
  std::snprintf(range.data(), range.size(), "(%.2f-%.2f)", time.min, time.max);
  const Json& first = line.rounds.front();
  std::array<char, 160> text{};
  std::snprintf(
      text.data(), text.size(), "  %-22s%10s%12.2f %-20s%12s%12s%10s\n", line.name.c_str(),
      cli::bytes_text(line.bytes).c_str(), time.median, range.data(),
      first.contains("bytes_scanned") ? bytes_cell(line.of("bytes_scanned").median).c_str() : "",
      bytes_cell(line.own_memory().median).c_str(), first.value("verdict", std::string()).c_str());
  return text.data();
}

Json opening_json(const Line& line) {
  const Spread time = line.of("open_ms");
  return {{"name", line.name},
          {"payload_bytes", line.bytes},
          {"open_ms", {{"median", time.median}, {"min", time.min}, {"max", time.max}}},
          {"own_peak_bytes", line.own_memory().median},
          {"rounds", line.rounds}};
}

Json memory_json(const char* who, std::uint64_t payload_bytes, const Line& processes) {
  return {{"process", who},
          {"payload_bytes", payload_bytes},
          {"own_peak_bytes", processes.own_memory().median},
          {"rounds", processes.rounds}};
}

Result<Json> open_copy(const Line& line) {
  const Path copy = line.log.parent_path() / "copy";
  std::error_code error, ignored;
  std::filesystem::copy(line.log, copy, std::filesystem::copy_options::recursive, error);
  if (error) return Status(Code::io_error, copy.string() + ": " + error.message());
  ChildTask task = line.opening;
  task.log = copy;
  Result<Json> opened = run_child(task);
  std::filesystem::remove_all(copy, ignored);
  return opened;
}

// The openings of one run, from the first log that is written to the last one that is opened.
class Run {
 public:
  Run(const Path& home, const Openings& openings, const TellProgress& tell)
      : home_(home), openings_(openings), tell_(tell) {}

  Result<Report> run() {
    for (const std::uint64_t bytes : openings_.sizes) {
      const Path log = home_ / ("log-" + std::to_string(bytes));
      FORELOG_TRY(write({"Forelog", bytes, log, {.verb = "open", .log = log}, {}}));
    }
    if (openings_.peer_bytes > 0) {
      for (const PeerKind& kind : all_peers()) FORELOG_TRY(write_peer(kind));
    }
    for (unsigned round = 0; round < openings_.rounds; ++round) {
      for (Line& line : lines_) FORELOG_TRY(open(line));
    }
    return report();
  }

 private:
  Status write(Line line) {
    tell_("opening after kill -9: " + line.name + " writes " + cli::bytes_text(line.bytes));
    if (!fits(home_, line.bytes)) {
      left_out_ += skipped(line.bytes);
      return {};
    }
    ChildTask task = line.opening;
    task.verb = "fill";
    task.bytes = line.bytes;
    FORELOG_TRY(run_child(task));
    lines_.push_back(std::move(line));
    return {};
  }

  Status write_peer(const PeerKind& kind) {
    for (const bool whole_log : {false, true}) {
      if (!(whole_log ? kind.recovers_whole_log : kind.recovers)) continue;
      const std::string name = kind.name + (whole_log ? ", whole log" : "");
      const Path log = home_ / name;
      FORELOG_TRY(write({name,
                         openings_.peer_bytes,
                         log,
                         {.verb = "open", .log = log, .peer = kind.name, .whole_log = whole_log},
                         {}}));
    }
    return {};
  }

  Status open(Line& line) {
    tell_("opening after kill -9: " + line.name + ", " + cli::bytes_text(line.bytes));
    const bool peer = !line.opening.peer.empty();
    if (!peer) FORELOG_TRY(run_child({"fill", line.log, kBytesBeforeKill}));
    line.rounds.push_back(FORELOG_TRY(peer ? open_copy(line) : run_child(line.opening)));
    return {};
  }

  Report report() const {
    Report report{.text = "Opening a log after kill -9, in a fresh process\n" +
                          std::string("                           payload     open, ms "
                                      "(lowest-highest)          scanned  own memory   verdict\n"),
                  .json = Json::array()};
    for (const Line& line : lines_) {
      report.text += opening_row(line);
      report.json.push_back(opening_json(line));
    }
    report.text += left_out_;
    return report;
  }

  const Path& home_;
  const Openings& openings_;
  const TellProgress& tell_;
  std::vector<Line> lines_;
  std::string left_out_;
};

}  // namespace

std::size_t Openings::steps() const {
  std::size_t lines = sizes.size();
  if (peer_bytes > 0) {
    for (const PeerKind& kind : all_peers()) {
      lines += static_cast<std::size_t>(kind.recovers) +
               static_cast<std::size_t>(kind.recovers_whole_log);
    }
  }
  return lines * (1 + rounds);
}

Result<Report> open_after_kill(const Path& dir, const Openings& openings,
                               const TellProgress& tell) {
  const TemporaryDirectory home = FORELOG_TRY(TemporaryDirectory::make(dir));
  return Run(home.path(), openings, tell).run();
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
  Line writers, readers;
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
  report.json.push_back(memory_json("writer", bytes, writers));
  report.json.push_back(memory_json("reader", bytes, readers));
  return report;
}

}  // namespace forelog::bench
