// AppendWorkload: the program's own way to be killed. `forelog append` is given records that it can
// be asked for again: small ones as fast as it takes them, floods of large groups, batches, one
// record at a time; and each record that survives is compared with what was sent as it.
//
// Threading: owned by one thread at a time.
#pragma once

#include <cstdint>
#include <string>

#include "cli/append_child.h"
#include "cli/torture_input.h"
#include "cli/torture_run.h"

namespace forelog::cli {

class AppendWorkload final : public Workload {
 public:
  // `interrupted`: a descriptor that becomes readable to kill early. `input` outlives this.
  AppendWorkload(const TortureInput& input, std::string dir, int interrupted)
      : input_(input), child_(input, std::move(dir), interrupted) {}

  Result<Life> live(std::uint64_t last, Dice& dice) override;
  Result<Life> die_early(std::uint64_t last, Dice& dice) override;
  Result<Life> end_well(std::uint64_t last) override;
  Result<std::uint64_t> check(const Log& log, Lsn first, Lsn last,
                              TortureVerdict& verdict) override;
  Result<TortureVerdict> compare(const Log& log, Lsn first_due, Lsn last_due) override;

 private:
  Result<Life> kill_one(const AppendRound& round);

  const TortureInput& input_;
  AppendChild child_;
  AppendRound round_;  // Of the last process that was given something to append.
};

}  // namespace forelog::cli
