// Two builds beside each other: the results of runs that took turns, as ratios. tools/bench-compare
// makes the runs.
//
// Threading: pure functions.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "forelog/status.h"

namespace forelog::bench {

// What `forelog_bench --json` wrote, turn by turn: as many of the one build as of the other. A line
// for each workload that both have, and each of Forelog's contestants in it.
Result<std::string> compare(const std::vector<std::filesystem::path>& base,
                            const std::vector<std::filesystem::path>& here);

}  // namespace forelog::bench
