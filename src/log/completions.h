// Completions: the queues behind Log::notify, and the thread that leads syncs for them and calls
// the callbacks. The same thread keeps the promises that no caller waits for: write-behind, and the
// watermark file saved about once a second.
//
// A record costs one short lock, and no allocation: a callback goes to the back of its level's
// `added`, which the thread takes as a whole when it has called all that it took before. The two
// vectors change places, and keep their memory. Those that come behind a higher LSN, as between
// threads that append, wait in a list of their own, and are merged in by LSN when they are called.
//
// Threading: every method from any thread; callbacks run on the thread of its own, without a lock.
// Invariant: the LSNs of `added` ascend, from those of `taken` on.
#pragma once

#include <array>
#include <chrono>
#include <list>
#include <vector>

#include "base/mutex.h"
#include "base/thread.h"
#include "log/writer.h"

namespace forelog::log {

class Completions {
 public:
  // Of the options `write_behind` (0: nor is anything saved, and there is no thread until it is
  // needed) and `group_commit_delay_max`.
  Completions(Writer& writer, LiveView& view, const Options& options);
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
  // What the callers of add() and request() leave for the thread, of one level.
  struct Incoming {
    std::vector<Due> added;
    std::list<Due> late;  // Behind a higher LSN than their own.
    Lsn last;             // The highest in `added`, or in what the thread has of it.
    Lsn requested;

    bool empty() const { return added.empty() && late.empty() && requested == Lsn(); }
  };
  // The thread's own, of one level.
  struct Taken {
    std::vector<Due> due;
    std::size_t next = 0;  // Those before it are called.
    std::list<Due> late;   // In order of LSN.
    Lsn limit;             // What is called next: none that lies behind one still to be taken.
    Lsn requested;

    bool used_up() const { return next == due.size(); }
    Due* front();  // The one with the lowest LSN; null: there is none.
    void drop(Due* front);
  };

  void start() FORELOG_REQUIRES(mutex_);
  void run() FORELOG_EXCLUDES(mutex_);
  Status wait(Lsn lsn, Durability level) FORELOG_EXCLUDES(mutex_);
  // Takes what has been added and requested for `level`.
  void take(Durability level) FORELOG_EXCLUDES(mutex_);
  // Serves one level; false when there was nothing to do.
  bool serve(Durability level) FORELOG_EXCLUDES(mutex_);
  void call_until(Lsn until, Durability level, const Status& status) FORELOG_EXCLUDES(mutex_);
  // After a sync that took so long.
  void gather(std::uint64_t called, std::chrono::nanoseconds sync_time) FORELOG_EXCLUDES(mutex_);
  void keep_promises() FORELOG_EXCLUDES(mutex_);
  // False: the log is closed, and nothing is left to do.
  bool sleep_until(base::SteadyTime tick) FORELOG_EXCLUDES(mutex_);

  Writer& writer_;
  LiveView& view_;
  const std::chrono::milliseconds period_;
  const std::chrono::microseconds gather_max_;

  // The thread's own.
  std::array<Taken, 3> taken_;  // By level.
  std::uint64_t called_ = 0;    // Callbacks of the level `synced`.
  // Syncs that nothing is gathered for: after the last time that was in vain; from now on.
  std::uint32_t back_off_ = 0, pause_ = 0;

  // On cache lines of their own: adders write here at every record, the thread once a run.
  alignas(64) base::Mutex mutex_;
  bool stop_ FORELOG_GUARDED_BY(mutex_) = false;
  bool asleep_ FORELOG_GUARDED_BY(mutex_) = false;        // The thread is to be woken, ...
  std::uint64_t wake_at_ FORELOG_GUARDED_BY(mutex_) = 0;  // ... for `synced` by this one added.
  std::uint64_t added_ FORELOG_GUARDED_BY(mutex_) = 0;    // Callbacks of the level `synced`.
  std::array<Incoming, 3> incoming_ FORELOG_GUARDED_BY(mutex_);  // By level.
  base::CondVar wake_;
  base::Thread thread_ FORELOG_GUARDED_BY(mutex_);
};

}  // namespace forelog::log
