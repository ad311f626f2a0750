#include "log/completions.h"

#include <algorithm>

#include "base/guarded.h"

namespace forelog::log {

using base::MutexLock;
using base::MutexUnlock;

Completions::Completions(Writer& writer, LiveView& view, std::chrono::milliseconds period)
    : writer_(writer), view_(view), period_(period) {
  MutexLock lock(mutex_);
  if (period_.count() > 0) start();
}

Completions::~Completions() { stop(); }

void Completions::start() {
  if (!thread_.joinable() && !stop_) thread_ = base::Thread([this] { run(); });
}

void Completions::add(Lsn lsn, Durability level, Log::Done done) {
  const auto enqueue = [&]() -> Status {
    MutexLock lock(mutex_);
    if (stop_) return {Code::cancelled, "the log is closed"};
    start();
    auto& due = due_[static_cast<std::size_t>(level)];
    due.emplace_back();  // First what may throw: `done` must be called, whatever happens.
    const auto last = std::prev(due.end());
    const auto at =
        std::upper_bound(due.begin(), last, lsn, [](Lsn l, const Due& d) { return l < d.lsn; });
    std::move_backward(at, last, due.end());
    *at = Due{lsn, std::move(done)};
    if (idle_) wake_.notify_one();
    return {};
  };
  const Status queued = base::guarded(enqueue, Code::outcome_unknown);
  if (!queued.ok()) done(queued);
}

Status Completions::wait(Lsn lsn, Durability level) {
  return base::guarded([&] { return writer_.wait(lsn, level, std::nullopt, true); },
                       Code::outcome_unknown);
}

void Completions::request(Lsn lsn, Durability level) {
  MutexLock lock(mutex_);
  if (stop_) return;
  start();
  Lsn& requested = requested_[static_cast<std::size_t>(level)];
  requested = std::max(requested, lsn);
  if (idle_) wake_.notify_one();
}

bool Completions::serve(Durability level) {
  const auto index = static_cast<std::size_t>(level);
  Lsn wanted = requested_[index];
  requested_[index] = Lsn();
  if (!due_[index].empty()) wanted = std::max(wanted, due_[index].front().lsn);
  if (wanted == Lsn()) return false;
  MutexUnlock unlocked(mutex_);
  const Status status = wait(wanted, level);
  const Lsn until = std::max(view_.watermarks().at(level), wanted);
  while (true) {
    // One by one, so that none can be lost on the way.
    Due each;
    {
      MutexLock lock(mutex_);
      std::deque<Due>& due = due_[index];
      if (due.empty() || due.front().lsn > until) return true;
      each = std::move(due.front());
      due.pop_front();
    }
    // One that is not reached although the wait was (or the other way round) asks for itself.
    const bool same = status.ok() == (each.lsn <= view_.watermarks().at(level));
    each.done(same ? status : wait(each.lsn, level));
  }
}

void Completions::run() {
  MutexLock lock(mutex_);
  auto tick = base::now() + period_;
  while (true) {
    bool served = false;
    for (const Durability level : {Durability::buffered, Durability::written, Durability::synced}) {
      served |= serve(level);
    }
    if (period_.count() > 0 && base::now() >= tick) {
      tick = base::now() + period_;
      MutexUnlock unlocked(mutex_);
      // Why dropped: whoever waits is told; the file is a further witness, and the next save tries
      // again with new bytes.
      (void)base::guarded([&] {
        writer_.write_behind();
        return view_.save();
      });
      continue;
    }
    if (served) continue;
    if (stop_) return;
    idle_ = true;
    if (period_.count() > 0) {
      wake_.wait_until(mutex_, tick);
    } else {
      wake_.wait(mutex_);
    }
    idle_ = false;
  }
}

void Completions::stop() {
  base::Thread thread;
  {
    MutexLock lock(mutex_);
    stop_ = true;
    wake_.notify_one();
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
}

}  // namespace forelog::log
