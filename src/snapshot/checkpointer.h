// Checkpointer: decides when a Durable makes a snapshot, and makes it, on a thread of its own or at the
// caller's word. Updates go on meanwhile: it saves an image of the state, or builds a second state
// from the last snapshot and the log. Part of Durable; implements docs/snapshots.md, "Checkpoints".
//
// Threading: every method may be called from any thread, but for the destructor.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/mutex.h"
#include "base/thread.h"
#include "forelog/durable.h"
#include "snapshot/apply_queue.h"
#include "snapshot/reopen_estimate.h"

namespace forelog::snapshot {

// An empty state, or why there is none.
Result<std::unique_ptr<StateMachine>> made(const DurableBase::Make& make);

class Checkpointer {
 public:
  // `recovered` is how the state came about; all of it must outlive this.
  Checkpointer(Log& log, Snapshots& snapshots, ApplyQueue& queue, DurableBase::Make make,
               const DurableOptions& options, const Recovered& recovered);
  ~Checkpointer();  // Waits for a checkpoint that is under way.
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  Status start();                        // The thread.
  void stop() FORELOG_EXCLUDES(mutex_);  // Ends it; what is being saved is saved first.

  // Something was applied. Cheap.
  void note_update() {
    if (!busy_.load(std::memory_order_relaxed)) wake();
  }

  Result<Lsn> checkpoint() FORELOG_EXCLUDES(mutex_, running_);
  DurableStats stats() FORELOG_EXCLUDES(mutex_);

 private:
  using Seconds = ReopenEstimate::Seconds;

  // What a checkpoint found out.
  struct Made {
    Applied at;
    Lsn oldest;  // Snapshot that is kept.
    std::chrono::nanoseconds pause{0}, save_time{0};
    std::optional<Recovered> rebuilt;  // Of the second state.
  };

  struct Behind {
    std::uint64_t commands = 0, bytes = 0;
  };
  Behind behind(const Applied& applied) const FORELOG_REQUIRES(mutex_);
  void run() FORELOG_EXCLUDES(mutex_);
  void wake() FORELOG_EXCLUDES(mutex_);
  void look(base::SteadyTime now) FORELOG_EXCLUDES(mutex_);
  bool due(const Applied& applied, base::SteadyTime now) FORELOG_REQUIRES(mutex_);
  Result<Made> make_snapshot() FORELOG_REQUIRES(running_);
  Result<Made> save_rebuilt(Applied applied) FORELOG_REQUIRES(running_);
  void note(const Status& status, const Made* made) FORELOG_EXCLUDES(mutex_);

  Log& log_;
  Snapshots& snapshots_;
  ApplyQueue& queue_;
  const DurableBase::Make make_;
  const CheckpointPolicy policy_;
  std::stop_source stopping_;  // Of a second state that is being built.
  const RecoverOptions recovery_;

  base::Mutex running_;  // Held by a checkpoint.

  base::Mutex mutex_;
  base::CondVar woken_;
  std::atomic<bool> busy_{false};  // The thread knows that there is something to watch.
  bool stop_ FORELOG_GUARDED_BY(mutex_) = false;
  ReopenEstimate estimate_ FORELOG_GUARDED_BY(mutex_);
  Applied snapshot_ FORELOG_GUARDED_BY(mutex_);  // What the newest snapshot covers.
  base::SteadyTime snapshot_time_ FORELOG_GUARDED_BY(mutex_);
  std::optional<base::SteadyTime> retry_at_ FORELOG_GUARDED_BY(mutex_);  // Behind a failure.
  std::chrono::milliseconds retry_delay_ FORELOG_GUARDED_BY(mutex_);
  bool replace_damaged_ FORELOG_GUARDED_BY(mutex_) = false;
  DurableStats stats_ FORELOG_GUARDED_BY(mutex_);

  base::Thread thread_;
};

}  // namespace forelog::snapshot
