// How far a tail lags behind the syncs of a writer at 50,000 synced records a second: Forelog's, in a
// thread of the writer's process and in a process of its own, beside a bare wake-up and those peers
// that can be followed (follow.h).
//
// Threading: main thread.
#pragma once

#include "growth.h"

namespace forelog::bench {

// JSON: {"records_per_second", "contestants": [{"name", "role", "rate", "lag", "append_to_synced",
// "append_to_received"}]}; each of the last three as lag_json (lag.h) has it.
Result<Report> tail_lag(const std::filesystem::path& home, const GrowthScale& scale);

}  // namespace forelog::bench
