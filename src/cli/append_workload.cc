#include "cli/append_workload.h"

#include <cmath>
#include <optional>

#include "cli/units.h"
#include "forelog/try.h"

namespace forelog::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr nanoseconds kLifeMax = milliseconds(250);
constexpr nanoseconds kFloodLifeMax = milliseconds(100);
constexpr nanoseconds kOpenMax = milliseconds(15);  // Covers starting a process and recovering.
constexpr double kBurstBytesMax = 64 * 1024;
constexpr std::uint64_t kFloodBytes = 16 * MiB;
constexpr std::uint64_t kFloodSegmentBytes = 16 * MiB;
constexpr std::uint64_t kFloodBatchBytesMin = 512 * KiB;
constexpr std::uint64_t kFloodBatchBytesMax = 3 * MiB;

// Why floods: a kill tears a write only while a large one is under way, and where the kernel copies
// large folios at a time, only in the middle of a very large one.
AppendRound flood(AppendRound round, std::uint64_t record_bytes, Dice& dice) {
  round.burst_bytes = kFloodBytes;
  round.segment_bytes = kFloodSegmentBytes;
  round.kill_after = dice.delay(kFloodLifeMax);
  switch (dice.roll(4)) {
    case 0:
      // Written is what survives the end of the process, and that is what a kill is.
      round.level = Durability::written;
      break;
    case 1: break;
    default: {
      const std::uint64_t batch_bytes =
          kFloodBatchBytesMin + dice.roll(kFloodBatchBytesMax - kFloodBatchBytesMin);
      round.batch = 2 + batch_bytes / record_bytes;
      break;
    }
  }
  return round;
}

AppendRound next_round(std::uint64_t last, std::uint64_t record_bytes, Dice& dice) {
  AppendRound round;
  round.first = last + 1;
  if (dice.roll(2) == 0) return flood(round, record_bytes, dice);
  round.burst_bytes = static_cast<std::uint64_t>(std::pow(kBurstBytesMax, dice.part()));
  round.batch = dice.roll(4) == 0 ? 2 + dice.roll(15) : 1;
  round.kill_after = dice.delay(kLifeMax);
  return round;
}

Life life_of(const AppendRound& round, const AppendOutcome& outcome) {
  return {.acknowledged = outcome.acknowledged - (round.first - 1),
          .last_acknowledged = outcome.acknowledged,
          .killed = outcome.killed};
}

}  // namespace

Result<Life> AppendWorkload::live(std::uint64_t last, Dice& dice) {
  round_ = next_round(last, input_.mean_record_bytes(), dice);
  return kill_one(round_);
}

Result<Life> AppendWorkload::die_early(std::uint64_t last, Dice& dice) {
  AppendRound nothing_to_append;
  nothing_to_append.first = last + 1;
  nothing_to_append.kill_after = dice.delay(kOpenMax);
  return kill_one(nothing_to_append);
}

Result<Life> AppendWorkload::kill_one(const AppendRound& round) {
  const AppendOutcome outcome = FORELOG_TRY(child_.run(round));
  if (outcome.killed) return life_of(round, outcome);
  return Status(Code::io_error, "the child ended by itself with exit code " +
                                    std::to_string(outcome.exit_code) + ":\n" + outcome.errors);
}

// Not killed: it must acknowledge everything and close the log.
Result<Life> AppendWorkload::end_well(std::uint64_t last) {
  round_ = AppendRound();
  round_.first = last + 1;
  round_.burst_bytes = 64 * KiB;
  const AppendOutcome outcome = FORELOG_TRY(child_.run(round_));
  if (!outcome.killed && outcome.exit_code == 0 && outcome.acknowledged == outcome.sent) {
    return life_of(round_, outcome);
  }
  return Status(Code::io_error, "the last child was given " +
                                    count_of(outcome.sent - last, "record") + ", acknowledged " +
                                    std::to_string(outcome.acknowledged - last) +
                                    " and ended with exit code " +
                                    std::to_string(outcome.exit_code) + ":\n" + outcome.errors);
}

// What was there before was checked before, and is again at the end.
Result<std::uint64_t> AppendWorkload::check(const Log& log, Lsn first, Lsn last,
                                            TortureVerdict& verdict) {
  if ((last.value - (round_.first - 1)) % round_.batch != 0) ++verdict.torn_batches;
  std::uint64_t bytes = 0;
  Cursor cursor = log.read({.from = first, .to = last});
  for (std::uint64_t number = first.value; number <= last.value; ++number) {
    const std::optional<Entry> entry = FORELOG_TRY(cursor.next());
    if (!entry || entry->lsn.value != number || entry->payload.text() != input_.record(number)) {
      return Status(Code::corrupt,
                    "LSN " + std::to_string(number) + " does not hold what was sent as it");
    }
    bytes += entry->payload.size();
  }
  return bytes;
}

Result<TortureVerdict> AppendWorkload::compare(const Log& log, Lsn first_due, Lsn last_due) {
  TortureAudit audit(input_);
  Cursor cursor = log.read();
  while (const std::optional<Entry> entry = FORELOG_TRY(cursor.next())) {
    audit.see(entry->lsn, entry->payload.text());
  }
  return audit.finish(first_due.value, last_due.value);
}

}  // namespace forelog::cli
