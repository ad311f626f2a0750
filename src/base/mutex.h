// Mutex, MutexLock and CondVar: std's, with the annotations that let clang's -Wthread-safety check
// at compile time that what is guarded is only touched with its lock held; in a simulated world
// (simulation.h) the scheduler's.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>

#include "base/simulation.h"

#if defined(__clang__)
#define FORELOG_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define FORELOG_THREAD_ATTRIBUTE(x)
#endif

#define FORELOG_CAPABILITY(x) FORELOG_THREAD_ATTRIBUTE(capability(x))
#define FORELOG_SCOPED_CAPABILITY FORELOG_THREAD_ATTRIBUTE(scoped_lockable)
#define FORELOG_GUARDED_BY(x) FORELOG_THREAD_ATTRIBUTE(guarded_by(x))
#define FORELOG_PT_GUARDED_BY(x) FORELOG_THREAD_ATTRIBUTE(pt_guarded_by(x))
#define FORELOG_REQUIRES(...) FORELOG_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define FORELOG_EXCLUDES(...) FORELOG_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define FORELOG_ACQUIRE(...) FORELOG_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define FORELOG_RELEASE(...) FORELOG_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define FORELOG_UNCHECKED FORELOG_THREAD_ATTRIBUTE(no_thread_safety_analysis)
#define FORELOG_RETURN_CAPABILITY(x) FORELOG_THREAD_ATTRIBUTE(lock_returned(x))

namespace forelog::base {

class FORELOG_CAPABILITY("mutex") Mutex {
 public:
  void lock() FORELOG_ACQUIRE() {
    Scheduler* const simulated = scheduler();
    simulated != nullptr ? simulated->lock(this) : mutex_.lock();
  }
  void unlock() FORELOG_RELEASE() {
    Scheduler* const simulated = scheduler();
    simulated != nullptr ? simulated->unlock(this) : mutex_.unlock();
  }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class FORELOG_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) FORELOG_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() FORELOG_RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// The lock of the mutex is held on entry and on return of every wait. Notifying costs nothing when no
// one waits; what is told of was changed with the lock held.
class CondVar {
 public:
  void wait(Mutex& mutex) FORELOG_REQUIRES(mutex) {
    if (Scheduler* const simulated = scheduler()) {
      simulated->wait(this, &mutex, std::nullopt);
      return;
    }
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    waiting_.fetch_add(1, std::memory_order_relaxed);
    condition_.wait(lock);
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    lock.release();
  }
  // False when `deadline` passed.
  bool wait_until(Mutex& mutex, SteadyTime deadline) FORELOG_REQUIRES(mutex) {
    if (Scheduler* const simulated = scheduler()) return simulated->wait(this, &mutex, deadline);
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    waiting_.fetch_add(1, std::memory_order_relaxed);
    const std::cv_status status = condition_.wait_until(lock, deadline);
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    lock.release();
    return status == std::cv_status::no_timeout;
  }
  void notify_one() {
    if (Scheduler* const simulated = scheduler()) simulated->wake(this, false);
    if (waiting_.load(std::memory_order_relaxed) > 0) condition_.notify_one();
  }
  void notify_all() {
    if (Scheduler* const simulated = scheduler()) simulated->wake(this, true);
    if (waiting_.load(std::memory_order_relaxed) > 0) condition_.notify_all();
  }

 private:
  std::condition_variable condition_;
  std::atomic<std::uint32_t> waiting_{0};
};

// Gives the lock up for a scope: for I/O in the middle of a critical section. (To the analysis the
// destructor of any scoped capability "releases": here, that is to take the lock again.)
class FORELOG_SCOPED_CAPABILITY MutexUnlock {
 public:
  explicit MutexUnlock(Mutex& mutex) FORELOG_RELEASE(mutex) : mutex_(mutex) { mutex_.unlock(); }
  ~MutexUnlock() FORELOG_RELEASE() { mutex_.lock(); }
  MutexUnlock(const MutexUnlock&) = delete;
  MutexUnlock& operator=(const MutexUnlock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace forelog::base
