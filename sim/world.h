// World: one simulated run from one seed. A log on a disk in memory lives several lives; in each,
// threads append, wait, read, tail, trim, fill the disk and turn the clock, calls are slow or
// fail, and somewhere the process is killed or the power cut, in the middle of an open too. After each life the
// Model says whether every promise was kept. At the end acknowledged data is damaged, and the log must
// say so.
//
// Threading: one real thread; one World at a time (base/simulation.h).
#pragma once

#include <cstdint>
#include <memory>

namespace forelog::sim {

struct Tally {
  std::uint64_t lives = 0, kills = 0, power_cuts = 0, torn_tails = 0, appends = 0, acknowledged = 0;
  std::uint64_t failed_calls = 0, damages = 0, steps = 0;
};

// Runs it to its end. A broken promise, a deadlock or a run without end prints what it was and the
// seed, and ends the process with exit status 3.
void run_world(std::uint64_t seed, Tally& tally);

}  // namespace forelog::sim
