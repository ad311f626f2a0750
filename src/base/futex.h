// Sleeping on a 32-bit word, and waking many sleepers with one system call. Within one process.
// Threading: any. A wait may return early for no reason: callers look again.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "base/simulation.h"

namespace forelog::base {

// Returns when the word is no longer `seen`, when woken, or at the deadline.
void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t seen,
                std::optional<SteadyTime> deadline = {});
void futex_wake_one(std::atomic<std::uint32_t>& word);
void futex_wake_all(std::atomic<std::uint32_t>& word);

}  // namespace forelog::base
