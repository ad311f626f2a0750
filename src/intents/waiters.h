// Waiters: threads that wait for an intent to be finished, or parked.
//
// Threading: any. No lock of it is held while anyone else's code runs, but for the look of wait().
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/mutex.h"
#include "forelog/intent.h"

namespace forelog::intents {

class Waiters {
 public:
  // Until look() returns something, which this then returns; nullopt: the deadline passed. It is asked
  // again whenever wake() was called behind a change of what it looks at.
  template <typename Look>
  auto wait(IntentId id, std::optional<base::SteadyTime> deadline, Look&& look)
      -> decltype(look()) {
    const base::MutexLock lock(mutex_);
    base::CondVar woken;
    const Place place(waiting_, waiting_.emplace(id.value, &woken));
    auto seen = look();
    bool in_time = true;
    while (!seen && in_time) {
      if (deadline) {
        in_time = woken.wait_until(mutex_, *deadline);
      } else {
        woken.wait(mutex_);
      }
      seen = look();
    }
    return seen;
  }

  void wake(IntentId id) {
    const base::MutexLock lock(mutex_);
    const auto [first, last] = waiting_.equal_range(id.value);
    for (auto at = first; at != last; ++at) at->second->notify_one();
  }
  void wake_all() {
    const base::MutexLock lock(mutex_);
    for (const auto& [id, woken] : waiting_) woken->notify_one();
  }

 private:
  using Waiting = std::multimap<std::uint64_t, base::CondVar*>;
  // Gone with its scope, which the lock outlives, also when memory runs out in it.
  class Place {
   public:
    Place(Waiting& all, Waiting::iterator at) : all_(all), at_(at) {}
    ~Place() { all_.erase(at_); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    Waiting& all_;
    Waiting::iterator at_;
  };

  base::Mutex mutex_;
  Waiting waiting_ FORELOG_GUARDED_BY(mutex_);
};

}  // namespace forelog::intents
