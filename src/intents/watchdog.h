// Watchdog: tells attempts that their time is over, by their stop tokens. Whoever runs a handler that
// is stuck cannot tell it itself.
//
// Threading: any; a thread of its own, from the first attempt that is watched on.
#pragma once

#include <map>
#include <stop_token>

#include "base/mutex.h"
#include "base/thread.h"

namespace forelog::intents {

class Watchdog {
 public:
  Watchdog() = default;
  ~Watchdog() { close(); }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // While it lives, `stop` is requested when the deadline passes, or at once behind stop_all().
  class Watch {
   public:
    Watch(Watchdog& dog, base::SteadyTime deadline, std::stop_source stop);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    Watchdog& dog_;
    std::stop_source stop_;
    base::SteadyTime deadline_;
  };

  void stop_all();  // Those that are watched, and all that will be.
  bool stopping() const {
    const base::MutexLock lock(mutex_);
    return stopping_;
  }
  void close();

 private:
  void loop();

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::multimap<base::SteadyTime, std::stop_source> watched_ FORELOG_GUARDED_BY(mutex_);
  bool stopping_ FORELOG_GUARDED_BY(mutex_) = false;
  bool closing_ FORELOG_GUARDED_BY(mutex_) = false;
  base::Thread thread_;
};

}  // namespace forelog::intents
