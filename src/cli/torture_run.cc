#include "cli/torture_run.h"

#include <algorithm>
#include <cmath>

#include "forelog/maintain.h"
#include "forelog/try.h"

namespace forelog::cli {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kDelayMin = std::chrono::microseconds(500);

// Of the time, at most one part in so many goes into reading everything between rounds.
constexpr int kVerifyingShare = 4;

}  // namespace

nanoseconds Dice::delay(nanoseconds max) {
  const double range = static_cast<double>(max.count()) / static_cast<double>(kDelayMin.count());
  const double delay = static_cast<double>(kDelayMin.count()) * std::pow(range, part());
  return nanoseconds(static_cast<std::int64_t>(delay));
}

TortureRun::TortureRun(const TorturePlan& plan, Workload& workload, const Interrupts& interrupts,
                       Show show)
    : plan_(plan),
      workload_(workload),
      interrupts_(interrupts),
      show_(std::move(show)),
      dice_(plan.seed) {}

void TortureRun::go_on_behind(Lsn first, Lsn last) {
  kept_from_ = trim_next_ = first;
  last_ = tally_.last_due = tally_.there_before = last.value;
}

Status TortureRun::run() {
  const Status rounds = run_rounds();
  const Status compared = compare_all();  // After a failure too: it tells what it cost.
  return rounds.ok() ? compared : rounds;
}

Status TortureRun::run_rounds() {
  const auto end = begin_ + plan_.time;
  while (tally_.kills < plan_.kills_max && Clock::now() < end && !interrupts_.raised()) {
    ++tally_.rounds;
    FORELOG_TRY(add(workload_.live(last_, dice_)));
    // Recovery must survive being killed as well.
    while (dice_.roll(3) == 0 && tally_.kills < plan_.kills_max && !interrupts_.raised()) {
      FORELOG_TRY(look());
      FORELOG_TRY(add(workload_.die_early(last_, dice_)));
      ++tally_.kills_at_open;
    }
    FORELOG_TRY(reopen());
    show_(tally_);
  }
  if (interrupts_.raised()) return {};
  FORELOG_TRY(add(workload_.end_well(last_)));
  return reopen();
}

Status TortureRun::add(const Result<Life>& life) {
  if (!life) return life.error();
  if (life->killed) ++tally_.kills;
  tally_.acknowledged += life->acknowledged;
  tally_.last_due = std::max(tally_.last_due, life->last_acknowledged);
  return {};
}

// What is killed next may finish its recovery: so what there is to recover is looked at first.
Status TortureRun::look() {
  const Result<LogInfo> info = inspect(plan_.dir);
  if (!info) return failed_look(info.error());
  note_torn(info->recovery);
  return {};
}

// No log is there when a process is killed before it has made one: then nothing was acknowledged.
Status TortureRun::failed_look(const Status& status) {
  if (status.code() != Code::not_found) return status;
  if (tally_.last_due == 0) return {};
  tally_.verdict.lost = tally_.last_due - tally_.there_before;
  return {Code::corrupt, plan_.dir + ": the log is gone, but LSN " +
                             std::to_string(tally_.last_due) +
                             " was acknowledged, or there before"};
}

void TortureRun::note_torn(const RecoveryReport& report) {
  if (report.verdict != Verdict::torn_tail) return;
  std::pair torn_at(report.torn_file, report.torn_offset);
  if (torn_at != torn_at_) ++tally_.torn_tails;
  torn_at_ = std::move(torn_at);
}

// Half of the times only to read, which leaves to the next process what is to be repaired, and must
// find the same as that.
Status TortureRun::reopen() {
  if (verifying_ * kVerifyingShare <= Clock::now() - begin_) FORELOG_TRY(verify_all());
  const bool for_writing = dice_.roll(2) == 0;
  Options options;
  options.create_if_missing = false;
  options.recovery = for_writing ? RecoveryPolicy::strict : RecoveryPolicy::read_only;
  const auto start = Clock::now();
  // Dropped without close(), as if killed: the next process finds a log that nobody closed.
  Result<Log> log = Log::open(plan_.dir, std::move(options));
  if (!log) return failed_look(log.error());
  if (for_writing) tally_.opens.push_back(Clock::now() - start);
  return examine(*log, for_writing);
}

Status TortureRun::examine(Log& log, bool for_writing) {
  note_torn(log.recovery());
  const std::uint64_t last = log.watermarks().appended.value;
  tally_.verdict.lost = tally_.last_due - std::min(tally_.last_due, last);
  if (tally_.verdict.lost > 0) {
    return {Code::corrupt, "the log ends with LSN " + std::to_string(last) + ", but LSN " +
                               std::to_string(tally_.last_due) +
                               " was acknowledged, or there before"};
  }
  std::uint64_t bytes = 0;
  if (last > last_) {
    bytes = FORELOG_TRY(workload_.check(log, Lsn(last_ + 1), Lsn(last), tally_.verdict));
  }
  tally_.not_acknowledged += last - tally_.last_due;
  tally_.recovered = last - tally_.there_before;
  last_ = tally_.last_due = last;
  bytes_behind_trim_next_ += bytes;
  const bool full = for_writing && bytes_behind_trim_next_ > plan_.kept_bytes_max;
  return full ? trim(log) : Status();
}

// What goes was compared when it came. Trimming is one more thing that a kill may follow.
Status TortureRun::trim(Log& log) {
  FORELOG_TRY(log.keep_from(trim_next_));
  kept_from_ = trim_next_;
  trim_next_ = Lsn(last_ + 1);
  bytes_behind_trim_next_ = 0;
  return {};
}

Status TortureRun::compare_all() {
  const Result<Log> log =
      Log::open(plan_.dir, {.create_if_missing = false, .recovery = RecoveryPolicy::read_only});
  if (!log) return failed_look(log.error());
  const std::uint64_t torn_batches = tally_.verdict.torn_batches;
  const Lsn first(std::min(kept_from_, log->first_lsn()));
  tally_.verdict = FORELOG_TRY(workload_.compare(*log, first, Lsn(tally_.last_due)));
  tally_.verdict.torn_batches += torn_batches;
  const std::uint64_t before = tally_.there_before - std::min(tally_.there_before, first.value - 1);
  const std::uint64_t trimmed = first.value - 1 - std::min(tally_.there_before, first.value - 1);
  tally_.recovered =
      tally_.verdict.recovered + trimmed - std::min(before, tally_.verdict.recovered);
  FORELOG_TRY(verify_all());
  if (tally_.verdict.good()) return {};
  return {Code::corrupt, "the log does not hold what was acknowledged"};
}

Status TortureRun::verify_all() {
  const auto start = Clock::now();
  const Result<VerifyReport> verified = verify(plan_.dir);
  verifying_ += Clock::now() - start;
  if (!verified) return failed_look(verified.error());
  ++tally_.verifications;
  if (verified->recovery.verdict != Verdict::rot) return {};
  return {Code::corrupt, verified->recovery.to_string()};
}

}  // namespace forelog::cli
