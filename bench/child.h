// Work that needs a process of its own: to be killed in the middle of it, to open a log as a fresh
// process does, or to have its memory measured. The benchmark starts itself again with a hidden
// first argument, and reads one JSON object from the child's standard output.
//
// Threading: main thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "forelog/status.h"

namespace forelog::bench {

inline constexpr const char* kChildArgument = "--as-child";

// What the child is asked for.
//   fill BYTES   opens the log, appends 128-byte records with BYTES of payload, waits until they
//                are synced, appends 1,000 more, and kills itself with SIGKILL
//   open         opens the log, and tells how long that took; a peer dies without closing
//   write BYTES  as fill, but closes the log; tells its memory
//   read         reads the log with a cursor; tells its memory
// The first two also for a peer, whose records come in batches of 1,000 that are not synced.
// What begins with "state-" is in state_child.h.
struct ChildTask {
  std::string verb;
  std::filesystem::path log;
  std::uint64_t bytes = 0;
  std::string peer = {};     // Its name; empty: Forelog.
  bool whole_log = false;    // PeerOptions.
  std::string state = "{}";  // What state_child.h wants to know, as JSON.
};

// Runs it to its end, death by SIGKILL included where that is its task. Every answer has
// "memory_before_bytes" (resident when main began) and "memory_peak_bytes" (VmHWM at the end), of
// which the difference is the task's own.
Result<nlohmann::ordered_json> run_child(const ChildTask& task);

// In the child: main() calls this first. nullopt: this is no child. Otherwise its exit code.
std::optional<int> child_main(int argc, char** argv);

}  // namespace forelog::bench
