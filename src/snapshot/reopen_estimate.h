// How long reopening would take: what has been measured of loading and of replay, and what follows from
// it. Implements docs/snapshots.md, "The recovery-time budget".
//
// A replay that was measured is believed: at open, or while a second state was built for a checkpoint.
// Before the first one, replay is taken to cost what apply costs now, and reading to cost kReadTime a
// record and a second a kReadBytes; and loading is taken to take as long as saving did.
// Threading: none.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "forelog/durable.h"
#include "forelog/snapshot.h"

namespace forelog::snapshot {

class ReopenEstimate {
 public:
  using Seconds = std::chrono::duration<double>;

  // A recovery that was watched.
  void measured(const Recovered& recovered) {
    if (recovered.snapshot != Lsn() && recovered.snapshot_bytes > 0) {
      load_time_ = recovered.load_time;
      load_is_measured_ = true;
    }
    // What is over in no time says little about the rate.
    if (recovered.replay_time < kWorthMeasuring || recovered.records == 0) return;
    replay_measured_ = true;
    const Seconds beyond_reading = Seconds(recovered.replay_time) - reading(recovered.bytes);
    per_command_ = std::max(beyond_reading / static_cast<double>(recovered.records), kReadTime);
  }
  void applied(std::chrono::nanoseconds time, std::uint64_t commands) {
    if (replay_measured_ || commands == 0) return;
    const Seconds now = Seconds(time) / static_cast<double>(commands) + kReadTime;
    per_command_ = per_command_.count() == 0 ? now : per_command_ * 0.75 + now * 0.25;
  }
  void saved(std::chrono::nanoseconds time) {
    save_time_ = time;
    if (!load_is_measured_) load_time_ = time;
  }

  Seconds load() const { return load_time_; }
  Seconds save() const { return save_time_; }
  Seconds replay(std::uint64_t commands, std::uint64_t bytes) const {
    return per_command_ * static_cast<double>(commands) + reading(bytes);
  }
  double commands_per_second() const {
    return per_command_.count() == 0 ? 0 : 1 / per_command_.count();
  }

  // How long replay may take within the budget.
  Seconds replay_allowed(Seconds budget) const {
    // Where loading leaves next to nothing, snapshots must not follow each other without a pause.
    if (load_time_ >= budget) return load_time_;
    return std::max(budget - load_time_, budget / 4);
  }

 private:
  static constexpr std::chrono::milliseconds kWorthMeasuring{20};
  static constexpr Seconds kReadTime{100e-9};
  static constexpr double kReadBytes = 1e9;
  static Seconds reading(std::uint64_t bytes) {
    return Seconds(static_cast<double>(bytes) / kReadBytes);
  }

  Seconds load_time_{0}, save_time_{0}, per_command_{0};
  bool load_is_measured_ = false, replay_measured_ = false;
};

}  // namespace forelog::snapshot
