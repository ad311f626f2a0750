// Housekeeper: a thread that removes what has expired when no command does. It sleeps until the
// soonest point in time at which something expires, and logs a tick then. A store in which nothing
// expires never starts it.
//
// Threading: every method from any thread, but for construction and destruction.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "base/mutex.h"
#include "base/thread.h"
#include "forelog/lsn.h"
#include "forelog/status.h"

namespace forelog::kv {

class Housekeeper {
 public:
  struct Store {
    std::function<std::optional<Timestamp>()> next_expiry;
    std::function<Timestamp()> now;
    std::function<Status()> tick;  // Removes some of what has expired.
  };
  // The longest sleep, also where nothing is known to expire. Why: the clock may be set meanwhile; and
  // what expect() told of may be in the store only later, behind the look, where its writer was told
  // timed_out.
  static constexpr std::chrono::nanoseconds kSleepMax = std::chrono::seconds(60);

  explicit Housekeeper(Store store, std::chrono::nanoseconds sleep_max = kSleepMax)
      : store_(std::move(store)), sleep_max_(sleep_max) {}
  ~Housekeeper() { stop(); }
  Housekeeper(const Housekeeper&) = delete;
  Housekeeper& operator=(const Housekeeper&) = delete;

  // Something that expires then was put, or may be. Where the thread cannot be started, the next call tries again,
  // and until then commands alone remove what has expired.
  void expect(Timestamp expires) FORELOG_EXCLUDES(mutex_);
  void stop() noexcept FORELOG_EXCLUDES(mutex_);

 private:
  void run() FORELOG_EXCLUDES(mutex_);
  // Both give up the lock meanwhile.
  Timestamp look(Timestamp& now) FORELOG_REQUIRES(mutex_);
  bool tick() FORELOG_REQUIRES(mutex_);

  const Store store_;
  const std::chrono::nanoseconds sleep_max_;
  base::Mutex mutex_;
  base::CondVar changed_;
  base::Thread thread_ FORELOG_GUARDED_BY(mutex_);
  Timestamp awaited_ FORELOG_GUARDED_BY(mutex_) = Timestamp::max();  // What it sleeps for.
  bool stopping_ FORELOG_GUARDED_BY(mutex_) = false;
};

}  // namespace forelog::kv
