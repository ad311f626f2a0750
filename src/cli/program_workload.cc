#include "cli/program_workload.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <thread>

#include "forelog/file_system.h"
#include "forelog/try.h"

namespace forelog::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr nanoseconds kLifeMax = std::chrono::seconds(1);  // Behind its first LSN.
constexpr nanoseconds kFirstLsnMax = std::chrono::seconds(60);
constexpr nanoseconds kUnlockedMax = std::chrono::seconds(5);
constexpr milliseconds kLookAgain{1};
constexpr std::uint64_t kEarly = 4;  // One in so many is killed before its first LSN.

}  // namespace

Result<Life> ProgramWorkload::live(std::uint64_t last, Dice& dice) {
  if (dice.roll(kEarly) == 0) return die_early(last, dice);
  return run(last, {.behind_first_lsn = true, .delay = dice.delay(kLifeMax)});
}

Result<Life> ProgramWorkload::die_early(std::uint64_t last, Dice& dice) {
  return run(last, {.behind_first_lsn = false, .delay = dice.delay(starting_)});
}

// It cannot be asked to end.
Result<Life> ProgramWorkload::end_well(std::uint64_t last) {
  static_cast<void>(last);
  return Life();
}

Result<Life> ProgramWorkload::run(std::uint64_t last, Moment moment) {
  last_ = last;
  printed_.clear();
  ChildProcess process = FORELOG_TRY(ChildProcess::start(program_, {program_, dir_}));
  process.close_input();
  Life life;
  FORELOG_TRY(wait_for_death(process, moment, life));
  const int code = FORELOG_TRY(process.wait(true));
  FORELOG_TRY(process.take_lines([&](std::string_view line) { return take_lsn(line, life); }));
  if (!life.killed) {
    return Status(Code::io_error, program_ +
                                      " must go on until it is killed, but ended with exit " +
                                      "code " + std::to_string(code) + ":\n" + process.errors);
  }
  FORELOG_TRY(wait_until_unlocked());
  return life;
}

// Until it is killed, or has ended by itself.
Status ProgramWorkload::wait_for_death(ChildProcess& process, Moment moment, Life& life) {
  const auto start = steady_clock::now();
  std::optional<steady_clock::time_point> kill_at;
  if (!moment.behind_first_lsn) kill_at = start + moment.delay;
  while (true) {
    const auto now = steady_clock::now();
    const nanoseconds left = kill_at.value_or(start + kFirstLsnMax) - now;
    if (left <= nanoseconds(0)) {
      process.kill();
      life.killed = true;
      if (kill_at) return {};
      return {Code::timed_out,
              program_ +
                  " printed no LSN for 60 seconds; does it flush what it prints? It said:\n" +
                  process.errors};
    }
    const ChildProcess::Heard heard = FORELOG_TRY(process.listen(left, interrupted_, false));
    if (heard.interrupted) {
      process.kill();
      life.killed = true;
      return {};
    }
    FORELOG_TRY(process.take_lines([&](std::string_view line) { return take_lsn(line, life); }));
    if (life.acknowledged > 0 && !kill_at) {
      starting_ = steady_clock::now() - start;
      kill_at = steady_clock::now() + moment.delay;
    }
    if (heard.output_ended) return {};
  }
}

Status ProgramWorkload::take_lsn(std::string_view line, Life& life) {
  std::uint64_t lsn = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), lsn);
  if (error != std::errc() || end != line.data() + line.size() || lsn == 0) {
    return {Code::io_error, program_ + " printed '" + std::string(line.substr(0, 80)) +
                                "', where only LSNs are expected, one a line"};
  }
  if (lsn <= last_) {
    return {Code::corrupt, "LSN " + std::to_string(lsn) +
                               " was acknowledged, but was in the log before its process started"};
  }
  if (!printed_.insert(lsn).second) {
    return {Code::corrupt, "LSN " + std::to_string(lsn) + " was acknowledged twice"};
  }
  ++life.acknowledged;
  life.last_acknowledged = std::max(life.last_acknowledged, lsn);
  return {};
}

// What the program had started was killed with it, but may take a moment to let go of the log.
Status ProgramWorkload::wait_until_unlocked() const {
  const auto deadline = steady_clock::now() + kUnlockedMax;
  auto directory = posix_file_system().open_directory(dir_, false);
  if (!directory) return directory.error().code() == Code::not_found ? Status() : directory.error();
  while (FORELOG_TRY((*directory)->locked("LOCK"))) {
    if (steady_clock::now() > deadline) {
      return {Code::busy, dir_ + ": another process still has the log open; what " + program_ +
                              " starts must stay in its process group, so that it is killed too"};
    }
    std::this_thread::sleep_for(kLookAgain);
  }
  return {};
}

Result<std::uint64_t> ProgramWorkload::check(const Log& log, Lsn first, Lsn last,
                                             TortureVerdict& verdict) {
  static_cast<void>(verdict);
  std::uint64_t bytes = 0;
  Lsn due = std::max(first, log.first_lsn());  // It may have trimmed its log.
  Cursor cursor = log.read({.from = due, .to = last});
  while (due <= last) {
    const std::optional<Entry> entry = FORELOG_TRY(cursor.next());
    if (!entry || entry->lsn != due) {
      return Status(Code::corrupt, "LSN " + std::to_string(due.value) + " is not in the log");
    }
    bytes += entry->payload.size();
    due = due.next();
  }
  return bytes;
}

Result<TortureVerdict> ProgramWorkload::compare(const Log& log, Lsn first_due, Lsn last_due) {
  TortureVerdict verdict;
  Lsn due = std::max(first_due, log.first_lsn());
  verdict.recovered = due.value - first_due.value;
  Cursor cursor = log.read();
  while (const std::optional<Entry> entry = FORELOG_TRY(cursor.next())) {
    if (entry->lsn < due) continue;
    verdict.lost +=
        std::min(entry->lsn, last_due.next()).value - std::min(due, last_due.next()).value;
    ++verdict.recovered;
    due = entry->lsn.next();
  }
  if (due <= last_due) verdict.lost += last_due.next().value - due.value;
  return verdict;
}

}  // namespace forelog::cli
