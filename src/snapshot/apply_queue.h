// ApplyQueue: brings updates, whose callers wait for their records each by itself, into the state in
// order of LSN. Whoever finds its record durable enough, and nobody at it, applies its own and all
// others that are ready, so that one thread serves a whole group and nobody waits for one that sleeps.
// Part of Durable.
//
// An update lives where its caller put it, mostly on its stack. The queue knows it from enter() until it
// is settled, or its caller has taken it out: nobody looks at it who has not claimed it before, by
// emptying its slot, and then it is settled soon. What its caller has left is applied by a thread of the
// queue's own, which nobody else waits for.
//
// Threading: every method may be called from any thread, each update's by its owner alone.
// Invariant: what is applied is applied in order of LSN, without a gap.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/shared_mutex.h"
#include "base/simulation.h"
#include "base/thread.h"
#include "forelog/durable.h"
#include "forelog/log.h"

namespace forelog::snapshot {

struct Update {
  ByteView command;
  Durability level = Durability::synced;
  const DurableBase::Then* then = nullptr;
  Lsn lsn;
  bool entered = false;              // Only for the queue.
  Status status;                     // Of apply. Written before `settled`.
  std::atomic<bool> settled{false};  // Applied, or at least tried; nobody looks at it any more.
};

// How far a state is.
struct Applied {
  Lsn lsn;
  std::uint64_t bytes = 0;  // Of the commands applied so far, since some beginning.
};

class ApplyQueue {
 public:
  // `state` has the effects of the records up to `applied`.
  ApplyQueue(Log& log, StateMachine& state, Applied applied);
  ~ApplyQueue() { stop(); }
  ApplyQueue(const ApplyQueue&) = delete;
  ApplyQueue& operator=(const ApplyQueue&) = delete;

  Status start();                        // The thread that applies what callers have left.
  void stop() FORELOG_EXCLUDES(mutex_);  // Ends it, while the log is open.

  // Ok, or why nothing more will be applied.
  Status health() const FORELOG_EXCLUDES(mutex_);
  bool failed() const noexcept { return refused(Lsn(UINT64_MAX - 1)); }

  // The update has its LSN. False: the deadline passed while it was too far ahead of what is applied;
  // it is not in, and is to be abandoned. May be called again.
  bool enter(Update& update, const std::optional<Deadline>& deadline) FORELOG_EXCLUDES(mutex_);
  // Its record has reached its level: returns once it is applied, and what apply said is in `status`.
  // False: the deadline passed before; it is to be abandoned.
  bool settle(Update& update, const std::optional<Deadline>& deadline) FORELOG_EXCLUDES(mutex_);
  // Its record will not reach its level, as `why` says: it, and what comes behind it, is not applied.
  Status fail(Update& update, Status why) FORELOG_EXCLUDES(mutex_);
  // Its caller waits no longer, but for apply where that has begun with it. The queue keeps a copy, and
  // applies it when it is ready. `status` becomes what apply said if it was applied meanwhile. False:
  // there is no memory for that, and it has to be waited for.
  bool abandon(Update& update, Status& status) FORELOG_EXCLUDES(mutex_);
  // Applies what is ready, up to `through`.
  void apply_ready(Lsn through) FORELOG_EXCLUDES(mutex_);

  // Calls `look` between two commands, with what is applied. Readers are not kept out.
  template <typename Look>
  void between_commands(Look look) FORELOG_EXCLUDES(mutex_) {
    // What `look` throws, for want of memory, must not keep the role.
    const Role role(*this);
    look(std::as_const(state_), applied_);
  }

  StateMachine& state() const noexcept { return state_; }
  base::SharedMutex& state_mutex() const noexcept { return state_mutex_; }
  Lsn applied() const noexcept { return Lsn(applied_lsn_.load(std::memory_order_acquire)); }

  struct Report {
    Applied applied;
    // What apply took, and for how many commands, since the last report.
    std::chrono::nanoseconds time{0};
    std::uint64_t commands = 0;
  };
  Report take_report() FORELOG_EXCLUDES(mutex_);  // Waits for nobody who applies.

 private:
  struct Slot {
    std::atomic<Update*> update{nullptr};
    // Written before `update`. Nobody else uses the slot until all before the update is applied.
    std::atomic<Durability> level{Durability::synced};
  };
  struct Abandoned {
    std::vector<std::byte> command;
    Update update;
  };

  // A power of two. What is further ahead of what is applied waits for its turn to enter.
  static constexpr std::size_t kSlots = base::sized_for(1024, 4);
  // Readers get in at the latest behind so many commands.
  static constexpr std::size_t kCommandsAtOnce = base::sized_for(64, 3);

  Slot& slot(Lsn lsn) { return slots_[lsn.value % kSlots]; }
  class Role {
   public:
    explicit Role(ApplyQueue& queue) : queue_(queue) { queue_.take_role(); }
    ~Role() { queue_.leave_role(); }
    Role(const Role&) = delete;
    Role& operator=(const Role&) = delete;

   private:
    ApplyQueue& queue_;
  };
  void take_role() FORELOG_EXCLUDES(mutex_);
  void leave_role() FORELOG_EXCLUDES(mutex_);
  void leave_role_locked() FORELOG_REQUIRES(mutex_);
  bool refused(Lsn lsn) const { return lsn.value >= failed_at_.load(std::memory_order_relaxed); }
  Status refusal(Lsn lsn) const FORELOG_REQUIRES(mutex_);
  bool wait(const std::optional<Deadline>& deadline) FORELOG_REQUIRES(mutex_);
  bool take_out(Update& update);
  Status settled(Update& update) FORELOG_REQUIRES(mutex_);
  void fail_at(Lsn lsn, Status why) FORELOG_REQUIRES(mutex_);
  const Update* abandoned_next() const FORELOG_REQUIRES(mutex_);
  void run() FORELOG_EXCLUDES(mutex_);
  // These belong to whoever has the role.
  // Applies what is ready: up to `through`, and what of the same group is behind that.
  void drain(Lsn through, const std::optional<Deadline>& deadline) FORELOG_EXCLUDES(mutex_);
  Update* claim_next(Watermarks& marks) FORELOG_EXCLUDES(mutex_);
  Update* claim_abandoned(Lsn lsn, Watermarks& marks) FORELOG_EXCLUDES(mutex_);
  bool reached(Durability level, Lsn lsn, Watermarks& marks) const;
  bool apply(Update& update) FORELOG_REQUIRES(state_mutex_) FORELOG_EXCLUDES(mutex_);

  Log& log_;
  StateMachine& state_;
  mutable base::SharedMutex state_mutex_;
  // As applied_. Whoever reads both reads the bytes last, and gets no less than belong to the LSN.
  std::atomic<std::uint64_t> applied_bytes_, applied_lsn_;
  std::atomic<std::uint64_t> failed_at_{UINT64_MAX};  // From this LSN on nothing is applied.
  std::array<Slot, kSlots> slots_;

  // Only touched by whoever has the role.
  Applied applied_;
  std::chrono::nanoseconds apply_time_{0};  // Since it was taken.
  std::uint64_t apply_commands_ = 0;
  std::unique_ptr<Abandoned> claimed_;  // Of the abandoned, the one being applied.

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  bool role_taken_ FORELOG_GUARDED_BY(mutex_) = false;
  // Those who wait for it. Who comes to apply its own lets them go first: there are always some of
  // those, and others would wait for ever.
  std::size_t roles_wanted_ FORELOG_GUARDED_BY(mutex_) = 0;
  std::atomic<std::size_t> leaving_{0};  // Those who wait for apply to end with their own.
  Status failure_ FORELOG_GUARDED_BY(mutex_);
  Report report_ FORELOG_GUARDED_BY(mutex_);
  std::map<std::uint64_t, std::unique_ptr<Abandoned>> abandoned_ FORELOG_GUARDED_BY(mutex_);
  std::atomic<bool> some_abandoned_{false};  // For whoever has the role not to lock in vain.
  base::CondVar abandoned_changed_;
  bool stop_ FORELOG_GUARDED_BY(mutex_) = false;
  base::Thread thread_;
};

}  // namespace forelog::snapshot
