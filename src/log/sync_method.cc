#include "log/sync_method.h"

#include <algorithm>

namespace forelog::log {

bool SyncMethod::direct(std::size_t bytes) const { return trial_for(bytes).direct_now(); }

void SyncMethod::took(std::size_t bytes, std::chrono::nanoseconds time) {
  Trial& trial = trials_[bytes < kLargeBytes ? 0 : 1];
  if (trial.trying()) trial.note(time);
  if (++trial.groups == kTrial) trial.judge();
  if (trial.groups == kAgainAfter) trial.groups = 0;
}

void SyncMethod::try_again() {
  for (Trial& trial : trials_) {
    if (!trial.trying()) trial.groups = 0;
  }
}

void SyncMethod::Trial::note(std::chrono::nanoseconds time) {
  const unsigned run = groups / kRun, in_run = groups % kRun;
  if (in_run == 0) return;
  nanoseconds[run % 2][run / 2 * (kRun - 1) + in_run - 1] =
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(time.count(), 0, UINT32_MAX));
}

// By the medians: a disk that pauses for something else must not decide.
void SyncMethod::Trial::judge() {
  const auto median = [](auto& times) {
    const auto middle = times.begin() + times.size() / 2;
    std::nth_element(times.begin(), middle, times.end());
    return *middle;
  };
  direct = median(nanoseconds[1]) < median(nanoseconds[0]);
}

}  // namespace forelog::log
