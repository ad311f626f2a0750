#include "intents/runner.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/guarded.h"
#include "base/text.h"
#include "forelog/try.h"
#include "intents/attempt.h"

namespace forelog::intents {

using base::concat;

namespace {

// Where a command cannot be logged for now: no space, or no memory.
constexpr std::chrono::seconds kPauseWithoutSpace(1);

Status check(const IntentHandler& handler, const HandlerOptions& options) {
  if (!handler.run) return {Code::invalid_argument, "a handler has a function that runs a step"};
  if (options.attempts_max == 0) {
    return {Code::invalid_argument, "attempts_max is 0: a step is tried once at least"};
  }
  constexpr std::chrono::hours kLongest(24 * 365);
  for (const auto& time : {options.backoff_first, options.backoff_max, options.attempt_timeout}) {
    if (time.count() < 0 || time > kLongest) {
      return {Code::invalid_argument, "a handler's times are from 0 to one year"};
    }
  }
  return {};
}

}  // namespace

Status Runner::handle(std::string_view kind, IntentHandler handler, HandlerOptions options) {
  FORELOG_TRY(check(handler, options));
  const base::MutexLock lock(mutex_);
  if (started_) {
    return {Code::cancelled, "intents are run already: register handlers before start()"};
  }
  const auto [at, is_new] = kinds_.try_emplace(std::string(kind));
  if (!is_new) {
    return {Code::invalid_argument, concat("intents of kind ", kind, " have a handler already")};
  }
  at->second.handler = std::move(handler);
  at->second.options = options;
  return {};
}

bool Runner::handles(std::string_view kind) const {
  const base::MutexLock lock(mutex_);
  return started_ && kinds_.contains(kind);
}

Status Runner::start() {
  const base::MutexLock lock(mutex_);
  if (started_ || stopping_) return {Code::cancelled, "intents are run already, or were closed"};
  started_ = true;
  schedule_all();
  threads_.reserve(threads_max_);
  while (threads_.size() < threads_max_) threads_.emplace_back([this] { loop(); });
  return {};
}

void Runner::schedule(IntentId id) {
  if (!started_ || stopping_) return;
  const IntentPointer intent = store_.find(id);
  if (intent == nullptr || intent->parked) {
    schedule_.remove(id);
    return;
  }
  const auto kind = kinds_.find(intent->plan->kind);
  if (kind == kinds_.end()) return;
  const auto wait = time_to_wait(*intent, kind->second.options, store_.now());
  if (wait.count() > 0) {
    schedule_.put_waiting(id, kind->second, base::now() + wait);
  } else {
    schedule_.put_ready(id, kind->second);
  }
  work_.notify_one();
}

void Runner::schedule_all() {
  for (const IntentPointer& intent : store_.image().open) schedule(intent->id);
}

// It is durable, and so is not to be missed for want of memory.
void Runner::changed(IntentId id) {
  const base::MutexLock lock(mutex_);
  const auto once = [&]() FORELOG_REQUIRES(mutex_) {
    schedule(id);
    return Status();
  };
  if (base::guarded(once).ok()) return;
  missed_ = true;
  work_.notify_one();
}

// An intent that no place knows would never be finished.
void Runner::insist(const std::function<void()>& call) {
  const auto once = [&]() -> Status {
    call();
    return {};
  };
  while (!base::guarded(once).ok() && !stopping_) {
    work_.wait_until(mutex_, base::now() + kPauseWithoutSpace);
  }
}

void Runner::loop() {
  const base::MutexLock lock(mutex_);
  while (!stopping_) {
    std::optional<Schedule::Work> work;
    if (std::exchange(missed_, false)) insist([&]() FORELOG_UNCHECKED { schedule_all(); });
    insist([&]() FORELOG_UNCHECKED { work = schedule_.take(base::now()); });
    if (!work) {
      const auto due = schedule_.next_due();
      due ? static_cast<void>(work_.wait_until(mutex_, *due)) : work_.wait(mutex_);
      continue;
    }
    work_.notify_one();  // Whoever was woken for this one may have another.
    Status status;
    {
      const base::MutexUnlock unlock(mutex_);
      status = work_on(*work);
    }
    schedule_.put_back(*work);
    insist([&]() FORELOG_UNCHECKED { put_in_place(*work, status); });
  }
}

void Runner::put_in_place(const Schedule::Work& work, const Status& status) {
  if (status.ok()) {
    schedule(work.id);
  } else if (store_.durable().health().ok()) {
    schedule_.put_waiting(work.id, *work.kind, base::now() + kPauseWithoutSpace);
  } else {
    waiters_.wake_all();  // Nothing can be recorded any more, and so nothing may be done.
  }
}

Status Runner::work_on(const Schedule::Work& work) {
  Status status;
  // Why not asked at first: it has waited as long as it was to, by a clock that nobody sets. By the
  // other one, set back meanwhile, it would wait again and again.
  for (bool due = true; status.ok(); due = false) {
    const IntentPointer intent = store_.find(work.id);
    if (intent == nullptr || intent->parked ||
        (!due && time_to_wait(*intent, work.kind->options, store_.now()).count() > 0)) {
      break;
    }
    // Where a command may or may not be durable, nothing may be done that one of the two forbids.
    status = store_.durable().health();
    if (!status.ok()) break;
    status = base::guarded([&] {
      return advance(store_, watchdog_, work.kind->handler, work.kind->options, *intent);
    });
    const base::MutexLock lock(mutex_);
    if (stopping_) break;
  }
  waiters_.wake(work.id);
  return status;
}

void Runner::stop() {
  std::vector<base::Thread> threads;
  {
    const base::MutexLock lock(mutex_);
    stopping_ = true;
    threads.swap(threads_);
    work_.notify_all();
  }
  watchdog_.stop_all();
  for (base::Thread& thread : threads) thread.join();
  watchdog_.close();
  waiters_.wake_all();
}

}  // namespace forelog::intents
