// The library's reports as JSON and as text for a person. Shared by info, verify, repair, trim,
// cat, append, demo and torture.
//
// JSON: names as in the public headers; LSNs and bytes as numbers, times as RFC 3339, durations in
// seconds; what is absent is null.
// Threading: pure functions; note_recovery() writes to standard error.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "forelog/maintain.h"
#include "forelog/report.h"
#include "forelog/status.h"

namespace forelog::cli {

using Json = nlohmann::ordered_json;

Json to_json(const Watermarks& watermarks);
Json to_json(const SegmentInfo& segment);
Json to_json(const Holder& holder);
Json to_json(const Damage& damage);
Json to_json(const RecoveryReport& report);
Json to_json(const LogInfo& info);
Json to_json(const VerifyReport& report);

// Indented, ends with a newline; bytes that are not UTF-8 (file names) are replaced.
std::string json_text(const Json& json);

// "1,000 records: LSN 1 to 1000", or "no records".
std::string records_text(Lsn first, Lsn last);

// `lsn` is behind the end of a log whose last record is `last`; Lsn{}: it never had one.
Status not_yet_written(Lsn lsn, Lsn last);

// Tells on standard error what an open for writing did to the log, when it did something.
void note_recovery(const RecoveryReport& recovery);

}  // namespace forelog::cli
