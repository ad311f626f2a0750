// What Forelog does on this machine, through its public API alone. Each function opens one
// contestant (bench_run.h) in the directory `dir`; the counterparts without a log are in
// bench_raw.h. Default options throughout.
//
// Threading: each call stands alone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "cli/bench_measure.h"
#include "cli/bench_passes.h"
#include "cli/bench_raw.h"
#include "forelog/log.h"
#include "forelog/lsn.h"
#include "forelog/status.h"

namespace forelog::bench {

// A log in the state that a round is to measure. The first segment of a new log is made on the
// spot, of blocks that are only reserved; those behind it were prepared in the background. A round
// writes a few MiB, and would see nothing but the first.
enum class Age : std::uint8_t {
  fresh,   // Just made.
  steady,  // Past its first segment, and its next one prepared.
};

Result<std::shared_ptr<Log>> open_log(const std::filesystem::path& dir, Age age);  // dir/"log".

// `threads` threads that each commit one record after the other.
Result<Session> forelog_commits(const std::filesystem::path& dir, unsigned threads,
                                std::uint64_t record_bytes, Durability level,
                                Age age = Age::steady);

// One thread that builds and commits batches of `records`, synced.
Result<Session> forelog_batches(const std::filesystem::path& dir, std::uint64_t records,
                                std::uint64_t record_bytes);

// Threads that append and wait for nothing.
Result<Session> forelog_buffered(const std::filesystem::path& dir, unsigned threads,
                                 std::uint64_t record_bytes);

// One thread that appends, with at most `in_flight` records not yet synced; each has its own
// callback (Log::notify).
Result<Session> forelog_notify(const std::filesystem::path& dir, std::uint64_t in_flight,
                               std::uint64_t record_bytes);

// A log to read, made once per workload; it is in the page cache afterwards.
Status forelog_fill(const std::filesystem::path& dir, std::uint64_t records,
                    std::uint64_t record_bytes);
std::vector<FileBytes> forelog_files(const std::filesystem::path& dir);  // Of that log.
// Reads it from front to back with a Cursor, touching each payload, again and again.
Result<Session> forelog_scan(Pages pages, const std::filesystem::path& dir, std::uint64_t records);
Session forelog_verify(Pages pages, const std::filesystem::path& dir, std::uint64_t records);

}  // namespace forelog::bench
