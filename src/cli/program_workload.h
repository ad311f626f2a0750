// ProgramWorkload: a program that somebody else wrote on top of Forelog, started as `PROGRAM DIR`.
// It prints each LSN that it takes for acknowledged on a line of its own, flushed, once, in any
// order; it goes on until it is killed, and when it is started anew behind what it finds. It may
// trim its log at the front, but must not drop what it acknowledged at the end.
//
// What it appends is not known, so the LSNs are what is checked: each one that was printed is in the
// log or was trimmed, none is given out twice, and the log has no holes.
// Threading: owned by one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "cli/child_process.h"
#include "cli/torture_run.h"

namespace forelog::cli {

class ProgramWorkload final : public Workload {
 public:
  // `interrupted`: a descriptor that becomes readable to kill early.
  ProgramWorkload(std::string program, std::string dir, int interrupted)
      : program_(std::move(program)), dir_(std::move(dir)), interrupted_(interrupted) {}

  Result<Life> live(std::uint64_t last, Dice& dice) override;
  Result<Life> die_early(std::uint64_t last, Dice& dice) override;
  Result<Life> end_well(std::uint64_t last) override;
  Result<std::uint64_t> check(const Log& log, Lsn first, Lsn last,
                              TortureVerdict& verdict) override;
  Result<TortureVerdict> compare(const Log& log, Lsn first_due, Lsn last_due) override;

 private:
  // When to kill: so long after its start, or after the first LSN that it prints.
  struct Moment {
    bool behind_first_lsn = true;
    std::chrono::nanoseconds delay{0};
  };

  Result<Life> run(std::uint64_t last, Moment moment);
  Status wait_for_death(ChildProcess& process, Moment moment, Life& life);
  Status take_lsn(std::string_view line, Life& life);
  Status wait_until_unlocked() const;

  const std::string program_, dir_;
  const int interrupted_;

  std::chrono::nanoseconds starting_{std::chrono::milliseconds(15)};  // Until its first LSN.
  std::uint64_t last_ = 0;           // LSN that the log had when it was started.
  std::set<std::uint64_t> printed_;  // By it.
};

}  // namespace forelog::cli
