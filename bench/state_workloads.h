// What it costs to keep a state, and not only a log of what happened to it: updates of a Durable beside
// commits of the same bytes to a bare log, which is the limit here.
//
// Threading: main thread.
#pragma once

#include <vector>

#include "cli/bench_run.h"

namespace forelog::bench {

// states-1, states-8 and states-32: so many callers. In the order in which they run.
std::vector<Workload> state_workloads();

}  // namespace forelog::bench
