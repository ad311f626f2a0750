// SegmentCheck: one segment of a surveyed chain, read whole and held against what its neighbours, its
// seal and its index say of it. Segments are independent of one another, so that verify checks
// several at a time. Implements docs/recovery.md, "Verify".
// Threading: each is used by one thread; several may share the directory and the survey.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "forelog/file_system.h"
#include "forelog/report.h"
#include "forelog/status.h"
#include "log/survey.h"

namespace forelog::log {

struct SegmentFindings {
  Status status;               // An error: the rest is what was found before it.
  std::uint64_t segments = 0;  // 1, or 0 when the segment was trimmed since the survey.
  std::uint64_t frames = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::vector<Damage> damage;  // In order of offset.
};

// Where the data of one of survey.chain end.
std::uint64_t data_end(const Survey& survey, const SurveyedSegment& link);

// Called between two frames, with how many bytes were checked so far; an error ends the check.
using SegmentPause = std::function<Status(std::uint64_t bytes)>;

// `link` is one of survey.chain.
SegmentFindings check_segment(Directory& dir, const Survey& survey, const SurveyedSegment& link,
                              const SegmentPause& pause);

}  // namespace forelog::log
