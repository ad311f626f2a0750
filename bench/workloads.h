// Every comparison of bench/: the limit, Forelog and the peers, on the same work.
//
// Threading: main thread.
#pragma once

#include <cstdint>
#include <vector>

#include "cli/bench_run.h"

namespace forelog::bench {

// In the order in which they run. `read_bytes`: payload of the logs that are read.
std::vector<Workload> all_workloads(std::uint64_t read_bytes);

}  // namespace forelog::bench
