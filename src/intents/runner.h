// Runner: threads that bring intents forward with their kinds' handlers, or back. An intent is worked
// on by one of them at a time, step after step, until it is finished, parked, or has to wait.
//
// It keeps nothing of an intent but where it stands in the schedule: before each step, and when work on
// one ends, its state is read anew. So whoever changes one with a command need only tell: changed().
//
// Threading: every method may be called from any thread. Its lock may be held while the state is read,
// never the other way round, and never while a command is logged or a handler runs.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/thread.h"
#include "forelog/intent.h"
#include "forelog/intent_handler.h"
#include "forelog/status.h"
#include "intents/schedule.h"
#include "intents/store.h"
#include "intents/waiters.h"
#include "intents/watchdog.h"

namespace forelog::intents {

class Runner {
 public:
  Runner(Store& store, Waiters& waiters, std::size_t threads)
      : store_(store), waiters_(waiters), threads_max_(threads) {}
  ~Runner() { stop(); }
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  Status handle(std::string_view kind, IntentHandler handler, HandlerOptions options);
  Status start();
  bool handles(std::string_view kind) const;

  // A command of someone else has changed it.
  void changed(IntentId id);
  // Asks handlers to end, and waits until no thread is at work.
  void stop();

 private:
  void loop();
  void schedule(IntentId id) FORELOG_REQUIRES(mutex_);
  void schedule_all() FORELOG_REQUIRES(mutex_);
  void put_in_place(const Schedule::Work& work, const Status& status) FORELOG_REQUIRES(mutex_);
  // Until nothing more can be done now. Errors: what keeps commands from being logged.
  Status work_on(const Schedule::Work& work) FORELOG_EXCLUDES(mutex_);
  // Until there is memory for it, or the runner stops.
  void insist(const std::function<void()>& call) FORELOG_REQUIRES(mutex_);

  Store& store_;
  Waiters& waiters_;
  const std::size_t threads_max_;
  Watchdog watchdog_;

  mutable base::Mutex mutex_;
  base::CondVar work_;
  std::map<std::string, KindOfWork, std::less<>> kinds_ FORELOG_GUARDED_BY(mutex_);
  Schedule schedule_ FORELOG_GUARDED_BY(mutex_);
  bool started_ FORELOG_GUARDED_BY(mutex_) = false;
  bool missed_ FORELOG_GUARDED_BY(mutex_) = false;  // There was no memory to schedule one.
  bool stopping_ FORELOG_GUARDED_BY(mutex_) = false;
  std::vector<base::Thread> threads_ FORELOG_GUARDED_BY(mutex_);
};

}  // namespace forelog::intents
