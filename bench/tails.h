// Tails that follow a log while it is written, and note when each record reached them (stamps.h): in
// threads of the writer's process, or in processes of their own, which are this program started
// again with a hidden first argument.
//
// Threading: main thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "forelog/log.h"
#include "forelog/status.h"
#include "stamps.h"

namespace forelog::bench {

enum class TailPlace : std::uint8_t { thread, process };

class Tails {
 public:
  // Return when each has made its cursor. `stamps` was made as the file `stamps_file`; tail i notes
  // under the number i, from the record stamps.first() on. It outlives the tails.
  static Result<std::unique_ptr<Tails>> in_threads(const Log& log, Stamps& stamps, unsigned count);
  // `kind`: "Forelog", or a peer that can be followed from another process (follow.h). `path`: the
  // directory of its log.
  static Result<std::unique_ptr<Tails>> in_processes(const std::string& kind,
                                                     const std::filesystem::path& path,
                                                     const std::filesystem::path& stamps_file,
                                                     const Stamps& stamps, unsigned count);
  // One thread that does as it is told, until it is asked to stop.
  using Follow = std::function<Status(Stamps& stamps, unsigned tail, std::stop_token stop)>;
  static Result<std::unique_ptr<Tails>> in_thread(const Follow& follow, Stamps& stamps);
  ~Tails();
  Tails(const Tails&) = delete;
  Tails& operator=(const Tails&) = delete;

  // Until each tail has received `record`. Errors: timed_out after ten seconds, cancelled.
  Status wait_for(std::uint64_t record) const;

 private:
  Tails(const Stamps& stamps, unsigned count) : stamps_(stamps), count_(count) {}
  Status wait_until_ready() const;
  Status start_process(const std::vector<std::string>& arguments);

  const Stamps& stamps_;
  unsigned count_;
  std::stop_source stop_;
  std::vector<std::jthread> threads_;
  std::vector<pid_t> processes_;
};

inline constexpr const char* kTailArgument = "--as-tail";

// In a process of in_processes(): main() calls this first. nullopt: this is none.
std::optional<int> tail_main(int argc, char** argv);

}  // namespace forelog::bench
