// forelog bench DIR: what this disk can do, beside what Forelog does on it. What is measured and
// how is in bench_raw.h, bench_forelog.h and bench_run.h; the comparison with other logs is bench/.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/arguments.h"
#include "cli/bench_forelog.h"
#include "cli/bench_measure.h"
#include "cli/bench_passes.h"
#include "cli/bench_raw.h"
#include "cli/bench_run.h"
#include "cli/bench_table.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/units.h"
#include "forelog/bytes.h"

namespace forelog::cli {
namespace {

using bench::Contestant;
using bench::Role;
using bench::Workload;
using Path = std::filesystem::path;

constexpr std::uint64_t kBatchRecords = 1000;
constexpr std::uint64_t kReadBytes = 256 * MiB;    // Payload of the log that is read.
constexpr std::uint64_t kRoundBytesMax = 1 * GiB;  // Payload that one round may write.
constexpr std::uint64_t kFreeBytesMin = 512 * MiB;
constexpr std::uint64_t kRecordBytesMax = 1 * MiB;

struct BenchOptions {
  std::string dir;
  double seconds = 0.3;
  unsigned rounds = 5;
  std::uint64_t record_bytes = 128;
  bool json = false;
};

Workload one_by_one(std::uint64_t bytes) {
  const auto writer = [bytes](bench::Age age) {
    return [=](const Path& dir) {
      return bench::forelog_commits(dir, 1, bytes, Durability::synced, age);
    };
  };
  const auto raw = [bytes](bench::Blocks blocks) {
    return [=](const Path& dir) { return bench::raw_synced(dir, blocks, 1, bytes); };
  };
  return {.name = "synced",
          .title = "1 writer, " + bytes_text(bytes) + ", each record synced",
          .contestants = {{"limit: written blocks", Role::limit, raw(bench::Blocks::written)},
                          {"limit: O_DIRECT|O_DSYNC", Role::limit, raw(bench::Blocks::direct)},
                          {"limit: growing file", Role::limit, raw(bench::Blocks::growing)},
                          {"Forelog", Role::forelog, writer(bench::Age::steady)},
                          {"Forelog, new log", Role::reference, writer(bench::Age::fresh)}},
          .in_slices = true};
}

Workload many_writers(unsigned threads, std::uint64_t bytes) {
  const auto leader = [=](bench::Blocks blocks, std::chrono::microseconds gather) {
    return [=](const Path& dir) {
      return bench::raw_group_commit(dir, blocks, threads, bytes, gather);
    };
  };
  const auto forelog = [=](const Path& dir) {
    return bench::forelog_commits(dir, threads, bytes, Durability::synced);
  };
  constexpr std::chrono::microseconds kNone(0), kSome(100);
  const auto written = bench::Blocks::written, direct = bench::Blocks::direct;
  return {
      .name = "synced-" + std::to_string(threads),
      .title = std::to_string(threads) + " writers, each record synced before its writer goes on",
      .contestants = {{"limit: leader", Role::limit, leader(written, kNone)},
                      {"limit: leader, 100 us", Role::limit, leader(written, kSome)},
                      {"limit: 100 us, direct", Role::limit, leader(direct, kSome)},
                      {"Forelog", Role::forelog, forelog}}};
}

Workload batches(std::uint64_t bytes) {
  const auto raw = [bytes](bench::Blocks blocks) {
    return [=](const Path& dir) { return bench::raw_synced(dir, blocks, kBatchRecords, bytes); };
  };
  const auto forelog = [bytes](const Path& dir) {
    return bench::forelog_batches(dir, kBatchRecords, bytes);
  };
  return {.name = "batches",
          .title = "Batches of " + count_text(kBatchRecords) + " records, each batch synced",
          .contestants = {{"limit: written blocks", Role::limit, raw(bench::Blocks::written)},
                          {"limit: O_DIRECT|O_DSYNC", Role::limit, raw(bench::Blocks::direct)},
                          {"limit: growing file", Role::limit, raw(bench::Blocks::growing)},
                          {"Forelog, 1 writer", Role::forelog, forelog}}};
}

Workload buffered(std::uint64_t bytes) {
  const auto raw = [bytes](const Path& dir) { return bench::raw_buffered(dir, bytes); };
  const auto pair = [bytes](const Path& dir) {
    return bench::raw_buffered_two_threads(dir, bench::Blocks::direct, bytes);
  };
  const auto forelog = [bytes](const Path& dir) { return bench::forelog_buffered(dir, 1, bytes); };
  return {.name = "buffered",
          .title = "One thread appends and waits for nothing",
          .contestants = {{"limit: copy, write 1 MiB", Role::limit, raw},
                          {"limit: 2 threads, direct", Role::limit, pair},
                          {"Forelog, 1 thread", Role::forelog, forelog}}};
}

Workload reading(std::uint64_t bytes, std::uint64_t log_bytes) {
  const std::uint64_t records = std::max<std::uint64_t>(log_bytes / bytes, 1);
  const auto raw = [records](const Path& dir) {
    return Result<bench::Session>(
        bench::raw_read(bench::Pages::warm, bench::forelog_files(dir), records));
  };
  const auto scan = [records](const Path& dir) {
    return bench::forelog_scan(bench::Pages::warm, dir, records);
  };
  const auto verify = [records](const Path& dir) {
    return Result<bench::Session>(bench::forelog_verify(bench::Pages::warm, dir, records));
  };
  return {.name = "reading",
          .title = "A log of " + count_of(records, "record") + " is read, from the page cache",
          .contestants = {{"limit: read, add up", Role::limit, raw},
                          {"Forelog, cursor", Role::forelog, scan},
                          {"Forelog, verify", Role::forelog, verify}},
          .prepare = [=](const Path& dir) { return bench::forelog_fill(dir, records, bytes); }};
}

Result<std::uint64_t> parse_record_bytes(std::string_view text) {
  auto bytes = parse_bytes(text);
  if (bytes && (*bytes == 0 || *bytes > kRecordBytesMax)) {
    return Status(Code::invalid_argument, "a record of the benchmark has from 1 byte to 1 MiB");
  }
  return bytes;
}

// Runs them all, and prints each table when it is there, or one JSON object at the end.
Status run_all(const std::vector<Workload>& workloads, const Path& dir,
               bench::RunOptions run_options, bool json, Output& out) {
  std::uint64_t rounds_total = 0;
  for (const Workload& workload : workloads) {
    rounds_total += workload.contestants.size() * run_options.rounds;
  }
  StatusLine line(STDERR_FILENO);
  std::uint64_t round = 0;
  run_options.progress = [&](const Workload& workload, const Contestant& contestant) {
    line.show("[" + count_text(++round) + "/" + count_text(rounds_total) + "] " + workload.title +
              ": " + contestant.name);
  };
  auto results = nlohmann::ordered_json::array();
  for (const Workload& workload : workloads) {
    const auto result = bench::run_workload(workload, dir, run_options);
    line.clear();
    if (!result) return result.error();
    if (json) {
      results.push_back(bench::to_json(*result));
    } else {
      out << bench::table(*result) << "\n";
      if (Status written = out.flush(); !written.ok()) return written;
    }
  }
  if (json) {
    nlohmann::ordered_json all = {{"machine", bench::machine(dir)}, {"workloads", results}};
    out << all.dump(2) << "\n";
  } else {
    out << bench::legend(false);
  }
  return {};
}

ExitCode run_bench(const BenchOptions& options) {
  const bench::InterruptGuard guard;
  const auto home = bench::TemporaryDirectory::make(options.dir);
  if (!home) return fail(home.error());
  std::error_code error;
  const std::uint64_t free_bytes = std::filesystem::space(home->path(), error).available;
  if (error || free_bytes < kFreeBytesMin) {
    return fail({Code::no_space, options.dir + ": this needs " + bytes_text(kFreeBytesMin) +
                                     " of free space; " + bytes_text(free_bytes) + " are there"});
  }
  const std::chrono::duration<double> measured(options.seconds);
  const bench::RunOptions run_options{
      .rounds = options.rounds,
      .measured = std::chrono::duration_cast<std::chrono::nanoseconds>(measured),
      .warm_up = std::chrono::milliseconds(100),
      .payload_bytes_max = std::min(kRoundBytesMax, free_bytes / 4)};
  Output out;
  if (!options.json) out << bench::machine_line(home->path()) << "\n\n";
  const std::uint64_t record_bytes = options.record_bytes;
  const Status status =
      run_all({one_by_one(record_bytes), many_writers(8, record_bytes),
               many_writers(32, record_bytes), batches(record_bytes), buffered(record_bytes),
               reading(record_bytes, std::min(kReadBytes, free_bytes / 4))},
              home->path(), run_options, options.json, out);
  if (!status.ok()) return out.status().ok() ? fail(status) : finish(out, ExitCode::failed);
  return finish(out, ExitCode::done);
}

}  // namespace

void add_bench(CLI::App& app, Context& context) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App& command = add_command(
      app, context,
      {.name = "bench",
       .description = "What this disk can do, beside what Forelog does on it: synced, in batches,\n"
                      "buffered, reading. Works in a fresh directory inside DIR, and removes it.",
       .examples = "forelog bench /var/tmp\n"
                   "forelog bench /mnt/data --rounds 3 --seconds 2 --record-bytes 1K\n"
                   "forelog bench . --json > bench.json\n"},
      [options] { return run_bench(*options); });
  command
      .add_option("DIR", options->dir,
                  "A directory on the disk to measure; made when missing, and removed again")
      ->required();
  command.add_option("--seconds", options->seconds, "For each round of each line of the tables")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  command.add_option("--rounds", options->rounds, "How often each line is measured, in turn")
      ->check(CLI::Range(1u, 1000u))
      ->capture_default_str();
  add_parsed(command, "--record-bytes", "BYTES", parse_record_bytes, options->record_bytes,
             "Size of a record, up to 1 MiB; 128 when not given");
  command.add_flag("--json", options->json, "One JSON object, with every round");
}

}  // namespace forelog::cli
