#include "cli/bench_forelog.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "cli/bench_credits.h"
#include "forelog/forelog.h"

namespace forelog::bench {
namespace {

constexpr std::uint64_t kAppendsPerCall = 256;  // So that reading the clock costs nothing.

// Kept where the compiler must compute it.
std::atomic<std::size_t> payload_sink;

// A Result without its value.
template <typename T>
Status status_of(const Result<T>& result) {
  return result ? Status() : result.error();
}

// A measurement counts only when the log also closes well.
Result<Measurement> close_after(Result<Measurement> measured, Log& log) {
  Status closed = log.close();
  if (measured && !closed.ok()) return closed;
  return measured;
}

// Time for the background to prepare a segment, which it does when the one before is half full.
constexpr std::chrono::milliseconds kPreparation{1000};

Status append_and_sync(Log& log, std::uint64_t bytes) {
  const std::string record(64 * KiB, 'w');
  Lsn last;
  for (std::uint64_t done = 0; done < bytes; done += record.size()) {
    last = FORELOG_TRY(log.append(record));
  }
  return log.wait(last);
}

Result<Log> open_log(const std::filesystem::path& dir, Age age) {
  const Options options;
  Log log = FORELOG_TRY(Log::open(dir / "log", options));
  if (age == Age::fresh) return log;
  FORELOG_TRY(append_and_sync(log, options.segment_bytes / 2 + options.segment_bytes / 16));
  std::this_thread::sleep_for(kPreparation);
  FORELOG_TRY(append_and_sync(log, options.segment_bytes / 2));
  return log;
}

Status expect_records(std::uint64_t found, std::uint64_t wanted) {
  if (found == wanted) return {};
  return {Code::io_error, "the log to read has " + std::to_string(found) + " records instead of " +
                              std::to_string(wanted)};
}

}  // namespace

Result<Measurement> forelog_commits(const std::filesystem::path& dir, const RoundLimits& limits,
                                    unsigned threads, std::uint64_t record_bytes, Durability level,
                                    Age age) {
  Log log = FORELOG_TRY(open_log(dir, age));
  const std::string record(record_bytes, 'r');
  const Load load{.threads = threads, .record_bytes = record_bytes, .latencies = true};
  return close_after(
      measure(load, limits, [&](unsigned) { return status_of(log.commit(record, level)); }), log);
}

Result<Measurement> forelog_batches(const std::filesystem::path& dir, const RoundLimits& limits,
                                    std::uint64_t records, std::uint64_t record_bytes) {
  Log log = FORELOG_TRY(open_log(dir, Age::steady));
  const std::string record(record_bytes, 'r');
  Batch batch;
  const Load load{.records_per_call = records, .record_bytes = record_bytes, .latencies = true};
  const auto commit = [&](unsigned) {
    batch.clear();
    for (std::uint64_t i = 0; i < records; ++i) batch.add(record);
    return status_of(log.commit(batch));
  };
  return close_after(measure(load, limits, commit), log);
}

Result<Measurement> forelog_buffered(const std::filesystem::path& dir, const RoundLimits& limits,
                                     unsigned threads, std::uint64_t record_bytes) {
  Log log = FORELOG_TRY(Log::open(dir / "log"));
  const std::string record(record_bytes, 'r');
  const Load load{
      .threads = threads, .records_per_call = kAppendsPerCall, .record_bytes = record_bytes};
  const auto append = [&](unsigned) -> Status {
    for (std::uint64_t i = 0; i < kAppendsPerCall; ++i) {
      if (const auto lsn = log.append(record); !lsn) return lsn.error();
    }
    return {};
  };
  return close_after(measure(load, limits, append), log);
}

Result<Measurement> forelog_notify(const std::filesystem::path& dir, const RoundLimits& limits,
                                   std::uint64_t in_flight, std::uint64_t record_bytes) {
  Log log = FORELOG_TRY(open_log(dir, Age::steady));
  const std::string record(record_bytes, 'r');
  Credits credits(in_flight);
  std::atomic<bool> failed = false;
  constexpr std::uint64_t kPerCall = 32;
  const Load load{.records_per_call = kPerCall, .record_bytes = record_bytes};
  const auto submit = [&](unsigned) -> Status {
    for (std::uint64_t i = 0; i < kPerCall; ++i) {
      credits.take();
      const auto lsn = log.append(record);
      if (!lsn) {
        credits.give(1);
        return lsn.error();
      }
      log.notify(*lsn, Durability::synced, [&](const Status& status) {
        if (!status.ok()) failed.store(true, std::memory_order_relaxed);
        credits.give(1);
      });
    }
    return {};
  };
  Result<Measurement> measured = measure(load, limits, submit);
  credits.drain();
  if (measured && failed) measured = Status(Code::io_error, "a record was not synced");
  return close_after(std::move(measured), log);
}

Status forelog_fill(const std::filesystem::path& dir, std::uint64_t records,
                    std::uint64_t record_bytes) {
  Log log = FORELOG_TRY(Log::open(dir / "log"));
  const std::string record(record_bytes, 'r');
  for (std::uint64_t i = 0; i < records; ++i) {
    if (const auto lsn = log.append(record); !lsn) return lsn.error();
    if (i % 4096 == 0 && interrupted()) return {Code::cancelled, "interrupted"};
  }
  return log.close();
}

std::vector<FileBytes> forelog_files(const std::filesystem::path& dir) {
  std::vector<FileBytes> files;
  if (const auto info = inspect(dir / "log")) {
    for (const SegmentInfo& segment : info->segments) {
      files.push_back({dir / "log" / segment.file, segment.data_bytes});
    }
  }
  return files;
}

Result<Measurement> forelog_scan(const std::filesystem::path& dir, const RoundLimits& limits,
                                 std::uint64_t records) {
  const Log log = FORELOG_TRY(Log::open(dir / "log", {.recovery = RecoveryPolicy::read_only}));
  const Load load{.records_per_call = records, .record_bytes = 0};
  return measure(load, limits, [&](unsigned) -> Status {
    Cursor cursor = log.read();
    std::uint64_t found = 0;
    std::size_t sum = 0;
    for (;;) {
      const Result<std::optional<Entry>> entry = cursor.next();
      if (!entry) return entry.error();
      if (!entry->has_value()) break;
      const ByteView payload = (*entry)->payload;
      sum += std::to_integer<std::size_t>(payload.front()) + payload.size();
      ++found;
    }
    payload_sink.store(sum, std::memory_order_relaxed);
    return expect_records(found, records);
  });
}

Result<Measurement> forelog_verify(const std::filesystem::path& dir, const RoundLimits& limits,
                                   std::uint64_t records) {
  const Load load{.records_per_call = records, .record_bytes = 0};
  return measure(load, limits, [&](unsigned) -> Status {
    const VerifyReport report = FORELOG_TRY(verify(dir / "log"));
    if (report.recovery.verdict != Verdict::clean) {
      return {Code::corrupt, report.recovery.to_string()};
    }
    return expect_records(report.records, records);
  });
}

}  // namespace forelog::bench
