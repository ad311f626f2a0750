// Percentiles of lags over the rounds, and their JSON.
//
// Threading: pure functions.
#pragma once

#include <cstdint>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/bench_run.h"

namespace forelog::bench {

// Of one round, in microseconds. A lag below zero (the tail had the record before the writer's own
// thread knew that it is synced) counts as none; `early_share` of all are such.
struct Lag {
  double p50_us = 0, p99_us = 0, p999_us = 0, max_us = 0, early_share = 0;
};
Lag lag_of(const std::vector<std::int64_t>& nanoseconds);  // Zeros of none.

Spread spread_of(const std::vector<Lag>& rounds, double Lag::*field);

// {"p50_us": spread, "p99_us", "p999_us", "max_us", "early_share"}
nlohmann::ordered_json lag_json(const std::vector<Lag>& rounds);

}  // namespace forelog::bench
