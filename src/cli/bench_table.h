// The results of a benchmark, as a table for people and as JSON for programs.
//
// Threading: pure functions.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/bench_run.h"

namespace forelog::bench {

// As JSON names it.
std::string_view role_name(Role role);

// A block of lines, one per contestant, 103 columns wide; 120 with a peer among them, because then
// it also compares with the best one.
std::string table(const WorkloadResult& result);

// What the columns mean: for the end of a run.
std::string legend(bool with_peers);

// One object: name, title, and per contestant that is there every round, the medians and the ratios.
// A figure that the system does not tell, or that was not asked for, is null.
nlohmann::ordered_json to_json(const WorkloadResult& result);

// Where it ran: version, kernel, processors, file system, free space.
nlohmann::ordered_json machine(const std::filesystem::path& dir);
std::string machine_line(const std::filesystem::path& dir);

}  // namespace forelog::bench
