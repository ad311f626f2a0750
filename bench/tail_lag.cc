#include "tail_lag.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "cli/bench_forelog.h"
#include "cli/bench_measure.h"
#include "cli/bench_run.h"
#include "cli/bench_table.h"
#include "cli/units.h"
#include "follow.h"
#include "forelog/forelog.h"
#include "growth_series.h"
#include "lag.h"
#include "stamps.h"
#include "tails.h"

namespace forelog::bench {
namespace {

using Json = nlohmann::ordered_json;
using Path = std::filesystem::path;

constexpr double kRecordsPerSecond = 50'000;
constexpr std::uint64_t kRecordBytes = 128;
// The writer appends what is due, and sleeps so long: it, too, is a program with other things to do.
constexpr std::chrono::microseconds kTick{200};

struct Round {
  double rate = 0;
  Lag lag, append_to_synced, append_to_received;
};

struct LagContestant {
  std::string name;
  Role role = Role::forelog;
  std::function<Result<Round>(const Path& dir, const GrowthScale& scale)> run;
};

// Calls append(first, count) for what is due, until warm-up and measurement are over.
Status paced(const GrowthScale& scale, std::uint64_t first,
             const std::function<Status(std::uint64_t first, std::uint64_t count)>& append) {
  const Clock::time_point begin = Clock::now();
  const Clock::time_point end = begin + scale.warm_up + scale.measured;
  std::uint64_t done = 0;
  for (Clock::time_point tick = begin; tick < end && !interrupted();) {
    const std::chrono::duration<double> passed = Clock::now() - begin;
    const auto due = static_cast<std::uint64_t>(passed.count() * kRecordsPerSecond);
    if (due > done) FORELOG_TRY(append(first + done, due - done));
    done = std::max(done, due);
    tick = std::max(tick + kTick, Clock::now());
    std::this_thread::sleep_until(tick);
  }
  if (interrupted()) return {Code::cancelled, "interrupted"};
  return {};
}

// For twice as long as a round takes: a writer that cannot keep up ends late.
std::uint64_t records_noted(const GrowthScale& scale) {
  const std::chrono::duration<double> time = scale.warm_up + scale.measured;
  return static_cast<std::uint64_t>(2 * time.count() * kRecordsPerSecond);
}

Result<Stamps> make_stamps(const Path& dir, std::uint64_t first, const GrowthScale& scale) {
  return Stamps::make(dir / "stamps", first, records_noted(scale), 1);
}

Round round_of(const Stamps& stamps, const GrowthScale& scale, std::int64_t started_ns) {
  const std::int64_t begin_ns = started_ns + std::chrono::nanoseconds(scale.warm_up).count();
  return {.rate = stamps.synced_rate(begin_ns),
          .lag = lag_of(stamps.synced_to_received(0, begin_ns)),
          .append_to_synced = lag_of(stamps.appended_to_synced(begin_ns)),
          .append_to_received = lag_of(stamps.appended_to_received(0, begin_ns))};
}

Result<Round> forelog_round(const Path& dir, const GrowthScale& scale, TailPlace place) {
  const auto log = FORELOG_TRY(open_log(dir, Age::steady));
  const std::uint64_t first = log->watermarks().appended.next().value;
  Stamps stamps = FORELOG_TRY(make_stamps(dir, first, scale));
  const auto tails =
      FORELOG_TRY(place == TailPlace::thread
                      ? Tails::in_threads(*log, stamps, 1)
                      : Tails::in_processes("Forelog", dir / "log", dir / "stamps", stamps, 1));
  const std::string record(kRecordBytes, 't');
  const auto append = [&](std::uint64_t, std::uint64_t count) -> Status {
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::int64_t now_ns = Stamps::now_ns();
      const Lsn lsn = FORELOG_TRY(log->append(record));
      stamps.note_appended(lsn.value, now_ns);
      log->notify(lsn, Durability::synced, [&stamps, lsn](const Status& status) {
        if (status.ok()) stamps.note_synced(lsn.value, Stamps::now_ns());
      });
    }
    return {};
  };
  const std::int64_t started_ns = Stamps::now_ns();
  FORELOG_TRY(paced(scale, first, append));
  const Lsn last = log->watermarks().appended;
  FORELOG_TRY(log->wait(last));
  FORELOG_TRY(tails->wait_for(last.value));
  FORELOG_TRY(log->close());  // After it, every callback has run.
  return round_of(stamps, scale, started_ns);
}

// A peer is given what is due in one synced batch: its way to 50,000 a second from one thread.
Result<Round> peer_round(Peer& peer, Stamps& stamps, const Tails& tails, const GrowthScale& scale) {
  const std::string record(kRecordBytes, 't');
  std::uint64_t last = 0;
  const auto put = [&](std::uint64_t first, std::uint64_t count) -> Status {
    const std::int64_t before_ns = Stamps::now_ns();
    FORELOG_TRY(peer.put_batch(first, count, record));
    const std::int64_t now_ns = Stamps::now_ns();
    last = first + count - 1;
    for (std::uint64_t key = first; key <= last; ++key) {
      stamps.note_appended(key, before_ns);
      stamps.note_synced(key, now_ns);
    }
    return {};
  };
  const std::int64_t started_ns = Stamps::now_ns();
  FORELOG_TRY(paced(scale, 1, put));
  FORELOG_TRY(tails.wait_for(last));
  return round_of(stamps, scale, started_ns);
}

Result<Round> followed_round(const FollowedPeerKind& kind, const Path& dir,
                             const GrowthScale& scale) {
  const FollowedPeer followed = FORELOG_TRY(kind.open(dir / "peer"));
  Stamps stamps = FORELOG_TRY(make_stamps(dir, 1, scale));
  const auto tails = FORELOG_TRY(Tails::in_thread(followed.follow, stamps));
  return peer_round(*followed.peer, stamps, *tails, scale);
}

Result<Round> polled_round(const PolledPeerKind& kind, const Path& dir, const GrowthScale& scale) {
  const auto peer =
      FORELOG_TRY(kind.writer.open(dir / "peer", PeerOptions{.level = Durability::synced}));
  Stamps stamps = FORELOG_TRY(make_stamps(dir, 1, scale));
  const auto tails =
      FORELOG_TRY(Tails::in_processes(kind.name, dir / "peer", dir / "stamps", stamps, 1));
  return peer_round(*peer, stamps, *tails, scale);
}

// No log at all: a number that one thread moves, and another one sleeps on.
Result<Round> wake_up_round(const Path& dir, const GrowthScale& scale) {
  Stamps stamps = FORELOG_TRY(make_stamps(dir, 1, scale));
  std::atomic<std::uint64_t> synced = 0;
  const auto sleep_on_it = [&synced](Stamps& noted, unsigned tail,
                                     const std::stop_token&) -> Status {
    noted.note_ready();
    for (std::uint64_t seen = 0;;) {
      synced.wait(seen);
      const std::uint64_t next = synced.load();
      const std::int64_t now_ns = Stamps::now_ns();
      if (next == UINT64_MAX) return {};
      while (seen < next) noted.note_received(tail, ++seen, now_ns);
    }
  };
  const auto tails = FORELOG_TRY(Tails::in_thread(sleep_on_it, stamps));
  const std::int64_t started_ns = Stamps::now_ns();
  const Status moved = paced(scale, 1, [&](std::uint64_t first, std::uint64_t count) -> Status {
    const std::int64_t now_ns = Stamps::now_ns();
    for (std::uint64_t i = first; i < first + count; ++i) {
      stamps.note_appended(i, now_ns);
      stamps.note_synced(i, now_ns);
    }
    synced.store(first + count - 1);
    synced.notify_one();
    return {};
  });
  const Status received = moved.ok() ? tails->wait_for(synced.load()) : moved;
  synced.store(UINT64_MAX);
  synced.notify_one();
  FORELOG_TRY(received);
  return round_of(stamps, scale, started_ns);
}

std::vector<LagContestant> contestants() {
  std::vector<LagContestant> all = {
      {"limit: a wake-up", Role::limit, wake_up_round},
      {"Forelog, thread", Role::forelog,
       [](const Path& dir, const GrowthScale& scale) {
         return forelog_round(dir, scale, TailPlace::thread);
       }},
      {"Forelog, process", Role::forelog, [](const Path& dir, const GrowthScale& scale) {
         return forelog_round(dir, scale, TailPlace::process);
       }}};
  for (const FollowedPeerKind& kind : followed_rocksdb()) {
    all.push_back(
        {kind.name + ", thread", Role::peer, [kind](const Path& dir, const GrowthScale& scale) {
           return followed_round(kind, dir, scale);
         }});
  }
  for (const PolledPeerKind& kind : polled_peers()) {
    all.push_back(
        {kind.name + ", process", Role::peer, [kind](const Path& dir, const GrowthScale& scale) {
           return polled_round(kind, dir, scale);
         }});
  }
  return all;
}

std::string row(const std::string& name, double rate, const std::vector<Lag>& lags,
                double commit_p50_us) {
  std::array<char, 200> line{};
  const Spread p50 = spread_of(lags, &Lag::p50_us), p99 = spread_of(lags, &Lag::p99_us);
  std::snprintf(line.data(), line.size(),
                "  %-34s%10s%9.0f (%.0f-%.0f)%12.0f (%.0f-%.0f)%12.0f%12.0f%12.0f\n", name.c_str(),
                cli::count_text(static_cast<std::uint64_t>(rate)).c_str(), p50.median, p50.min,
                p50.max, p99.median, p99.min, p99.max, spread_of(lags, &Lag::p999_us).median,
                spread_of(lags, &Lag::max_us).max, commit_p50_us);
  return line.data();
}

std::vector<Lag> lags_of(const std::vector<Round>& rounds, Lag Round::*field) {
  std::vector<Lag> lags;
  lags.reserve(rounds.size());
  for (const Round& round : rounds) lags.push_back(round.*field);
  return lags;
}

// Adds a line and an object for one contestant.
void tell_of(const LagContestant& contestant, const std::vector<Round>& rounds, Report& report) {
  std::vector<double> rates;
  rates.reserve(rounds.size());
  for (const Round& round : rounds) rates.push_back(round.rate);
  const std::vector<Lag> lags = lags_of(rounds, &Round::lag);
  const std::vector<Lag> commits = lags_of(rounds, &Round::append_to_synced);
  const std::vector<Lag> received = lags_of(rounds, &Round::append_to_received);
  const Spread rate = spread(std::move(rates));
  report.text += row(contestant.name, rate.median, lags, spread_of(commits, &Lag::p50_us).median);
  report.json["contestants"].push_back({{"name", contestant.name},
                                        {"role", role_name(contestant.role)},
                                        {"rate", spread_json(rate)},
                                        {"lag", lag_json(lags)},
                                        {"append_to_synced", lag_json(commits)},
                                        {"append_to_received", lag_json(received)}});
}

}  // namespace

Result<Report> tail_lag(const Path& home, const GrowthScale& scale) {
  const std::vector<LagContestant> all = contestants();
  std::vector<std::vector<Round>> rounds(all.size());
  for (unsigned r = 0; r < scale.rounds; ++r) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      scale.tell("tail lag: " + all[i].name);
      const TemporaryDirectory dir = FORELOG_TRY(TemporaryDirectory::make(home));
      Result<Round> round = all[i].run(dir.path(), scale);
      if (!round) return round.error().with_context("tail-lag, " + all[i].name);
      rounds[i].push_back(*std::move(round));
    }
  }
  Report report{
      .text =
          "What a tail lags behind a writer of 50,000 synced records of 128 B a second\n"
          "                                     synced/s      p50 us           p99 us"
          "            p99.9         max  commit p50\n",
      .json = {{"records_per_second", kRecordsPerSecond}, {"contestants", Json::array()}}};
  for (std::size_t i = 0; i < all.size(); ++i) tell_of(all[i], rounds[i], report);
  report.text +=
      "  Received less synced, as the writer's own process learns of it; 0: the tail had it "
      "first.\n  Peers are asked again and again, with a pause of 50 us whenever nothing is new.\n";
  return report;
}

}  // namespace forelog::bench
