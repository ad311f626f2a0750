// Scanning of a segment whose end no successor names: the last one, or one whose successor is lost.
// Part of survey.h. Implements docs/recovery.md, "The verdict".
#pragma once

#include "log/survey.h"

namespace forelog::log {

// Reads the last segment of survey.chain: sets last, tail, sealed, behind_tail and the report's
// verdict (clean or torn_tail), watermarks and, for what was proven synced, damage.
Status scan_tail(Directory& dir, const SurveyOptions& options, Survey& survey);

// Sets end, end_known and next_lsn of `link` from its frames.
Status scan_lost_end(Directory& dir, const Survey& survey, SurveyedSegment& link);

// The accepted hole of `segment` that `offset` lies in; null when there is none.
const format::Hole* hole_at(const Survey& survey, std::uint64_t segment, std::uint64_t offset);

}  // namespace forelog::log
