#include "log/completions.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/guarded.h"

namespace forelog::log {

using base::MutexLock;

namespace {

// What a queue keeps room for when it is empty: 2.5 MiB.
constexpr std::size_t kKeptMax = 64 * 1024;

// Fewer come back while the thread wakes up.
constexpr std::uint64_t kGatheredMin = 32;
// Falling asleep and waking up take about as long.
constexpr std::chrono::microseconds kGatherMin{20};
constexpr std::uint32_t kBackOffMax = 63;

constexpr Lsn kNoLimit{UINT64_MAX};

constexpr std::array kLevels = {Durability::buffered, Durability::written, Durability::synced};

constexpr std::size_t index_of(Durability level) { return static_cast<std::size_t>(level); }

}  // namespace

Completions::Due* Completions::Taken::front() {
  Due* const in_order = used_up() ? nullptr : &due[next];
  if (late.empty()) [[likely]]
    return in_order;
  Due* const other = &late.front();
  return in_order == nullptr || other->lsn < in_order->lsn ? other : in_order;
}

void Completions::Taken::drop(Due* front) {
  if (!late.empty() && front == &late.front()) [[unlikely]]
    return late.pop_front();
  front->done = nullptr;  // What the callback holds goes with it.
  ++next;
}

Completions::Completions(Writer& writer, LiveView& view, const Options& options)
    : writer_(writer),
      view_(view),
      period_(options.write_behind),
      gather_max_(options.group_commit_delay_max) {
  MutexLock lock(mutex_);
  if (period_.count() > 0) start();
}

Completions::~Completions() { stop(); }

void Completions::start() {
  if (!thread_.joinable() && !stop_) thread_ = base::Thread([this] { run(); });
}

void Completions::add(Lsn lsn, Durability level, Log::Done done) {
  bool wake = false;
  const auto enqueue = [&]() -> Status {
    MutexLock lock(mutex_);
    if (stop_) return {Code::cancelled, "the log is closed"};
    start();
    Incoming& incoming = incoming_[index_of(level)];
    const bool in_order = lsn >= incoming.last;
    // First what may throw: `done` must be called, whatever happens.
    Due& due = in_order ? incoming.added.emplace_back() : incoming.late.emplace_back();
    due.lsn = lsn;
    due.done = std::move(done);
    if (in_order) incoming.last = lsn;
    if (level == Durability::synced) ++added_;
    wake = asleep_ && (level != Durability::synced || added_ >= wake_at_);
    if (wake) asleep_ = false;
    return {};
  };
  const Status queued = base::guarded(enqueue, Code::outcome_unknown);
  if (!queued.ok()) return done(queued);
  // Why without the lock: the thread runs at once, and would only queue for it.
  if (wake) wake_.notify_one();
}

Status Completions::wait(Lsn lsn, Durability level) {
  return base::guarded([&] { return writer_.wait(lsn, level, std::nullopt, true); },
                       Code::outcome_unknown);
}

void Completions::request(Lsn lsn, Durability level) {
  bool wake = false;
  {
    MutexLock lock(mutex_);
    if (stop_) return;
    start();
    Lsn& requested = incoming_[index_of(level)].requested;
    requested = std::max(requested, lsn);
    wake = std::exchange(asleep_, false);
  }
  if (wake) wake_.notify_one();
}

void Completions::take(Durability level) {
  Taken& taken = taken_[index_of(level)];
  std::list<Due> late;
  if (taken.used_up()) {
    taken.next = 0;
    taken.due.clear();
    if (taken.due.capacity() > kKeptMax) taken.due = std::vector<Due>();
  }
  {
    MutexLock lock(mutex_);
    Incoming& incoming = incoming_[index_of(level)];
    taken.requested = std::max(taken.requested, std::exchange(incoming.requested, Lsn()));
    late.swap(incoming.late);
    if (taken.due.empty()) {
      taken.due.swap(incoming.added);
      if (taken.due.empty()) incoming.last = Lsn();
    }
    taken.limit = incoming.added.empty() ? kNoLimit : incoming.added.front().lsn;
  }
  if (!late.empty()) {
    const auto by_lsn = [](const Due& a, const Due& b) { return a.lsn < b.lsn; };
    late.sort(by_lsn);
    taken.late.merge(late, by_lsn);
  }
}

bool Completions::serve(Durability level) {
  Taken& taken = taken_[index_of(level)];
  take(level);
  Lsn wanted = std::exchange(taken.requested, Lsn());
  if (const Due* front = taken.front()) wanted = std::max(wanted, front->lsn);
  if (wanted == Lsn()) return false;
  const auto started = base::now();
  const Status status = wait(wanted, level);
  const auto took = base::now() - started;
  const Lsn until = std::max(view_.reached(level), wanted);
  const std::uint64_t called_before = called_;
  // What was added while the record was waited for may be due as well.
  do {
    take(level);
    call_until(until, level, status);
  } while (taken.used_up() && !taken.due.empty());
  if (level == Durability::synced) gather(called_ - called_before, took);
  return true;
}

void Completions::call_until(Lsn until, Durability level, const Status& status) {
  Taken& taken = taken_[index_of(level)];
  until = std::min(until, taken.limit);
  while (Due* const each = taken.front()) {
    if (each->lsn > until) return;
    // One that is not reached although the wait was (or the other way round) asks for itself.
    const bool same = status.ok() == (each->lsn <= view_.reached(level));
    each->done(same ? status : wait(each->lsn, level));
    taken.drop(each);
    if (level == Durability::synced) ++called_;
  }
}

// Who has just been called often comes back with more, and one sync for all of it costs less than
// two. While it comes the thread sleeps, and is woken by the last of as many as were called; not
// for longer than half a sync, which is what can be gained. What was in vain is tried again after
// twice as many syncs.
void Completions::gather(std::uint64_t called, std::chrono::nanoseconds sync_time) {
  const auto limit = std::min<std::chrono::nanoseconds>(sync_time / 2, gather_max_);
  if (called < kGatheredMin || limit < kGatherMin) return;
  if (pause_ > 0) {
    --pause_;
    return;
  }
  const auto until = base::now() + limit;
  MutexLock lock(mutex_);
  for (const Durability level : {Durability::buffered, Durability::written}) {
    if (!incoming_[index_of(level)].empty()) return;
  }
  wake_at_ = called_ + called;
  asleep_ = added_ < wake_at_;
  bool in_time = true;
  while (asleep_ && !stop_ && in_time) in_time = wake_.wait_until(mutex_, until);
  asleep_ = false;
  if (in_time) {
    back_off_ = 0;
  } else if (added_ > called_) {
    back_off_ = std::min(2 * back_off_ + 1, kBackOffMax);
  }
  pause_ = back_off_;
}

void Completions::keep_promises() {
  // Why dropped: whoever waits is told; the file is a further witness, and the next save tries
  // again with new bytes.
  (void)base::guarded([&] {
    writer_.write_behind();
    return view_.save();
  });
}

bool Completions::sleep_until(base::SteadyTime tick) {
  MutexLock lock(mutex_);
  for (const Incoming& each : incoming_) {
    if (!each.empty()) return true;
  }
  if (stop_) return false;
  wake_at_ = 0;
  asleep_ = true;
  if (period_.count() > 0) {
    wake_.wait_until(mutex_, tick);
  } else {
    wake_.wait(mutex_);
  }
  asleep_ = false;
  return true;
}

void Completions::run() {
  auto tick = base::now() + period_;
  while (true) {
    bool served = false;
    for (const Durability level : kLevels) served |= serve(level);
    if (period_.count() > 0 && base::now() >= tick) {
      tick = base::now() + period_;
      keep_promises();
      continue;
    }
    if (!served && !sleep_until(tick)) return;
  }
}

void Completions::stop() {
  base::Thread thread;
  {
    MutexLock lock(mutex_);
    stop_ = true;
    thread = std::move(thread_);
  }
  wake_.notify_one();
  if (thread.joinable()) thread.join();
}

}  // namespace forelog::log
