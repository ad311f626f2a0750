// TortureRun: the rounds of torture and demo. In each one a workload appends to a log until it is
// killed, is sometimes killed again while it opens what that left, and then the log is looked at:
// it opens, what was acknowledged is there, nothing is rotten.
//
// What is appended, by whom, and how records are compared is the workload's business: AppendWorkload
// is ours, ProgramWorkload is a program that somebody else wrote.
// Threading: owned by one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "cli/signals.h"
#include "cli/torture_audit.h"
#include "forelog/log.h"
#include "forelog/status.h"

namespace forelog::cli {

struct TorturePlan {
  std::string dir;  // Of the log.
  std::uint64_t seed = 0;
  std::uint64_t kills_max = UINT64_MAX;
  std::chrono::nanoseconds time{0};
  // Records that were compared are trimmed when there is more than twice this of them.
  std::uint64_t kept_bytes_max = UINT64_MAX;
};

struct TortureTally {
  std::uint64_t rounds = 0;
  std::uint64_t kills = 0;
  std::uint64_t kills_at_open = 0;  // Of these: given nothing to do but to open the log.
  std::uint64_t acknowledged = 0;   // Records whose LSN was printed.
  std::uint64_t last_due = 0;  // The last one acknowledged or found: up to it, all must be there.
  std::uint64_t there_before = 0;      // LSNs that the log had given out before the first round.
  std::uint64_t recovered = 0;         // Records since then that are where they belong.
  std::uint64_t not_acknowledged = 0;  // Of these: found after a kill without having been.
  std::uint64_t torn_tails = 0;
  std::uint64_t verifications = 0;              // Of every byte.
  std::vector<std::chrono::nanoseconds> opens;  // How long each reopening took.
  TortureVerdict verdict;  // Until the end: only `lost` and `torn_batches`, so far.
};

// Chance that can be repeated: the same seed, the same throws.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  std::uint64_t roll(std::uint64_t sides) { return random_() % sides; }  // 0 to sides - 1.
  double part() { return static_cast<double>(roll(1'000'001)) / 1e6; }   // 0 to 1.
  // As many short as long ones: uniform in the logarithm, from half a millisecond.
  std::chrono::nanoseconds delay(std::chrono::nanoseconds max);

 private:
  std::mt19937_64 random_;
};

// One process, from its start to its end.
struct Life {
  std::uint64_t acknowledged = 0;       // How many LSNs it printed …
  std::uint64_t last_acknowledged = 0;  // … and the highest of them; 0: none.
  bool killed = false;
};

class Workload {
 public:
  virtual ~Workload() = default;

  // Each runs one process on a log whose last LSN is `last`. An error when it cannot be started,
  // ends by itself, or acknowledges what it should not.
  virtual Result<Life> live(std::uint64_t last, Dice& dice) = 0;       // Killed at some time.
  virtual Result<Life> die_early(std::uint64_t last, Dice& dice) = 0;  // Killed while it opens.
  virtual Result<Life> end_well(std::uint64_t last) = 0;               // The last one.

  // Reads the records `first` to `last`, which are new. Their bytes. `corrupt` when one is not what
  // was sent; counts batches that survived in part.
  virtual Result<std::uint64_t> check(const Log& log, Lsn first, Lsn last,
                                      TortureVerdict& verdict) = 0;
  // Reads everything from the first record that is kept.
  virtual Result<TortureVerdict> compare(const Log& log, Lsn first_due, Lsn last_due) = 0;
};

class TortureRun {
 public:
  using Show = std::function<void(const TortureTally&)>;

  // `show` is called after each round. All of them outlive this.
  TortureRun(const TorturePlan& plan, Workload& workload, const Interrupts& interrupts, Show show);

  // Goes on behind what an earlier run left in the log: records `first` to `last`.
  void go_on_behind(Lsn first, Lsn last);

  // Rounds until the time is over, the kills are done or an interrupt comes; then a last process
  // that may end well; then everything is compared and verified. `corrupt`: something was lost,
  // changed, doubled, out of order or rotten.
  Status run();

  const TortureTally& tally() const noexcept { return tally_; }

 private:
  using Clock = std::chrono::steady_clock;

  Status run_rounds();
  Status add(const Result<Life>& life);
  Status look();
  Status reopen();
  Status examine(Log& log, bool for_writing);
  Status trim(Log& log);
  Status compare_all();
  Status verify_all();
  Status failed_look(const Status& status);
  void note_torn(const RecoveryReport& report);

  const TorturePlan& plan_;
  Workload& workload_;
  const Interrupts& interrupts_;
  const Show show_;
  Dice dice_;
  TortureTally tally_;
  std::uint64_t last_ = 0;  // LSN in the log when it was last looked at.
  Lsn kept_from_{1};        // What is before it was trimmed by us.
  Lsn trim_next_{1};        // Where to trim next.
  std::uint64_t bytes_behind_trim_next_ = 0;
  Clock::time_point begin_ = Clock::now();
  std::chrono::nanoseconds verifying_{0};
  std::pair<std::string, std::uint64_t> torn_at_;  // File and offset of the last torn tail.
};

}  // namespace forelog::cli
