// How long opening takes after kill -9, whatever the size of the log, and how much memory a writer
// and a reader need: what is not a rate, and needs processes of its own (child.h).
//
// Threading: main thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "forelog/status.h"

namespace forelog::bench {

struct Report {
  std::string text;
  nlohmann::ordered_json json;
};
using TellProgress = std::function<void(const std::string& what)>;

// What is opened after a kill, `rounds` times each, in turn.
struct Openings {
  // Of Forelog's logs, their payload; before every opening a writer appends 24 MiB and is killed.
  std::vector<std::uint64_t> sizes;
  // Payload of the peers' logs; 0: no peers. They do more than read when they open (they move
  // records into tables), so each opening gets a fresh copy of what the killed writer left.
  std::uint64_t peer_bytes = 0;
  unsigned rounds = 5;

  // How often `tell` is called.
  std::size_t steps() const;
};
// What does not fit the disk is left out, and the text says so.
Result<Report> open_after_kill(const std::filesystem::path& dir, const Openings& openings,
                               const TellProgress& tell);

// A process that writes a log of `bytes`, and one that reads it.
Result<Report> memory_of_processes(const std::filesystem::path& dir, std::uint64_t bytes,
                                   unsigned rounds, const TellProgress& tell);

}  // namespace forelog::bench
