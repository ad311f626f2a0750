#include "lag.h"

#include <utility>

#include "cli/bench_histogram.h"
#include "growth_series.h"

namespace forelog::bench {

Lag lag_of(const std::vector<std::int64_t>& nanoseconds) {
  Histogram lags;
  std::uint64_t early = 0;
  for (const std::int64_t lag : nanoseconds) {
    if (lag < 0) ++early;
    lags.record(lag < 0 ? 0 : static_cast<std::uint64_t>(lag));
  }
  if (lags.count() == 0) return {};
  const auto at_us = [&lags](double share) { return static_cast<double>(lags.at(share)) / 1e3; };
  return {.p50_us = at_us(0.5),
          .p99_us = at_us(0.99),
          .p999_us = at_us(0.999),
          .max_us = static_cast<double>(lags.max()) / 1e3,
          .early_share = static_cast<double>(early) / static_cast<double>(lags.count())};
}

Spread spread_of(const std::vector<Lag>& rounds, double Lag::*field) {
  std::vector<double> values;
  values.reserve(rounds.size());
  for (const Lag& round : rounds) values.push_back(round.*field);
  return spread(std::move(values));
}

nlohmann::ordered_json lag_json(const std::vector<Lag>& rounds) {
  return {{"p50_us", spread_json(spread_of(rounds, &Lag::p50_us))},
          {"p99_us", spread_json(spread_of(rounds, &Lag::p99_us))},
          {"p999_us", spread_json(spread_of(rounds, &Lag::p999_us))},
          {"max_us", spread_json(spread_of(rounds, &Lag::max_us))},
          {"early_share", spread_json(spread_of(rounds, &Lag::early_share))}};
}

}  // namespace forelog::bench
