// The seeds that a test of random workloads runs: its own, or those of the environment variable
// FORELOG_SEEDS, which is first:count, or one seed alone. A failure prints its seed, to be run again
// so.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace forelog::testing {

struct Seeds {
  std::uint64_t first = 1, count = 1;

  // From 1 on, `count` of them, unless the environment says otherwise.
  static Seeds from_environment(std::uint64_t count) {
    const char* text = std::getenv("FORELOG_SEEDS");
    if (text == nullptr) return {.count = count};
    char* end = nullptr;
    const std::uint64_t first = std::strtoull(text, &end, 10);
    return {.first = first, .count = *end == ':' ? std::strtoull(end + 1, nullptr, 10) : 1};
  }

  std::uint64_t end() const { return first + count; }
};

}  // namespace forelog::testing
