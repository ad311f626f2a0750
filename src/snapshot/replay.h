// replay(): feeds the records of a log to a state machine, on as many threads as help. One thread
// reads and checks records ahead of the one that applies them; where the state's keys are independent,
// several apply. Part of recover().
//
// Threading: called by one thread; starts others for as long as it runs.
#pragma once

#include <cstdint>
#include <optional>

#include "forelog/log.h"
#include "forelog/snapshot.h"
#include "forelog/state_machine.h"

namespace forelog::snapshot {

struct Replayed {
  Lsn applied;  // The last record that was; before the first one: where it began.
  std::uint64_t records = 0, bytes = 0;
  // Ok, or why it ended early: what the log, or the state, said.
  Status status;
  // The record that apply failed at. In order, all before it are applied and none behind it; with
  // several threads that apply, some behind it may be.
  std::optional<Lsn> failed_at;
};

// How many threads may apply: 1 means in order.
std::size_t replay_threads(const StateMachine& state, const RecoverOptions& options);

// Applies the records from `from` to `to`, both included; from > to: none.
Replayed replay(const Log& log, Lsn from, Lsn to, StateMachine& state, std::size_t threads,
                const RecoverOptions& options);

}  // namespace forelog::snapshot
