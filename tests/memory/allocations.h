// The nth allocation fails. A program that links this has its operator new: every form of it.
// Threading: the counters are shared by all threads; who may be refused is each thread's own.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace forelog::testing {

// Refuses the `nth` allocation from now on, counted from 1, and with `and_later` all that follow.
// 0: none is refused.
void refuse_allocation(std::uint64_t nth, bool and_later);
std::uint64_t allocations_counted();  // Since then.
std::uint64_t allocations_refused();

// While it lives, what this thread allocates neither counts nor fails.
class Exempt {
 public:
  Exempt();
  ~Exempt();
  Exempt(const Exempt&) = delete;
  Exempt& operator=(const Exempt&) = delete;
};

// Where to keep what is made and removed again hundreds of times: in memory, if there is such a place.
inline std::string quick_directory() {
  return std::filesystem::is_directory("/dev/shm") ? "/dev/shm/" : ::testing::TempDir();
}

}  // namespace forelog::testing
