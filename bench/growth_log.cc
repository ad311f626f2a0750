// Opening after kill -9, opening to read, and finding one record, against the size of the log: from
// 1 MiB to what --growth-bytes-max and the disk allow.
#include <algorithm>
#include <cstddef>
#include <random>
#include <system_error>
#include <utility>
#include <vector>

#include "child.h"
#include "cli/bench_measure.h"
#include "cli/bench_run.h"
#include "cli/units.h"
#include "forelog/forelog.h"
#include "growth.h"
#include "growth_series.h"

namespace forelog::bench {
namespace {

using Json = nlohmann::ordered_json;
using Path = std::filesystem::path;

constexpr std::uint64_t kFreeBytesKept = 2 * GiB;
// Each round's writer adds so much and is killed: the last segment stays as full as it is.
constexpr std::uint64_t kBytesBeforeKill = 128;
constexpr int kSeeks = 64;  // Per log and round.

double milliseconds(Clock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

// What the rounds say of one log.
struct GrownLog {
  Path dir;
  std::uint64_t data_bytes = 0;  // On the disk, what is only reserved left out.
  std::vector<double> open_ms, scanned_bytes, memory_bytes, reader_ms;
  std::vector<double> by_lsn_us, by_time_us;  // The median of a round's seeks.
};

// In steps of four; and the largest one asked for.
std::vector<std::uint64_t> log_sizes(std::uint64_t bytes_max) {
  std::vector<std::uint64_t> sizes;
  for (std::uint64_t bytes = 1 * MiB; bytes < bytes_max; bytes *= 4) sizes.push_back(bytes);
  sizes.push_back(std::max(bytes_max, 1 * MiB));
  return sizes;
}

// Those that fit the disk, all of them at once; `left_out` tells of the others.
std::vector<std::uint64_t> fitting(std::vector<std::uint64_t> sizes, const Path& dir,
                                   std::string& left_out) {
  std::error_code error;
  const std::uint64_t available = std::filesystem::space(dir, error).available;
  const auto needed = [&] {
    std::uint64_t sum = kFreeBytesKept;
    for (const std::uint64_t bytes : sizes) sum += bytes + bytes / 10 + 2 * Options{}.segment_bytes;
    return sum;
  };
  while (!sizes.empty() && (error || needed() > available)) {
    left_out += (left_out.empty() ? "Left out, for lack of free space: " : ", ") +
                cli::bytes_text(sizes.back());
    sizes.pop_back();
  }
  return sizes;
}

// So that the last segment of each large log is about half full, whatever the size.
std::uint64_t payload_of(std::uint64_t bytes) {
  const std::uint64_t segment = Options{}.segment_bytes;
  return bytes < segment ? bytes : bytes + segment / 2;
}

Result<GrownLog> make_log(const Path& dir, std::uint64_t bytes) {
  GrownLog log;
  log.dir = dir;
  FORELOG_TRY(run_child({"fill", dir, payload_of(bytes)}));
  const LogInfo info = FORELOG_TRY(inspect(dir));
  for (const SegmentInfo& segment : info.segments) log.data_bytes += segment.data_bytes;
  return log;
}

Status open_once(GrownLog& log) {
  FORELOG_TRY(run_child({"fill", log.dir, kBytesBeforeKill}));
  const Json opened = FORELOG_TRY(run_child({"open", log.dir, 0}));
  log.open_ms.push_back(opened["open_ms"]);
  log.scanned_bytes.push_back(opened["bytes_scanned"]);
  log.memory_bytes.push_back(opened["memory_peak_bytes"].get<double>() -
                             opened["memory_before_bytes"].get<double>());
  return {};
}

// Reads one record by its LSN, and takes the time that this took.
Result<Entry> read_one(const Log& log, Lsn lsn, std::vector<double>& took_us) {
  const Clock::time_point begin = Clock::now();
  Cursor cursor = log.read({.from = lsn, .to = lsn});
  const std::optional<Entry> entry = FORELOG_TRY(cursor.next());
  took_us.push_back(milliseconds(Clock::now() - begin) * 1e3);
  if (!entry) return Status(Code::not_found, "no record where one was sought");
  return Entry{.lsn = entry->lsn, .time = entry->time, .payload = {}};
}

// Another reader for each round: none of what the one before it knew.
Status seek_often(GrownLog& grown, std::uint64_t seed) {
  const Clock::time_point begin = Clock::now();
  const Log log = FORELOG_TRY(Log::open(grown.dir, {.recovery = RecoveryPolicy::read_only}));
  grown.reader_ms.push_back(milliseconds(Clock::now() - begin));
  std::minstd_rand random(static_cast<unsigned>(seed));
  std::uniform_int_distribution<std::uint64_t> any(1, log.watermarks().synced.value);
  std::vector<double> by_lsn, by_time;
  for (int i = 0; i < kSeeks; ++i) {
    const Entry entry = FORELOG_TRY(read_one(log, Lsn(any(random)), by_lsn));
    const Clock::time_point asked = Clock::now();
    const Lsn found = FORELOG_TRY(log.find(entry.time));
    by_time.push_back(milliseconds(Clock::now() - asked) * 1e3);
    // The frame that holds the record may hold others before it, of the same time.
    if (found > entry.lsn) return {Code::io_error, "find() passed a record of that time"};
  }
  grown.by_lsn_us.push_back(spread(std::move(by_lsn)).median);
  grown.by_time_us.push_back(spread(std::move(by_time)).median);
  return {};
}

Json point(const GrownLog& log, const std::vector<double>& values, const char* field) {
  return {{"x", log.data_bytes}, {field, spread_json(spread(values))}};
}

Report report_of(const std::vector<GrownLog>& logs, const std::string& left_out) {
  Series writer{"open after kill -9", Role::forelog, {}};
  Series reader{"open to read", Role::forelog, {}};
  Series by_lsn{"one record by LSN", Role::forelog, {}};
  Series by_time{"find() by time", Role::forelog, {}};
  for (const GrownLog& log : logs) {
    Json opened = point(log, log.open_ms, "milliseconds");
    opened["scanned_bytes"] = spread(log.scanned_bytes).median;
    opened["own_memory_bytes"] = spread(log.memory_bytes).median;
    writer.points.push_back(std::move(opened));
    reader.points.push_back(point(log, log.reader_ms, "milliseconds"));
    const auto in_ms = [](std::vector<double> values) {
      for (double& value : values) value /= 1e3;
      return values;
    };
    by_lsn.points.push_back(point(log, in_ms(log.by_lsn_us), "milliseconds"));
    by_time.points.push_back(point(log, in_ms(log.by_time_us), "milliseconds"));
  }
  return series_report({.name = "growth-log",
                        .title = "Opening, and finding one record, against the size of the log",
                        .x_label = "log",
                        .x_unit = "bytes",
                        .series = {writer, reader, by_lsn, by_time},
                        .shown = "milliseconds",
                        .shown_label = "milliseconds",
                        .note = left_out});
}

Result<Report> run(const Path& home, const GrowthScale& scale) {
  const TemporaryDirectory place = FORELOG_TRY(TemporaryDirectory::make(home));
  std::string left_out;
  std::vector<GrownLog> logs;
  for (const std::uint64_t bytes :
       fitting(log_sizes(scale.log_bytes_max), place.path(), left_out)) {
    scale.tell("growth of the log: writing " + cli::bytes_text(bytes));
    GrownLog made = FORELOG_TRY(make_log(place.path() / std::to_string(bytes), bytes));
    logs.push_back(std::move(made));
  }
  for (unsigned round = 0; round < scale.rounds; ++round) {
    for (GrownLog& log : logs) {
      scale.tell("growth of the log: " + cli::bytes_text(log.data_bytes));
      FORELOG_TRY(open_once(log));
      FORELOG_TRY(seek_often(log, round + 1));
      if (interrupted()) return Status(Code::cancelled, "interrupted");
    }
  }
  return report_of(logs, left_out);
}

}  // namespace

Growth growth_of_log() {
  return {"growth-log", "Opening and seeking, against the log's size", run};
}

}  // namespace forelog::bench
