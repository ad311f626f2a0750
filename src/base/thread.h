// Threads, clocks and pauses, as mutex.h has locks: std's, or those of a simulated world.
// Threading: a Thread is used by one thread at a time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include "base/simulation.h"

namespace forelog::base {

inline SteadyTime now() {
  Scheduler* const simulated = scheduler();
  return simulated != nullptr ? simulated->now() : std::chrono::steady_clock::now();
}

inline void yield() {
  Scheduler* const simulated = scheduler();
  simulated != nullptr ? simulated->yield() : std::this_thread::yield();
}

inline void sleep_for(std::chrono::nanoseconds time) {
  Scheduler* const simulated = scheduler();
  simulated != nullptr ? simulated->sleep_until(simulated->now() + time)
                       : std::this_thread::sleep_for(time);
}

// How many threads can run at once. In a simulated world always as many, for a seed to say it all.
inline std::size_t processors() {
  return scheduler() != nullptr ? 2 : std::max<std::size_t>(std::thread::hardware_concurrency(), 1);
}

class Thread {
 public:
  Thread() = default;
  // Throws as std::thread does.
  explicit Thread(std::function<void()> body) {
    if (Scheduler* const simulated = scheduler()) {
      simulated_ = simulated->start(std::move(body));
    } else {
      thread_ = std::thread(std::move(body));
    }
  }
  Thread(Thread&& other) noexcept
      : thread_(std::move(other.thread_)), simulated_(std::exchange(other.simulated_, 0)) {}
  Thread& operator=(Thread&& other) noexcept {
    thread_ = std::move(other.thread_);
    simulated_ = std::exchange(other.simulated_, 0);
    return *this;
  }
  bool joinable() const { return simulated_ != 0 || thread_.joinable(); }
  void join() {
    if (Scheduler* const simulated = scheduler()) {
      simulated->join(std::exchange(simulated_, 0));
    } else {
      thread_.join();
    }
  }

 private:
  std::thread thread_;
  std::uint64_t simulated_ = 0;
};

// Calls `wake` when a stop is requested while it lives. Not in a simulated world, where a callback
// that waits for a lock would stop all threads: there a sleeper looks again when its time is up,
// which costs nothing.
class OnStop {
 public:
  OnStop(const std::stop_token& stop, std::function<void()> wake) {
    if (scheduler() == nullptr) callback_.emplace(stop, std::move(wake));
  }

 private:
  std::optional<std::stop_callback<std::function<void()>>> callback_;
};

}  // namespace forelog::base
