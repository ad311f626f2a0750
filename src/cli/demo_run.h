// DemoRun: the rounds of the demo. Each one starts a child that appends, kills it, sometimes kills
// others while they open what it left, then opens the log here and checks that all that was
// acknowledged is there, before the next child goes on behind what it found.
//
// Threading: owned by one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "cli/demo_audit.h"
#include "cli/demo_child.h"
#include "cli/demo_input.h"
#include "cli/signals.h"
#include "forelog/log.h"
#include "forelog/status.h"

namespace forelog::cli {

struct DemoPlan {
  std::string dir;  // Of the log; there must be none yet.
  std::uint64_t seed = 0;
  std::uint64_t kills_max = UINT64_MAX;
  std::chrono::seconds time{20};
};

struct DemoTally {
  std::uint64_t kills = 0;
  std::uint64_t kills_at_open = 0;  // Of these: given nothing to do but to open the log.
  std::uint64_t acknowledged = 0;   // Records whose LSN was printed.
  std::uint64_t last_due = 0;   // The last one acknowledged or found: up to it, all must be there.
  std::uint64_t recovered = 0;  // Records in the log when it was last opened.
  std::uint64_t not_acknowledged = 0;  // Of these: found after a kill without having been.
  std::uint64_t torn_tails = 0;
  std::uint64_t torn_batches = 0;  // Batches of which only a part was recovered: must be 0.
  std::vector<std::chrono::nanoseconds> opens;  // How long each reopening took.
  DemoVerdict verdict;  // Until the end: only `lost`, as of the last reopening.
};

class DemoRun {
 public:
  using Show = std::function<void(const DemoTally&)>;

  // `show` is called after each kill. All of them outlive this.
  DemoRun(const DemoPlan& plan, const DemoInput& input, const Interrupts& interrupts, Show show);

  // Rounds until the time is over, the kills are done or an interrupt comes; then a last child that
  // may end by itself; then the comparison of every record. An error is a failed demo too.
  Status run();

  const DemoTally& tally() const noexcept { return tally_; }

 private:
  Status run_rounds();
  DemoRound next_round();
  DemoRound next_flood(DemoRound round);
  Result<DemoOutcome> run_child(const DemoRound& round);
  Status kill_one(const DemoRound& round);
  Status kill_at_open();
  Status finish_one();
  Status reopen(const DemoRound& round);
  Status check_new_records(const Log& log, Lsn last);
  Status compare_all();
  Status read_all(DemoAudit& audit) const;
  std::chrono::nanoseconds delay(std::chrono::nanoseconds max);
  std::uint64_t dice(std::uint64_t sides);  // 0 to sides - 1.

  const DemoPlan& plan_;
  const DemoInput& input_;
  const Interrupts& interrupts_;
  const Show show_;
  DemoChild child_;
  std::mt19937_64 random_;
  DemoTally tally_;
  bool torn_ = false;  // A look at what the last kill left has shown a torn tail.
};

}  // namespace forelog::cli
