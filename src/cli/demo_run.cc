#include "cli/demo_run.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "forelog/maintain.h"
#include "forelog/try.h"

namespace forelog::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr nanoseconds kLifeMin = std::chrono::microseconds(500);
constexpr nanoseconds kLifeMax = milliseconds(250);
constexpr nanoseconds kFloodLifeMax = milliseconds(100);
constexpr nanoseconds kOpenMax = milliseconds(15);  // Covers starting a process and recovering.
constexpr double kBurstBytesMax = 64 * 1024;
constexpr std::uint64_t kFloodBytes = 16 * MiB;
constexpr std::uint64_t kFloodSegmentBytes = 16 * MiB;

}  // namespace

DemoRun::DemoRun(const DemoPlan& plan, const DemoInput& input, const Interrupts& interrupts,
                 Show show)
    : plan_(plan),
      input_(input),
      interrupts_(interrupts),
      show_(std::move(show)),
      child_(input, plan.dir, interrupts.descriptor()),
      random_(plan.seed) {}

Status DemoRun::run() {
  const Status rounds = run_rounds();
  const Status compared = compare_all();  // After a failure too: it tells what it cost.
  return rounds.ok() ? compared : rounds;
}

Status DemoRun::run_rounds() {
  const auto end = steady_clock::now() + plan_.time;
  while (tally_.kills < plan_.kills_max && steady_clock::now() < end && !interrupts_.raised()) {
    const DemoRound round = next_round();
    FORELOG_TRY(kill_one(round));
    // Recovery must survive being killed as well.
    while (dice(3) == 0 && tally_.kills < plan_.kills_max) FORELOG_TRY(kill_at_open());
    FORELOG_TRY(reopen(round));
    show_(tally_);
  }
  return interrupts_.raised() ? Status() : finish_one();
}

std::uint64_t DemoRun::dice(std::uint64_t sides) { return random_() % sides; }

// As many short as long ones: uniform in the logarithm.
nanoseconds DemoRun::delay(nanoseconds max) {
  const double part = static_cast<double>(dice(1'000'001)) / 1e6;
  const double range = static_cast<double>(max.count()) / static_cast<double>(kLifeMin.count());
  return nanoseconds(
      static_cast<std::int64_t>(static_cast<double>(kLifeMin.count()) * std::pow(range, part)));
}

DemoRound DemoRun::next_round() {
  DemoRound round;
  round.first = tally_.recovered + 1;
  if (dice(2) == 0) return next_flood(round);
  const double part = static_cast<double>(dice(1'000'001)) / 1e6;
  round.burst_bytes = static_cast<std::uint64_t>(std::pow(kBurstBytesMax, part));
  round.batch = dice(4) == 0 ? 2 + dice(15) : 1;
  round.kill_after = delay(kLifeMax);
  return round;
}

// Why floods: a kill tears a write only while a large one is under way, and where the kernel copies
// large folios at a time, only in the middle of a very large one.
DemoRound DemoRun::next_flood(DemoRound round) {
  round.burst_bytes = kFloodBytes;
  round.segment_bytes = kFloodSegmentBytes;
  round.kill_after = delay(kFloodLifeMax);
  switch (dice(4)) {
    case 0:
      // Written is what survives the end of the process, and that is what a kill is.
      round.level = Durability::written;
      break;
    case 1: break;
    default: round.batch = 8'000 + dice(32'000); break;
  }
  return round;
}

Result<DemoOutcome> DemoRun::run_child(const DemoRound& round) {
  DemoOutcome outcome = FORELOG_TRY(child_.run(round));
  tally_.acknowledged += outcome.acknowledged - (round.first - 1);
  tally_.last_due = std::max(tally_.last_due, outcome.acknowledged);
  return outcome;
}

Status DemoRun::kill_one(const DemoRound& round) {
  const DemoOutcome outcome = FORELOG_TRY(run_child(round));
  if (!outcome.killed) {
    return {Code::io_error, "the child ended by itself with exit code " +
                                std::to_string(outcome.exit_code) + ":\n" + outcome.errors};
  }
  ++tally_.kills;
  return {};
}

Status DemoRun::kill_at_open() {
  // The child may finish its recovery: so look first at what there is to recover.
  const Result<LogInfo> info = inspect(plan_.dir);
  if (!info && info.error().code() != Code::not_found) return info.error();
  torn_ = torn_ || (info && info->recovery.verdict == Verdict::torn_tail);
  DemoRound nothing_to_append;
  nothing_to_append.first = tally_.recovered + 1;
  nothing_to_append.kill_after = delay(kOpenMax);
  FORELOG_TRY(kill_one(nothing_to_append));
  ++tally_.kills_at_open;
  return {};
}

// The last child is not killed: it must acknowledge everything and close the log.
Status DemoRun::finish_one() {
  DemoRound round;
  round.first = tally_.recovered + 1;
  round.burst_bytes = 64 * KiB;
  const DemoOutcome outcome = FORELOG_TRY(run_child(round));
  if (outcome.killed || outcome.exit_code != 0 || outcome.acknowledged != outcome.sent) {
    return {Code::io_error, "the last child was given " + std::to_string(outcome.sent) +
                                " records, acknowledged " + std::to_string(outcome.acknowledged) +
                                " and ended with exit code " + std::to_string(outcome.exit_code) +
                                ":\n" + outcome.errors};
  }
  return reopen(round);
}

Status DemoRun::reopen(const DemoRound& round) {
  const auto start = steady_clock::now();
  // Dropped without close(), as if killed: the next child finds a log that nobody closed.
  const Result<Log> log = Log::open(plan_.dir, {.create_if_missing = false});
  const nanoseconds duration = steady_clock::now() - start;
  if (!log) {
    // Killed before it had made the log: then it cannot have acknowledged anything either.
    const bool too_early = log.error().code() == Code::not_found && tally_.last_due == 0;
    return too_early ? Status() : log.error();
  }
  tally_.opens.push_back(duration);
  torn_ = torn_ || log->recovery().verdict == Verdict::torn_tail;
  if (torn_) ++tally_.torn_tails;
  torn_ = false;

  const std::uint64_t last = log->watermarks().appended.value;
  tally_.verdict.lost = tally_.last_due - std::min(tally_.last_due, last);
  if (tally_.verdict.lost > 0) {
    return {Code::corrupt, "the log ends with LSN " + std::to_string(last) + ", but LSN " +
                               std::to_string(tally_.last_due) +
                               " was acknowledged, or there before"};
  }
  if ((last - (round.first - 1)) % round.batch != 0) ++tally_.torn_batches;
  tally_.not_acknowledged += last - tally_.last_due;
  FORELOG_TRY(check_new_records(*log, Lsn(last)));
  tally_.recovered = tally_.last_due = last;
  return {};
}

// What was there at the last reopening was checked then, and is again at the end.
Status DemoRun::check_new_records(const Log& log, Lsn last) {
  if (last.value == tally_.recovered) return {};
  Cursor cursor = log.read({.from = Lsn(tally_.recovered + 1), .to = last});
  for (std::uint64_t number = tally_.recovered + 1; number <= last.value; ++number) {
    const std::optional<Entry> entry = FORELOG_TRY(cursor.next());
    if (!entry || entry->lsn.value != number || entry->payload.text() != input_.record(number)) {
      return {Code::corrupt,
              "LSN " + std::to_string(number) + " does not hold what was sent as it"};
    }
  }
  return {};
}

Status DemoRun::compare_all() {
  DemoAudit audit(input_);
  const Status read = read_all(audit);
  tally_.verdict = audit.finish(tally_.last_due);
  if (read.code() == Code::not_found && tally_.last_due == 0) return {};  // Interrupted early.
  FORELOG_TRY(read);
  const VerifyReport verified = FORELOG_TRY(verify(plan_.dir));
  if (verified.recovery.verdict == Verdict::rot) {
    return {Code::corrupt, verified.recovery.to_string()};
  }
  return {};
}

Status DemoRun::read_all(DemoAudit& audit) const {
  const Log log = FORELOG_TRY(
      Log::open(plan_.dir, {.create_if_missing = false, .recovery = RecoveryPolicy::read_only}));
  Cursor cursor = log.read();
  while (const std::optional<Entry> entry = FORELOG_TRY(cursor.next())) {
    audit.see(entry->lsn, entry->payload.text());
  }
  return {};
}

}  // namespace forelog::cli
