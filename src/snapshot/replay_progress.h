// Tells the user's callback how far a replay is, a few times a second.
// Threading: none; used by the thread that called recover().
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/thread.h"
#include "forelog/snapshot.h"

namespace forelog::snapshot {

class ProgressTeller {
 public:
  ProgressTeller(const RecoverOptions& options, Lsn from, Lsn to)
      : tell_(options.on_progress), from_(from), to_(to) {}

  void at(Lsn lsn, std::uint64_t records, std::uint64_t bytes) {
    if (!tell_) return;
    const base::SteadyTime now = base::now();
    const bool last = lsn == to_;
    if (!last && now < next_) return;
    next_ = now + kInterval;
    ReplayProgress progress{.lsn = lsn, .last = to_, .records = records, .bytes = bytes};
    const std::chrono::duration<double> taken = now - started_;
    if (taken.count() > 0) {
      progress.records_per_second = static_cast<double>(records) / taken.count();
      const double left = static_cast<double>(to_.value - lsn.value);
      const double done = static_cast<double>(lsn.value - from_.value + 1);
      progress.left = std::chrono::duration_cast<std::chrono::nanoseconds>(taken * (left / done));
    }
    tell_(progress);
  }

 private:
  static constexpr std::chrono::milliseconds kInterval{200};

  const std::function<void(const ReplayProgress&)>& tell_;
  const Lsn from_, to_;
  const base::SteadyTime started_ = base::now();
  base::SteadyTime next_ = started_ + kInterval;
};

}  // namespace forelog::snapshot
