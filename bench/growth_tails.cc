// The rate of one writer that is followed by 0 to 16 tails, in its own process or in others, and how
// far the tails lag behind the syncs.
#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "cli/bench_forelog.h"
#include "cli/bench_measure.h"
#include "cli/bench_run.h"
#include "forelog/forelog.h"
#include "growth.h"
#include "growth_series.h"
#include "lag.h"
#include "stamps.h"
#include "tails.h"

namespace forelog::bench {
namespace {

using Json = nlohmann::ordered_json;
using Path = std::filesystem::path;

constexpr std::uint64_t kRecordBytes = 128;
// More than one writer syncs in a turn; what comes behind is not noted.
constexpr std::uint64_t kRecordsNoted = 1 << 18;

struct Turn {
  double rate = 0, cpu_us = 0;
  std::vector<Lag> lags;  // Of each tail.
};

Result<std::unique_ptr<Tails>> start_tails(const Log& log, const Path& dir, Stamps& stamps,
                                           unsigned count, TailPlace place) {
  return place == TailPlace::thread
             ? Tails::in_threads(log, stamps, count)
             : Tails::in_processes("Forelog", dir / "log", dir / "stamps", stamps, count);
}

Result<Turn> take_turn(const Path& home, unsigned count, TailPlace place,
                       const GrowthScale& scale) {
  const TemporaryDirectory dir = FORELOG_TRY(TemporaryDirectory::make(home));
  const auto log = FORELOG_TRY(open_log(dir.path(), Age::steady));
  const std::uint64_t first = log->watermarks().appended.next().value;
  Stamps stamps = FORELOG_TRY(Stamps::make(dir.path() / "stamps", first, kRecordsNoted, count));
  const auto tails = FORELOG_TRY(start_tails(*log, dir.path(), stamps, count, place));
  const std::string record(kRecordBytes, 't');
  const std::int64_t begin_ns = Stamps::now_ns() + std::chrono::nanoseconds(scale.warm_up).count();
  const RoundLimits limits{.warm_up = scale.warm_up, .measured = scale.measured};
  const auto commit = [&](unsigned) -> Status {
    const Lsn lsn = FORELOG_TRY(log->commit(record));
    stamps.note_synced(lsn.value, Stamps::now_ns());
    return {};
  };
  const Measurement measured = FORELOG_TRY(measure({.record_bytes = kRecordBytes}, limits, commit));
  FORELOG_TRY(tails->wait_for(log->watermarks().synced.value));
  Turn turn{.rate = measured.rate(), .cpu_us = measured.cpu_us_per_record(), .lags = {}};
  for (unsigned i = 0; i < count; ++i) {
    turn.lags.push_back(lag_of(stamps.synced_to_received(i, begin_ns)));
  }
  return turn;
}

Json point(unsigned count, const std::vector<Turn>& turns) {
  std::vector<double> rates, cpus;
  std::vector<Lag> lags;
  for (const Turn& turn : turns) {
    rates.push_back(turn.rate);
    cpus.push_back(turn.cpu_us);
    lags.insert(lags.end(), turn.lags.begin(), turn.lags.end());
  }
  Json object = {{"x", count},
                 {"rate", spread_json(spread(std::move(rates)))},
                 {"cpu_us_per_record", spread_json(spread(std::move(cpus)))}};
  if (!lags.empty()) object["lag"] = lag_json(lags);
  return object;
}

Result<Report> run(const Path& home, const GrowthScale& scale) {
  const std::vector<unsigned> counts =
      scale.quick ? std::vector<unsigned>{0, 4, 16} : std::vector<unsigned>{0, 1, 2, 4, 8, 16};
  const std::vector<std::pair<TailPlace, const char*>> places = {
      {TailPlace::thread, "tails in threads"}, {TailPlace::process, "tails in processes"}};
  std::vector<std::vector<std::vector<Turn>>> turns(places.size(),
                                                    std::vector<std::vector<Turn>>(counts.size()));
  for (unsigned round = 0; round < scale.rounds; ++round) {
    for (std::size_t c = 0; c < counts.size(); ++c) {
      for (std::size_t p = 0; p < places.size(); ++p) {
        scale.tell(std::to_string(counts[c]) + " " + places[p].second);
        Turn turn = FORELOG_TRY(take_turn(home, counts[c], places[p].first, scale));
        turns[p][c].push_back(std::move(turn));
      }
    }
  }
  SeriesTable table{.name = "growth-tails",
                    .title = "1 writer, 128 B, each record synced, against the tails that follow",
                    .x_label = "tails",
                    .x_unit = "",
                    .series = {},
                    .shown = "rate",
                    .shown_label = "records/s of the writer"};
  for (std::size_t p = 0; p < places.size(); ++p) {
    Series series{.name = places[p].second, .points = {}};
    for (std::size_t c = 0; c < counts.size(); ++c) {
      series.points.push_back(point(counts[c], turns[p][c]));
    }
    table.series.push_back(std::move(series));
  }
  return series_report(table);
}

}  // namespace

Growth growth_of_tails() { return {"growth-tails", "A writer that 0 to 16 tails follow", run}; }

}  // namespace forelog::bench
