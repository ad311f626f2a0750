// Mutex, MutexLock and CondVar: std's, with the annotations that let clang's -Wthread-safety check
// at compile time that what is guarded is only touched with its lock held.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

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
#define FORELOG_RETURN_CAPABILITY(x) FORELOG_THREAD_ATTRIBUTE(lock_returned(x))

namespace forelog::base {

class FORELOG_CAPABILITY("mutex") Mutex {
 public:
  void lock() FORELOG_ACQUIRE() { mutex_.lock(); }
  void unlock() FORELOG_RELEASE() { mutex_.unlock(); }

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

// The lock of the mutex is held on entry and on return of every wait.
class CondVar {
 public:
  void wait(Mutex& mutex) FORELOG_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  // False when `deadline` passed.
  bool wait_until(Mutex& mutex, std::chrono::steady_clock::time_point deadline)
      FORELOG_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const std::cv_status status = condition_.wait_until(lock, deadline);
    lock.release();
    return status == std::cv_status::no_timeout;
  }
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
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
