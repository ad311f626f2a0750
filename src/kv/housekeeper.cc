#include "kv/housekeeper.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/guarded.h"

namespace forelog::kv {

namespace {

using namespace std::chrono_literals;

// After a tick that was not logged. Why is for those who write to hear.
constexpr std::chrono::nanoseconds kPause = 1s;
constexpr Timestamp kNothing = Timestamp::max();

}  // namespace

void Housekeeper::expect(Timestamp expires) {
  const base::MutexLock lock(mutex_);
  if (stopping_ || expires >= awaited_) return;
  awaited_ = expires;
  changed_.notify_one();
  if (thread_.joinable()) return;
  const Status started = base::guarded([&]() FORELOG_REQUIRES(mutex_) {
    thread_ = base::Thread([this] { run(); });
    return Status();
  });
  if (!started.ok()) awaited_ = kNothing;
}

void Housekeeper::stop() noexcept {
  base::Thread thread;
  {
    const base::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
}

void Housekeeper::run() {
  const base::MutexLock lock(mutex_);
  while (!stopping_) {
    // What is put from here on says so, in case the look comes too early for it.
    awaited_ = kNothing;
    Timestamp now;
    const Timestamp next = look(now);
    awaited_ = std::min(awaited_, next);
    if (stopping_) return;
    if (next <= now) {
      const bool ticked = tick();
      if (!ticked && !stopping_) changed_.wait_until(mutex_, base::now() + kPause);
    } else if (awaited_ == kNothing) {
      changed_.wait_until(mutex_, base::now() + sleep_max_);
    } else if (awaited_ > now) {
      changed_.wait_until(mutex_, base::now() + std::min(awaited_ - now, sleep_max_));
    }
  }
}

Timestamp Housekeeper::look(Timestamp& now) {
  const base::MutexUnlock unlocked(mutex_);
  now = store_.now();
  return store_.next_expiry().value_or(kNothing);
}

bool Housekeeper::tick() {
  const base::MutexUnlock unlocked(mutex_);
  return base::guarded([&] { return store_.tick(); }).ok();
}

}  // namespace forelog::kv
