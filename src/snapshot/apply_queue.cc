#include "snapshot/apply_queue.h"

#include "base/guarded.h"
#include "base/text.h"
#include "base/thread.h"

namespace forelog::snapshot {

using base::concat;
using base::guarded;

ApplyQueue::ApplyQueue(const Log& log, StateMachine& state, Applied applied)
    : log_(log), state_(state), applied_lsn_(applied.lsn.value), applied_(applied) {}

Status ApplyQueue::health() const {
  base::MutexLock lock(mutex_);
  return failure_;
}

// Not "when its slot is free": one whose turn comes earlier may be on its way to the same slot, and what
// took it would wait for that one for ever.
bool ApplyQueue::enter(Update& update, const std::optional<Deadline>& deadline) {
  const auto in_reach = [&] {
    return update.lsn.value <= applied_lsn_.load(std::memory_order_acquire) + kSlots;
  };
  if (!in_reach()) {
    base::MutexLock lock(mutex_);
    // Whoever applies wakes all of us with the lock held, behind that.
    for (bool in_time = true; !in_reach(); in_time = wait(deadline)) {
      if (refused(update.lsn)) return true;
      if (!in_time) return false;
    }
  }
  slot(update.lsn).store(&update, std::memory_order_release);
  return true;
}

// False when the deadline passed.
bool ApplyQueue::wait(const std::optional<Deadline>& deadline) {
  if (deadline) return changed_.wait_until(mutex_, *deadline);
  changed_.wait(mutex_);
  return true;
}

void ApplyQueue::leave(const Update& update) {
  if (slot(update.lsn).load(std::memory_order_relaxed) == &update) {
    slot(update.lsn).store(nullptr, std::memory_order_relaxed);
  }
  changed_.notify_all();
}

bool ApplyQueue::settle(Update& update, const std::optional<Deadline>& deadline) {
  if (update.settled.load(std::memory_order_acquire)) return true;
  base::MutexLock lock(mutex_);
  bool in_time = true;
  while (true) {
    if (update.settled.load(std::memory_order_acquire)) return true;
    if (!role_taken_ && roles_wanted_ == 0) {
      role_taken_ = true;
      {
        base::MutexUnlock unlock(mutex_);
        drain(&update);
      }
      leave_role_locked();
      if (update.settled.load(std::memory_order_acquire)) return true;
      if (refused(update.lsn)) {
        leave(update);
        update.status = refusal(update.lsn);
        return true;
      }
    }
    if (!in_time) return false;
    // What is before it is not ready. Its owner will come along, and apply this one too.
    in_time = wait(deadline);
  }
}

Status ApplyQueue::fail(Update& update, Status why) {
  base::MutexLock lock(mutex_);
  if (settled_or_alone(update)) return update.status;
  fail_at(update.lsn, why);
  leave(update);
  return why;
}

Status ApplyQueue::abandon(Update& update, Status why) {
  base::MutexLock lock(mutex_);
  if (settled_or_alone(update)) return update.status;
  const Status copied = guarded([&]() FORELOG_REQUIRES(mutex_) {
    auto copy = std::make_unique<Abandoned>();
    copy->command.assign(update.command.begin(), update.command.end());
    copy->update.command = ByteView(std::span<const std::byte>(copy->command));
    copy->update.level = update.level;
    copy->update.lsn = update.lsn;
    abandoned_[update.lsn.value] = std::move(copy);
    return Status();
  });
  if (!copied.ok()) fail_at(update.lsn, copied);
  leave(update);
  return why;
}

void ApplyQueue::note_abandoned(Lsn lsn, const Status& reached) {
  if (!base::makes(base::Mistake::strand_behind_abandoned)) {
    base::MutexLock lock(mutex_);
    if (!reached.ok() && lsn > applied()) fail_at(lsn, reached);
    changed_.notify_all();
  }
  apply_ready();
}

void ApplyQueue::apply_ready() {
  take_role();
  drain(nullptr);
  leave_role();
}

ApplyQueue::Report ApplyQueue::take_report() {
  take_role();
  Report report = std::exchange(report_, Report());
  report.applied = applied_;
  leave_role();
  return report;
}

void ApplyQueue::take_role() {
  base::MutexLock lock(mutex_);
  ++roles_wanted_;
  while (role_taken_) changed_.wait(mutex_);
  --roles_wanted_;
  role_taken_ = true;
}

// False: it is not settled, and nobody has the role.
bool ApplyQueue::settled_or_alone(const Update& update) {
  const auto settled = [&] { return update.settled.load(std::memory_order_acquire); };
  ++roles_wanted_;
  while (role_taken_ && !settled()) changed_.wait(mutex_);
  --roles_wanted_;
  changed_.notify_all();  // Those who let us go first.
  return settled();
}

void ApplyQueue::leave_role() {
  base::MutexLock lock(mutex_);
  leave_role_locked();
}

void ApplyQueue::leave_role_locked() {
  role_taken_ = false;
  abandoned_.erase(abandoned_.begin(), abandoned_.upper_bound(applied_.lsn.value));
  abandoned_.erase(abandoned_.lower_bound(failed_at_.load(std::memory_order_relaxed)),
                   abandoned_.end());
  changed_.notify_all();
}

Status ApplyQueue::refusal(Lsn lsn) const {
  return guarded(
      [&]() FORELOG_REQUIRES(mutex_) {
        return Status(Code::outcome_unknown,
                      concat("LSN ", lsn.value,
                             " may be in the log, and was not applied: ", failure_.message()));
      },
      Code::outcome_unknown);
}

void ApplyQueue::fail_at(Lsn lsn, Status why) {
  if (refused(lsn)) return;
  failed_at_.store(lsn.value, std::memory_order_relaxed);
  failure_ = std::move(why);
}

void ApplyQueue::drain(const Update* own) {
  Watermarks marks = log_.watermarks();
  // Whether it is settled is only for whoever has the role to say: it is still there.
  while (own == nullptr || !own->settled.load(std::memory_order_relaxed) ||
         abandoned_.contains(applied_.lsn.next().value)) {
    Update* next = next_ready(marks);
    if (next == nullptr) return;
    base::ExclusiveLock lock(state_mutex_);
    const base::SteadyTime started = base::now();
    std::size_t count = 0;
    for (; next != nullptr && count < kCommandsAtOnce; ++count) {
      if (!apply(*next)) return;
      next = next_ready(marks);
    }
    report_.time += base::now() - started;
    report_.commands += count;
  }
}

Update* ApplyQueue::next_ready(Watermarks& marks) {
  const Lsn lsn = applied_.lsn.next();
  if (refused(lsn)) return nullptr;
  Update* next = slot(lsn).load(std::memory_order_acquire);
  if (base::makes(base::Mistake::apply_out_of_order) && next == nullptr) next = slot(lsn.next());
  if (next == nullptr && !abandoned_.empty()) {
    const auto found = abandoned_.find(lsn.value);
    if (found != abandoned_.end()) next = &found->second->update;
  }
  // Where its owner is still on the way here, it will look after it when it is.
  if (next == nullptr) return nullptr;
  if (marks.at(next->level) < lsn) marks = log_.watermarks();
  if (base::makes(base::Mistake::apply_before_durable)) return next;
  return marks.at(next->level) < lsn ? nullptr : next;
}

bool ApplyQueue::apply(Update& update) {
  Status applied = base::contained("the state's apply",
                                   [&] { return state_.apply(update.lsn, update.command); });
  const bool ok = applied.ok();
  if (ok) {
    if (update.then != nullptr) {
      update.status = base::contained("it is applied; what was to look at the state then", [&] {
        update.then->call(update.then->context, state_);
        return Status();
      });
    }
    applied_.bytes += update.command.size();
    applied_.lsn = update.lsn;
  } else {
    // What is thrown here would keep the role for ever.
    update.status = guarded(
        [&] { return applied.with_context(concat("apply the command at LSN ", update.lsn.value)); },
        applied.code());
    base::MutexLock lock(mutex_);
    if (base::makes(base::Mistake::apply_past_failure)) {
      applied_.lsn = update.lsn;
    } else {
      fail_at(update.lsn, update.status);
    }
  }
  slot(update.lsn).store(nullptr, std::memory_order_relaxed);
  // Behind that: it lets another one into the slot.
  applied_lsn_.store(applied_.lsn.value, std::memory_order_release);
  update.settled.store(true, std::memory_order_release);  // It may be gone from here on.
  return ok;
}

}  // namespace forelog::snapshot
