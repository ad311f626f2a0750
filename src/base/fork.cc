#include "base/fork.h"

#include <pthread.h>

#include <atomic>

namespace forelog::base {

namespace {

std::atomic<std::uint32_t> generation{0};

struct Registration {
  Registration() {
    ::pthread_atfork(nullptr, nullptr, [] { generation.fetch_add(1, std::memory_order_relaxed); });
  }
};
const Registration registration;

}  // namespace

std::uint32_t fork_generation() noexcept { return generation.load(std::memory_order_relaxed); }

}  // namespace forelog::base
