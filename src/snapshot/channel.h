// Channel: hands things from one thread to another, a bounded number at a time. Either end may close
// it: then puts are refused at once, and gets when nothing is left.
//
// Threading: every method may be called from any thread.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "base/mutex.h"

namespace forelog::snapshot {

template <typename T>
class Channel {
 public:
  explicit Channel(std::size_t capacity) : capacity_(capacity) {}

  // Waits for room. False when it is closed; `thing` is gone then.
  bool put(T thing) FORELOG_EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    while (!closed_ && things_.size() >= capacity_) changed_.wait(mutex_);
    if (closed_) return false;
    things_.push_back(std::move(thing));
    changed_.notify_all();
    return true;
  }
  // Waits for a thing. Nullopt: it is closed, and nothing is left.
  std::optional<T> get() FORELOG_EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    while (!closed_ && things_.empty()) changed_.wait(mutex_);
    if (things_.empty()) return std::nullopt;
    std::optional<T> thing(std::move(things_.front()));
    things_.pop_front();
    changed_.notify_all();
    return thing;
  }
  void close() FORELOG_EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  const std::size_t capacity_;
  base::Mutex mutex_;
  base::CondVar changed_;
  std::deque<T> things_ FORELOG_GUARDED_BY(mutex_);
  bool closed_ FORELOG_GUARDED_BY(mutex_) = false;
};

}  // namespace forelog::snapshot
