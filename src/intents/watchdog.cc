#include "intents/watchdog.h"

#include <utility>
#include <vector>

namespace forelog::intents {

Watchdog::Watch::Watch(Watchdog& dog, base::SteadyTime deadline, std::stop_source stop)
    : dog_(dog), stop_(std::move(stop)), deadline_(deadline) {
  const base::MutexLock lock(dog_.mutex_);
  if (dog_.stopping_) stop_.request_stop();
  if (!dog_.thread_.joinable()) dog_.thread_ = base::Thread([&dog] { dog.loop(); });
  const auto at = dog_.watched_.emplace(deadline_, stop_);
  if (at == dog_.watched_.begin()) dog_.changed_.notify_one();
}

Watchdog::Watch::~Watch() {
  const base::MutexLock lock(dog_.mutex_);
  const auto [first, last] = dog_.watched_.equal_range(deadline_);
  for (auto at = first; at != last; ++at) {
    if (at->second == stop_) {
      dog_.watched_.erase(at);
      return;
    }
  }
}

void Watchdog::stop_all() {
  std::vector<std::stop_source> all;
  {
    const base::MutexLock lock(mutex_);
    stopping_ = true;
    for (const auto& [deadline, stop] : watched_) all.push_back(stop);
  }
  for (std::stop_source& stop : all) stop.request_stop();
}

void Watchdog::close() {
  {
    const base::MutexLock lock(mutex_);
    closing_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

// The stop itself is requested without the lock: it calls what handlers have asked to be called.
void Watchdog::loop() {
  const base::MutexLock lock(mutex_);
  while (!closing_) {
    if (watched_.empty()) {
      changed_.wait(mutex_);
    } else if (const base::SteadyTime next = watched_.begin()->first; next > base::now()) {
      changed_.wait_until(mutex_, next);
    } else {
      std::stop_source late = watched_.begin()->second;
      watched_.erase(watched_.begin());
      const base::MutexUnlock unlock(mutex_);
      late.request_stop();
    }
  }
}

}  // namespace forelog::intents
