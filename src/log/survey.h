// Survey: what is in a log's directory, and the verdict on it. Changes nothing.
// Implements docs/recovery.md; Log::open, inspect, verify, repair and readers in other processes
// all start from it, so that they cannot disagree.
// Threading: a function without state. Memory: a few hundred bytes a segment, one chunk to scan.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "forelog/file_system.h"
#include "forelog/maintain.h"
#include "forelog/report.h"
#include "format/holes.h"
#include "format/segment_header.h"
#include "format/watermark.h"
#include "segment/segment_writer.h"

namespace forelog::log {

inline constexpr std::string_view kLockName = "LOCK";
inline constexpr std::string_view kWatermarkName = "WATERMARK";
inline constexpr std::string_view kHolesName = "HOLES";
inline constexpr std::string_view kHoldersName = "holders";
inline constexpr std::string_view kQuarantineName = "quarantine";

// One link of the chain. Facts from headers, the successor and the seal; the file is not kept open.
struct SurveyedSegment {
  std::string name;
  std::uint64_t file_bytes = 0;
  format::SegmentHeader header;
  // Where the data end. For the last segment, and for one whose successor is lost, what a scan
  // found; `end_known` is false when no one says and nothing was scanned.
  format::SegmentEnd end;
  bool end_known = false;
  Lsn next_lsn;  // Behind its last record; of its end.
  std::optional<format::Seal> seal;

  SegmentState state(bool last) const {
    return last ? SegmentState::active : end.sealed ? SegmentState::sealed : SegmentState::ended;
  }
};

struct Survey {
  bool exists = false;  // There is a segment, or a trace of one.
  format::LogId log_id;
  std::uint64_t highest_number = 0;    // Of any segment there is or was.
  std::vector<SurveyedSegment> chain;  // Oldest first.
  std::vector<std::string> dead;       // Segments that a successor declared dead, or trimmed.
  std::vector<std::string> leftovers;  // Temporary files.
  std::optional<format::WatermarkRecord> watermark;
  std::vector<format::Hole> holes;  // Accepted by an earlier salvage.
  bool holes_damaged = false;       // There is a HOLES file that does not verify.

  // The last segment, open, with the index of what was scanned; null when there is none.
  std::shared_ptr<segment::SegmentFile> last;
  segment::SegmentTail tail;      // Up to the first thing that does not verify.
  bool sealed = false;            // A seal follows the tail: nothing may be appended there.
  bool ends_in_hole = false;      // Nor here: what lies before its end was declared lost.
  std::uint64_t behind_tail = 0;  // Offset behind the last byte that is not zero.
  RecoveryReport report;          // Verdict, damage, watermarks; see report.h.

  Lsn next_lsn() const { return report.last_lsn.next(); }
};

struct SurveyOptions {
  OpenMode mode = OpenMode::read_only;  // For the last segment.
  bool scan_tail = true;                // False beside a live writer: trust its watermarks.
  ProgressCallback on_progress = {};
  std::stop_token stop = {};
};

// Errors: io_error, unsupported, cancelled. Damage is in the report.
Result<Survey> survey(Directory& dir, const SurveyOptions& options);

// The newest record in the WATERMARK file that verifies; nullopt: there is none.
Result<std::optional<format::WatermarkRecord>> read_watermark(Directory& dir);

// The error that refuses a log with rot: names the first damage and the choices.
Status refusal(const RecoveryReport& report, const std::filesystem::path& dir);

}  // namespace forelog::log
