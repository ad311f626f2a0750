// How the figures move when something grows: the size of a record, the number of writers, the size
// of the log, the number of tails. One report each, in rounds that visit every point in turn.
//
// Threading: main thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "forelog/status.h"
#include "recovery.h"

namespace forelog::bench {

struct GrowthScale {
  unsigned rounds = 3;
  std::chrono::nanoseconds measured{};  // Per point, contestant and round.
  std::chrono::nanoseconds warm_up{};
  std::uint64_t log_bytes_max = 0;  // The largest log that is opened and sought in.
  bool quick = false;               // Fewer points.
  TellProgress tell = {};
};

struct Growth {
  std::string name;   // For --only and JSON.
  std::string title;  // For people.
  // Its JSON: {"name","title","x_label","x_unit","series":[{"name","role","points":[{"x", …}]}]}.
  // Each figure of a point is {"median","min","max"} over the rounds, or a plain median.
  std::function<Result<Report>(const std::filesystem::path& home, const GrowthScale& scale)> run;
};

// In the order in which they run.
std::vector<Growth> all_growth();

// Parts of it, in files of their own.
Growth growth_of_log();    // Opening after kill -9 and seeking, against the size of the log.
Growth growth_of_tails();  // The rate of a writer that is followed, and how far its tails lag.

}  // namespace forelog::bench
