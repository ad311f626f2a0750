#include "log/completions.h"

#include <algorithm>

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
  if (!thread_.joinable() && !stop_) thread_ = std::thread([this] { run(); });
}

void Completions::add(Lsn lsn, Durability level, Log::Done done) {
  {
    MutexLock lock(mutex_);
    if (!stop_) {
      start();
      auto& due = due_[static_cast<std::size_t>(level)];
      const auto at = due.empty() || due.back().lsn <= lsn
                          ? due.end()
                          : std::upper_bound(due.begin(), due.end(), lsn,
                                             [](Lsn l, const Due& d) { return l < d.lsn; });
      due.insert(at, Due{lsn, std::move(done)});
      if (idle_) wake_.notify_one();
      return;
    }
  }
  done(Status(Code::cancelled, "the log is closed"));
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
  Status status = writer_.wait(wanted, level, std::nullopt, true);
  std::deque<Due> done;
  {
    MutexLock lock(mutex_);
    std::deque<Due>& due = due_[index];
    const Lsn reached = view_.watermarks().at(level);
    while (!due.empty() && due.front().lsn <= std::max(reached, wanted)) {
      done.push_back(std::move(due.front()));
      due.pop_front();
    }
  }
  for (Due& each : done) {
    // One that is not reached although the wait was (or the other way round) asks for itself.
    const bool same = status.ok() == (each.lsn <= view_.watermarks().at(level));
    each.done(same ? status : writer_.wait(each.lsn, level, std::nullopt, true));
  }
  return true;
}

void Completions::run() {
  MutexLock lock(mutex_);
  auto tick = std::chrono::steady_clock::now() + period_;
  while (true) {
    bool served = false;
    for (const Durability level : {Durability::buffered, Durability::written, Durability::synced}) {
      served |= serve(level);
    }
    if (period_.count() > 0 && std::chrono::steady_clock::now() >= tick) {
      tick = std::chrono::steady_clock::now() + period_;
      MutexUnlock unlocked(mutex_);
      writer_.write_behind();
      // Why dropped: the file is a further witness, and the next save tries again with new bytes.
      (void)view_.save();
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
  std::thread thread;
  {
    MutexLock lock(mutex_);
    stop_ = true;
    wake_.notify_one();
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
}

}  // namespace forelog::log
