// Completions: the queue behind Log::notify, and the thread that leads syncs for it and calls the
// callbacks. The same thread keeps the promises that no caller waits for: write-behind, and the
// watermark file saved about once a second.
// Threading: every method from any thread; callbacks run on the thread of its own, without a lock.
#pragma once

#include <array>
#include <chrono>
#include <deque>

#include "base/mutex.h"
#include "base/thread.h"
#include "log/writer.h"

namespace forelog::log {

class Completions {
 public:
  // `period` of write-behind and saving; 0: neither, and no thread until it is needed.
  Completions(Writer& writer, LiveView& view, std::chrono::milliseconds period);
  ~Completions();  // Without stop(): callbacks that are still due get `cancelled`.

  void add(Lsn lsn, Durability level, Log::Done done) FORELOG_EXCLUDES(mutex_);

  // Asks the thread to bring `lsn` to `level`, for a waiter that has a deadline.
  void request(Lsn lsn, Durability level) FORELOG_EXCLUDES(mutex_);

  // Calls every callback that is due, and ends the thread.
  void stop() FORELOG_EXCLUDES(mutex_);

 private:
  struct Due {
    Lsn lsn;
    Log::Done done;
  };
  void start() FORELOG_REQUIRES(mutex_);
  void run() FORELOG_EXCLUDES(mutex_);
  Status wait(Lsn lsn, Durability level) FORELOG_EXCLUDES(mutex_);
  // Serves one level; false when there was nothing to do.
  bool serve(Durability level) FORELOG_REQUIRES(mutex_);

  Writer& writer_;
  LiveView& view_;
  const std::chrono::milliseconds period_;

  base::Mutex mutex_;
  base::CondVar wake_;
  bool stop_ FORELOG_GUARDED_BY(mutex_) = false;
  bool idle_ FORELOG_GUARDED_BY(mutex_) = false;
  std::array<std::deque<Due>, 3> due_ FORELOG_GUARDED_BY(mutex_);  // By level, in order of LSN.
  std::array<Lsn, 3> requested_ FORELOG_GUARDED_BY(mutex_);        // By level.
  base::Thread thread_ FORELOG_GUARDED_BY(mutex_);
};

}  // namespace forelog::log
