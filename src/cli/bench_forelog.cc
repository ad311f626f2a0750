#include "cli/bench_forelog.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "cli/bench_credits.h"
#include "cli/units.h"
#include "forelog/forelog.h"

namespace forelog::bench {
namespace {

// So that reading the clock costs nothing.
constexpr std::uint64_t kAppendsPerCall = 256, kNotifiesPerCall = 32;

// Kept where the compiler must compute it.
std::atomic<std::size_t> payload_sink;

// A Result without its value.
template <typename T>
Status status_of(const Result<T>& result) {
  return result ? Status() : result.error();
}

// Time for the background to prepare a segment, which it does when the one before is half full.
constexpr std::chrono::milliseconds kPreparation{500};

Status append_and_sync(Log& log, std::uint64_t bytes) {
  const std::string record(64 * KiB, 'w');
  Lsn last;
  for (std::uint64_t done = 0; done < bytes; done += record.size()) {
    last = FORELOG_TRY(log.append(record));
  }
  return log.wait(last);
}

Status expect_records(std::uint64_t found, std::uint64_t wanted) {
  if (found == wanted) return {};
  return {Code::io_error, "the log to read has " + cli::count_of(found, "record") + " instead of " +
                              std::to_string(wanted)};
}

Status scan_once(const Log& log, std::uint64_t records) {
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
}

}  // namespace

Result<std::shared_ptr<Log>> open_log(const std::filesystem::path& dir, Age age) {
  const Options options;
  Log opened = FORELOG_TRY(Log::open(dir / "log", options));
  auto log = std::make_shared<Log>(std::move(opened));
  if (age == Age::fresh) return log;
  FORELOG_TRY(append_and_sync(*log, options.segment_bytes / 2 + options.segment_bytes / 16));
  std::this_thread::sleep_for(kPreparation);
  FORELOG_TRY(append_and_sync(*log, options.segment_bytes / 2));
  return log;
}

Result<Session> forelog_commits(const std::filesystem::path& dir, unsigned threads,
                                std::uint64_t record_bytes, Durability level, Age age) {
  auto log = FORELOG_TRY(open_log(dir, age));
  const std::string record(record_bytes, 'r');
  const Load load{.threads = threads, .record_bytes = record_bytes, .latencies = true};
  return Session([=](const RoundLimits& limits) {
    return measure(load, limits, [&](unsigned) { return status_of(log->commit(record, level)); });
  });
}

Result<Session> forelog_batches(const std::filesystem::path& dir, std::uint64_t records,
                                std::uint64_t record_bytes) {
  auto log = FORELOG_TRY(open_log(dir, Age::steady));
  auto batch = std::make_shared<Batch>();
  const std::string record(record_bytes, 'r');
  const Load load{.records_per_call = records, .record_bytes = record_bytes, .latencies = true};
  return Session([=](const RoundLimits& limits) {
    return measure(load, limits, [&](unsigned) {
      batch->clear();
      for (std::uint64_t i = 0; i < records; ++i) batch->add(record);
      return status_of(log->commit(*batch));
    });
  });
}

Result<Session> forelog_buffered(const std::filesystem::path& dir, unsigned threads,
                                 std::uint64_t record_bytes) {
  auto log = FORELOG_TRY(open_log(dir, Age::fresh));
  const std::string record(record_bytes, 'r');
  const Load load{
      .threads = threads, .records_per_call = kAppendsPerCall, .record_bytes = record_bytes};
  return Session([=](const RoundLimits& limits) {
    return measure(load, limits, [&](unsigned) -> Status {
      for (std::uint64_t i = 0; i < kAppendsPerCall; ++i) {
        if (const auto lsn = log->append(record); !lsn) return lsn.error();
      }
      return {};
    });
  });
}

Result<Session> forelog_notify(const std::filesystem::path& dir, std::uint64_t in_flight,
                               std::uint64_t record_bytes) {
  auto log = FORELOG_TRY(open_log(dir, Age::steady));
  const std::string record(record_bytes, 'r');
  return Session([=](const RoundLimits& limits) -> Result<Measurement> {
    Credits credits(in_flight);
    std::atomic<bool> failed = false;
    const auto done = [&](const Status& status) {
      if (!status.ok()) failed.store(true, std::memory_order_relaxed);
      credits.give(1);
    };
    const Load load{.records_per_call = kNotifiesPerCall, .record_bytes = record_bytes};
    Result<Measurement> measured = measure(load, limits, [&](unsigned) -> Status {
      for (std::uint64_t i = 0; i < kNotifiesPerCall; ++i) {
        credits.take();
        const auto lsn = log->append(record);
        if (lsn) log->notify(*lsn, Durability::synced, done);
        if (!lsn) {
          credits.give(1);
          return lsn.error();
        }
      }
      return {};
    });
    credits.drain();
    if (measured && failed) return Status(Code::io_error, "a record was not synced");
    return measured;
  });
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

Result<Session> forelog_scan(Pages pages, const std::filesystem::path& dir, std::uint64_t records) {
  Log opened = FORELOG_TRY(Log::open(dir / "log", {.recovery = RecoveryPolicy::read_only}));
  auto log = std::make_shared<const Log>(std::move(opened));
  return passes(pages, forelog_files(dir), records, [=] { return scan_once(*log, records); });
}

Session forelog_verify(Pages pages, const std::filesystem::path& dir, std::uint64_t records) {
  return passes(pages, forelog_files(dir), records, [=]() -> Status {
    const VerifyReport report = FORELOG_TRY(verify(dir / "log"));
    if (report.recovery.verdict != Verdict::clean) {
      return {Code::corrupt, report.recovery.to_string()};
    }
    return expect_records(report.records, records);
  });
}

}  // namespace forelog::bench
