// The states that the benchmark keeps durable, behind one small face, so that what is measured of them
// is measured in one way.
//
// Threading: update from many threads, everything else from one; checkpoint beside update.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "forelog/durable.h"
#include "forelog/status.h"

namespace forelog::bench {

class TestedState {
 public:
  virtual ~TestedState() = default;
  // Makes `entries` of 128 bytes each, in few commands; synced.
  virtual Status fill(std::uint64_t entries) = 0;
  // Writes the entry `index`, below their number. A command of 128 bytes, or some more.
  virtual Status update(std::uint64_t index, Durability level) = 0;
  // Logs so many bytes in one command that leaves the entries alone; synced.
  virtual Status log_bytes(std::uint64_t bytes) = 0;
  virtual Status checkpoint() = 0;
  virtual DurableStats stats() const = 0;
  virtual const Recovered& recovered() const = 0;
};

// In a fresh directory, or in one that was used before. Kinds: "images" and "no images", Cells with
// them and without; those without build a second state for a checkpoint. "kv", a Kv whose entries
// have keys of 16 bytes and values of 112.
Result<std::unique_ptr<TestedState>> open_state(const std::filesystem::path& dir,
                                                const std::string& kind,
                                                const DurableOptions& options = {});

// Past the log's first segment, with the next one prepared: as open_log(…, Age::steady) is.
Status grow_past_first_segment(TestedState& state);

}  // namespace forelog::bench
