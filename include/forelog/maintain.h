// Looking at a log, checking it and mending it, without a Log: what an operator's tool needs.
// inspect and verify change nothing, need only read permission, and work beside a live writer.
// Implements docs/recovery.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "forelog/export.h"
#include "forelog/file_system.h"
#include "forelog/log.h"
#include "forelog/lsn.h"
#include "forelog/report.h"
#include "forelog/status.h"

namespace forelog {

enum class SegmentState : std::uint8_t {
  active,  // The last one: appends go there.
  sealed,  // Full, synced, and closed by a footer with its index.
  ended,   // Its successor names its end; it has no footer (a torn tail was cut, or a truncation).
};
FORELOG_EXPORT std::string_view to_string(SegmentState state) noexcept;

struct SegmentInfo {
  std::uint64_t number = 0;
  std::string file;
  SegmentState state = SegmentState::active;
  std::uint64_t salt = 0;  // Random: no two segments of the same number have the same.
  std::uint64_t previous = 0, previous_salt = 0;  // Of the segment that it goes on behind; 0: none.
  Epoch epoch;
  Lsn first_lsn, last_lsn;          // last < first: it holds no record.
  Timestamp first_time, last_time;  // Of its frames; the epoch when not known without a scan.
  std::uint64_t file_bytes = 0;
  std::uint64_t data_bytes = 0;  // Header and frames, up to where the data end.
};

struct LogInfo {
  std::string log_id;  // 32 hexadecimal digits.
  std::uint32_t format_version = 0;
  bool writer_alive = false;
  Epoch epoch;                        // That the last segment is in.
  Lsn first_lsn, last_lsn;            // As recovery.first_lsn and last_lsn, or the live writer's.
  Watermarks watermarks;              // The live writer's; without one, what a writer would keep.
  std::vector<SegmentInfo> segments;  // Oldest first.
  std::vector<Holder> holders;
  RecoveryReport recovery;  // What a writer would find (nothing was done).
};

struct InspectOptions {
  FileSystem* file_system = nullptr;  // nullptr: posix_file_system().
  ProgressCallback on_progress = {};
  std::stop_token stop = {};  // Ends with Code::cancelled.
};

// Errors: not_found (no log there), unsupported, io_error. Damage is in the report, not an error.
FORELOG_EXPORT Result<LogInfo> inspect(const std::filesystem::path& dir,
                                       const InspectOptions& options = {});

struct VerifyReport {
  RecoveryReport recovery;  // Verdict and damage cover every byte that was read.
  std::uint64_t segments = 0;
  std::uint64_t frames = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  // Read and checked.
  std::chrono::nanoseconds duration{0};
};

// Reads every segment: every checksum, chain, seal and index. Beside a live writer, up to what was
// synced when it began. Starts up to three threads for the time that it takes, and calls the
// progress callback from the caller's.
FORELOG_EXPORT Result<VerifyReport> verify(const std::filesystem::path& dir,
                                           const InspectOptions& options = {});

struct RepairOptions {
  bool dry_run = false;  // Report what would be done.
  bool salvage = false;  // On rot: copy it to quarantine/ and declare it lost.
  FileSystem* file_system = nullptr;
  ProgressCallback on_progress = {};
};

// Does to a torn tail what Log::open would do. On rot: `corrupt` without `salvage`, whose message
// names the damage and the choices. Salvage reads every segment, not only the last one.
// Errors: busy (a writer has it), not_found, corrupt, io_error, no_space.
FORELOG_EXPORT Result<RecoveryReport> repair(const std::filesystem::path& dir,
                                             const RepairOptions& options = {});

}  // namespace forelog
