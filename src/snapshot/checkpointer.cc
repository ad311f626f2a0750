#include "snapshot/checkpointer.h"

#include <algorithm>
#include <utility>

#include "base/guarded.h"
#include "base/simulation.h"
#include "forelog/snapshot.h"
#include "forelog/try.h"

namespace forelog::snapshot {

using base::guarded;

namespace {

// How often a state that changes is looked at.
constexpr std::chrono::milliseconds kLookEvery{50};
constexpr std::chrono::milliseconds kRetryFirst{1000}, kRetryLast{60'000};

std::chrono::nanoseconds to_nanoseconds(std::chrono::duration<double> time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time);
}

}  // namespace

Result<std::unique_ptr<StateMachine>> made(const DurableBase::Make& make) {
  return base::contained("what makes a state", [&]() -> Result<std::unique_ptr<StateMachine>> {
    std::unique_ptr<StateMachine> state = make();
    if (state == nullptr) return Status(Code::invalid_argument, "what makes a state made none");
    return state;
  });
}

Checkpointer::Checkpointer(Log& log, Snapshots& snapshots, ApplyQueue& queue,
                           DurableBase::Make make, const DurableOptions& options,
                           const Recovered& recovered)
    : log_(log),
      snapshots_(snapshots),
      queue_(queue),
      make_(std::move(make)),
      policy_(options.checkpoints),
      recovery_{
          .on_progress = {}, .threads = options.recovery.threads, .stop = stopping_.get_token()},
      snapshot_{.lsn = recovered.snapshot},
      snapshot_time_(base::now()),
      retry_delay_(kRetryFirst),
      replace_damaged_(policy_.automatic && !recovered.damaged.empty()) {
  estimate_.measured(recovered);
}

Checkpointer::~Checkpointer() { stop(); }

Status Checkpointer::start() {
  return guarded([this] {
    thread_ = base::Thread([this] { run(); });
    return Status();
  });
}

void Checkpointer::stop() {
  {
    base::MutexLock lock(mutex_);
    stop_ = true;
    woken_.notify_all();
  }
  stopping_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void Checkpointer::wake() {
  base::MutexLock lock(mutex_);
  busy_.store(true, std::memory_order_relaxed);
  woken_.notify_all();
}

void Checkpointer::run() {
  base::MutexLock lock(mutex_);
  while (!stop_) {
    if (!busy_.load(std::memory_order_relaxed) && !replace_damaged_) {
      woken_.wait(mutex_);
      continue;
    }
    const base::SteadyTime next = base::now() + kLookEvery;
    {
      base::MutexUnlock unlock(mutex_);
      look(base::now());
    }
    while (!stop_ && woken_.wait_until(mutex_, next)) {
    }
  }
}

void Checkpointer::look(base::SteadyTime now) {
  // Before the state is looked at: what comes later is noted again.
  busy_.store(false, std::memory_order_relaxed);
  const ApplyQueue::Report report = queue_.take_report();
  {
    base::MutexLock lock(mutex_);
    estimate_.applied(report.time, report.commands);
    if (report.applied.lsn > snapshot_.lsn) busy_.store(true, std::memory_order_relaxed);
    if (!due(report.applied, now)) return;
  }
  (void)checkpoint();  // How it ended is in the statistics.
}

bool Checkpointer::due(const Applied& applied, base::SteadyTime now) {
  if (!policy_.automatic || (retry_at_ && now < *retry_at_)) return false;
  if (retry_at_ || replace_damaged_) return true;
  const Behind behind = this->behind(applied);
  if (behind.commands == 0) return false;
  if (policy_.log_bytes_max != 0 && behind.bytes >= policy_.log_bytes_max) return true;
  const Seconds since = now - snapshot_time_;
  if (policy_.interval.count() != 0 && since >= policy_.interval) return true;
  if (policy_.reopen_within.count() == 0 || since.count() <= 0) return false;
  // As much again comes while the snapshot is saved, and a crash may come before it is done.
  const Seconds replay =
      estimate_.replay(behind.commands, behind.bytes) * (1 + estimate_.save() / since);
  return replay >= estimate_.replay_allowed(policy_.reopen_within);
}

Checkpointer::Behind Checkpointer::behind(const Applied& applied) const {
  // The snapshot of a second state may be ahead of the first.
  if (applied.lsn <= snapshot_.lsn) return {};
  return {applied.lsn.value - snapshot_.lsn.value,
          applied.bytes - std::min(applied.bytes, snapshot_.bytes)};
}

Result<Lsn> Checkpointer::checkpoint() {
  base::MutexLock running(running_);
  if (queue_.applied() == Lsn()) {
    return Status(Code::invalid_argument, "there is nothing yet to make a snapshot of");
  }
  {
    base::MutexLock lock(mutex_);
    if (stop_) return Status(Code::cancelled, "the state is closed: no snapshot was made");
  }
  const Result<Made> made =
      base::contained("the state", [&]() FORELOG_REQUIRES(running_) { return make_snapshot(); });
  Status status = made ? Status() : made.error();
  if (made && policy_.trim) {
    status = log_.keep_from(made->oldest.next())
                 .with_context("the snapshot is made; drop the log that it covers");
  }
  note(status, made ? &*made : nullptr);
  FORELOG_TRY(std::move(status));
  return made->at.lsn;
}

Result<Checkpointer::Made> Checkpointer::make_snapshot() {
  Made made;
  std::unique_ptr<StateMachine::Image> image;
  const base::SteadyTime asked = base::now();
  Status health;
  queue_.between_commands([&](const StateMachine& state, const Applied& applied) {
    made.at = applied;
    // A command that could not be applied may have left half of itself in the state.
    health = queue_.health();
    if (health.ok()) image = state.freeze();
  });
  FORELOG_TRY(health.with_context("no snapshot is made of what is closed to updates"));
  if (base::makes(base::Mistake::snapshot_of_later_lsn)) {
    queue_.between_commands(
        [&](const StateMachine& state, const Applied&) { image = state.freeze(); });
  }
  const base::SteadyTime frozen = base::now();
  made.pause = frozen - asked;
  if (image == nullptr) return save_rebuilt(made.at);
  made.oldest = FORELOG_TRY(forelog::checkpoint(log_, snapshots_, *image, made.at.lsn));
  made.save_time = base::now() - frozen;
  return made;
}

// The second state is all that is synced, be it applied yet or not: at least what is applied now.
Result<Checkpointer::Made> Checkpointer::save_rebuilt(Applied applied) {
  Made made;
  FORELOG_TRY(log_.wait(applied.lsn, Durability::synced));
  const std::unique_ptr<StateMachine> second = FORELOG_TRY(forelog::snapshot::made(make_));
  const Recovered rebuilt = FORELOG_TRY(recover(log_, snapshots_, *second, recovery_));
  const base::SteadyTime built = base::now();
  made.oldest = FORELOG_TRY(forelog::checkpoint(log_, snapshots_, *second, rebuilt.applied));
  made.save_time = base::now() - built;
  made.at = {rebuilt.applied, applied.bytes};  // But for what was on its way: near enough.
  made.rebuilt = rebuilt;
  return made;
}

void Checkpointer::note(const Status& status, const Made* made) {
  base::MutexLock lock(mutex_);
  stats_.last_checkpoint_status = status;
  const base::SteadyTime now = base::now();
  if (made == nullptr) {
    ++stats_.checkpoints_failed;
    retry_at_ = now + retry_delay_;
    retry_delay_ = std::min(retry_delay_ * 2, kRetryLast);
    return;
  }
  ++stats_.checkpoints;
  retry_at_.reset();
  retry_delay_ = kRetryFirst;
  replace_damaged_ = false;
  snapshot_ = made->at;
  snapshot_time_ = now - made->save_time;
  if (made->rebuilt) estimate_.measured(*made->rebuilt);
  estimate_.saved(made->save_time);
  stats_.last_checkpoint = made->save_time;
  if (made->rebuilt)
    stats_.last_checkpoint += made->rebuilt->load_time + made->rebuilt->replay_time;
  stats_.last_pause = made->pause;
}

DurableStats Checkpointer::stats() {
  const ApplyQueue::Report report = queue_.take_report();
  base::MutexLock lock(mutex_);
  estimate_.applied(report.time, report.commands);
  const Behind behind = this->behind(report.applied);
  DurableStats stats = stats_;
  stats.applied = report.applied.lsn;
  stats.snapshot = snapshot_.lsn;
  stats.commands_behind = behind.commands;
  stats.bytes_behind = behind.bytes;
  const Seconds load = snapshot_.lsn == Lsn() ? Seconds(0) : estimate_.load();
  stats.load_estimate = to_nanoseconds(load);
  stats.reopen_estimate =
      to_nanoseconds(load + estimate_.replay(stats.commands_behind, stats.bytes_behind));
  stats.replay_records_per_second = estimate_.commands_per_second();
  return stats;
}

}  // namespace forelog::snapshot
