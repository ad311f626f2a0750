// World: one simulated run from one seed. What it is of, a log or something that is built on one, is its
// Kind; what happens to all of them is in stage.h. After each life a model says whether every promise
// was kept.
//
// Threading: one real thread; one World at a time (base/simulation.h).
#pragma once

#include <cstdint>

namespace forelog::sim {

struct Tally {
  std::uint64_t worlds = 0;
  std::uint64_t lives = 0, kills = 0, power_cuts = 0, torn_tails = 0, appends = 0, acknowledged = 0;
  std::uint64_t failed_calls = 0, damages = 0, steps = 0;
  std::uint64_t checkpoints = 0;
};

struct Kind {
  const char* name;
  // Runs it to its end. A broken promise, a deadlock or a run without end prints what it was and the
  // seed, and ends the process with exit status 3.
  void (*run)(std::uint64_t seed, Tally& tally);
};

void run_log_world(std::uint64_t seed, Tally& tally);
void run_state_world(std::uint64_t seed, Tally& tally);
void run_kv_world(std::uint64_t seed, Tally& tally);
void run_intents_world(std::uint64_t seed, Tally& tally);
void run_decide_world(std::uint64_t seed, Tally& tally);

inline constexpr Kind kKinds[] = {
    {"log", run_log_world},         {"state", run_state_world},   {"kv", run_kv_world},
    {"intents", run_intents_world}, {"decide", run_decide_world},
};

}  // namespace forelog::sim
