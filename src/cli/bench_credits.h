// Credits: keeps at most so many records in flight between one thread that submits them and one
// that completes them, and wakes the submitter only when it sleeps.
//
// Threading: take() and drain() on the submitter's thread, give() on the completer's.
#pragma once

#include <atomic>
#include <cstdint>

namespace forelog::bench {

class Credits {
 public:
  explicit Credits(std::uint64_t in_flight_max) : max_(in_flight_max) {}

  // Waits until fewer than the maximum are in flight, then takes one.
  void take() {
    if (taken_ - seen_ >= max_) wait_until_below(max_, max_ - max_ / 4);
    ++taken_;
  }
  void drain() { wait_until_below(1, 1); }

  void give(std::uint64_t count) {
    const std::uint64_t given = given_.fetch_add(count) + count;
    if (asleep_.load() == 0 || given < wake_at_.load(std::memory_order_relaxed)) return;
    asleep_.store(0);
    asleep_.notify_one();
  }

 private:
  // Having to wait, it sleeps until there is a quarter to take: else a completer that gives one at a
  // time would wake it for each. And what was seen is kept, since a look at a count that is being
  // changed costs both of them a trip between the processors.
  void wait_until_below(std::uint64_t limit, std::uint64_t wanted) {
    while (taken_ - (seen_ = given_.load(std::memory_order_acquire)) >= limit) {
      wake_at_.store(taken_ - wanted + 1, std::memory_order_relaxed);
      asleep_.store(1);
      // Why: give() first adds, then looks at asleep_; so one of the two sees the other.
      if (taken_ - given_.load() < wanted) {
        asleep_.store(0);
        continue;
      }
      asleep_.wait(1);
    }
  }

  const std::uint64_t max_;
  std::uint64_t taken_ = 0;
  std::uint64_t seen_ = 0;  // Of those given.
  alignas(64) std::atomic<std::uint64_t> given_ = 0;
  alignas(64) std::atomic<int> asleep_ = 0;
  std::atomic<std::uint64_t> wake_at_ = 0;  // When so many are given.
};

}  // namespace forelog::bench
