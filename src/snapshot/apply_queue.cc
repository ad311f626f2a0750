#include "snapshot/apply_queue.h"

#include "base/guarded.h"
#include "base/text.h"

namespace forelog::snapshot {

using base::concat;
using base::guarded;

namespace {
constexpr std::chrono::milliseconds kRetry{10};
}

ApplyQueue::ApplyQueue(Log& log, StateMachine& state, Applied applied)
    : log_(log),
      state_(state),
      applied_bytes_(applied.bytes),
      applied_lsn_(applied.lsn.value),
      applied_(applied) {}

Status ApplyQueue::start() {
  return guarded([this] {
    thread_ = base::Thread([this] { run(); });
    return Status();
  });
}

void ApplyQueue::stop() {
  {
    base::MutexLock lock(mutex_);
    stop_ = true;
    abandoned_changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

Status ApplyQueue::health() const {
  base::MutexLock lock(mutex_);
  return failure_;
}

// Not "when its slot is free": one whose turn comes earlier may be on its way to the same slot, and what
// took it would wait for that one for ever.
bool ApplyQueue::enter(Update& update, const std::optional<Deadline>& deadline) {
  if (update.entered) return true;
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
  Slot& own = slot(update.lsn);
  own.level.store(update.level, std::memory_order_relaxed);
  update.entered = true;
  own.update.store(&update, std::memory_order_release);
  return true;
}

// False when the deadline passed.
bool ApplyQueue::wait(const std::optional<Deadline>& deadline) {
  if (deadline) return changed_.wait_until(mutex_, *deadline);
  changed_.wait(mutex_);
  return true;
}

bool ApplyQueue::settle(Update& update, const std::optional<Deadline>& deadline) {
  if (update.settled.load(std::memory_order_acquire)) return true;
  base::MutexLock lock(mutex_);
  bool in_time = true;
  while (true) {
    if (update.settled.load(std::memory_order_acquire)) return true;
    if (refused(update.lsn) && take_out(update)) {
      update.status = refusal(update.lsn);
      return true;
    }
    if (!in_time) return false;
    if (!role_taken_ && roles_wanted_ == 0) {
      role_taken_ = true;
      {
        base::MutexUnlock unlock(mutex_);
        drain(update.lsn, deadline);
      }
      leave_role_locked();
      if (update.settled.load(std::memory_order_acquire) || refused(update.lsn)) continue;
    }
    // What is before it is not ready. Its owner will come along, and apply this one too.
    in_time = wait(deadline);
  }
}

// False: somebody has claimed it, and settles it.
bool ApplyQueue::take_out(Update& update) {
  Update* in_slot = &update;
  return !update.entered || slot(update.lsn).update.compare_exchange_strong(in_slot, nullptr);
}

// What became of one that was claimed.
Status ApplyQueue::settled(Update& update) {
  leaving_.fetch_add(1);
  while (!update.settled) changed_.wait(mutex_);
  leaving_.fetch_sub(1);
  return std::move(update.status);
}

Status ApplyQueue::fail(Update& update, Status why) {
  base::MutexLock lock(mutex_);
  if (!take_out(update)) return settled(update);
  fail_at(update.lsn, why);
  return why;
}

bool ApplyQueue::abandon(Update& update, Status& status) {
  base::MutexLock lock(mutex_);
  const Status kept = guarded([&]() FORELOG_REQUIRES(mutex_) {
    auto copy = std::make_unique<Abandoned>();
    copy->command.assign(update.command.begin(), update.command.end());
    copy->update.command = ByteView(std::span<const std::byte>(copy->command));
    copy->update.level = update.level;
    copy->update.lsn = update.lsn;
    abandoned_[update.lsn.value] = std::move(copy);
    return Status();
  });
  if (!kept.ok()) return false;
  // Only now, for it to be in one of the two places at any time.
  some_abandoned_ = true;
  if (!take_out(update)) {
    abandoned_.erase(update.lsn.value);
    status = settled(update);
  } else if (refused(update.lsn)) {
    abandoned_.erase(update.lsn.value);
    status = refusal(update.lsn);
  }
  if (abandoned_next() != nullptr) abandoned_changed_.notify_all();
  return true;
}

// Nullptr: its turn is not there yet.
const Update* ApplyQueue::abandoned_next() const {
  if (abandoned_.empty() || abandoned_.begin()->first != applied().next().value) return nullptr;
  return &abandoned_.begin()->second->update;
}

// What is before it is applied, and who comes behind it waits: the record reaches its level now, or
// never will.
void ApplyQueue::run() {
  base::MutexLock lock(mutex_);
  while (!stop_) {
    const Update* const next = abandoned_next();
    if (next == nullptr || base::makes(base::Mistake::forget_abandoned)) {
      abandoned_changed_.wait(mutex_);
      continue;
    }
    const Lsn lsn = next->lsn;
    const Durability level = next->level;
    Status waited;
    {
      base::MutexUnlock unlock(mutex_);
      waited = log_.wait(lsn, level);
      if (waited.ok()) apply_ready(lsn);
    }
    if (waited.ok()) continue;
    if (base::makes(base::Mistake::strand_behind_abandoned)) return;
    if (log_.health().ok()) {  // It was only memory that ran out.
      abandoned_changed_.wait_until(mutex_, base::now() + kRetry);
      continue;
    }
    if (lsn > applied()) fail_at(lsn, std::move(waited));
  }
}

void ApplyQueue::apply_ready(Lsn through) {
  take_role();
  drain(through, {});
  leave_role();
}

ApplyQueue::Report ApplyQueue::take_report() {
  base::MutexLock lock(mutex_);
  Report report = std::exchange(report_, Report());
  report.applied.lsn = applied();
  report.applied.bytes = applied_bytes_.load(std::memory_order_relaxed);
  return report;
}

void ApplyQueue::take_role() {
  base::MutexLock lock(mutex_);
  ++roles_wanted_;
  while (role_taken_) changed_.wait(mutex_);
  --roles_wanted_;
  role_taken_ = true;
}

void ApplyQueue::leave_role() {
  base::MutexLock lock(mutex_);
  leave_role_locked();
}

void ApplyQueue::leave_role_locked() {
  role_taken_ = false;
  report_.time += std::exchange(apply_time_, {});
  report_.commands += std::exchange(apply_commands_, 0);
  changed_.notify_all();
  if (abandoned_next() != nullptr) abandoned_changed_.notify_all();
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
  abandoned_.erase(abandoned_.lower_bound(lsn.value), abandoned_.end());
  changed_.notify_all();
}

void ApplyQueue::drain(Lsn through, const std::optional<Deadline>& deadline) {
  Watermarks marks = log_.watermarks();
  bool in_time = true;
  while (in_time && applied_.lsn < through) {
    Update* next = claim_next(marks);
    if (next == nullptr) return;
    base::ExclusiveLock lock(state_mutex_);
    const base::SteadyTime started = base::now();
    for (std::size_t count = 1; next != nullptr; ++count) {
      if (!apply(*next)) return;
      ++apply_commands_;
      in_time = !deadline || base::now() < *deadline;
      next = in_time && count < kCommandsAtOnce ? claim_next(marks) : nullptr;
    }
    apply_time_ += base::now() - started;
  }
}

Update* ApplyQueue::claim_next(Watermarks& marks) {
  const Lsn lsn = applied_.lsn.next();
  if (refused(lsn)) return nullptr;
  Slot* holder = &slot(lsn);
  Update* next = holder->update.load(std::memory_order_acquire);
  if (base::makes(base::Mistake::apply_out_of_order) && next == nullptr) {
    holder = &slot(lsn.next());
    next = holder->update.load(std::memory_order_acquire);
  }
  // Where its owner is still on the way here, it will look after it when it is.
  if (next == nullptr) return some_abandoned_ ? claim_abandoned(lsn, marks) : nullptr;
  if (!reached(holder->level.load(std::memory_order_relaxed), lsn, marks)) return nullptr;
  // What its owner takes out meanwhile will be among the abandoned, and has its turn there.
  const bool claimed = holder->update.compare_exchange_strong(next, nullptr);
  return claimed ? next : nullptr;
}

Update* ApplyQueue::claim_abandoned(Lsn lsn, Watermarks& marks) {
  base::MutexLock lock(mutex_);
  const auto found = abandoned_.find(lsn.value);
  some_abandoned_ = !abandoned_.empty();
  if (found == abandoned_.end() || !reached(found->second->update.level, lsn, marks))
    return nullptr;
  claimed_ = std::move(found->second);
  abandoned_.erase(found);
  return &claimed_->update;
}

bool ApplyQueue::reached(Durability level, Lsn lsn, Watermarks& marks) const {
  if (base::makes(base::Mistake::apply_before_durable)) return true;
  if (marks.at(level) < lsn) marks = log_.watermarks();
  return marks.at(level) >= lsn;
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
  applied_bytes_.store(applied_.bytes, std::memory_order_relaxed);
  // This lets another one into the slot.
  applied_lsn_.store(applied_.lsn.value, std::memory_order_release);
  update.settled.store(true);  // It may be gone from here on.
  if (leaving_ > 0) {
    base::MutexLock lock(mutex_);
    changed_.notify_all();
  }
  return ok;
}

}  // namespace forelog::snapshot
