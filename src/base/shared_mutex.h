// SharedMutex: many readers or one writer, and a writer that waits lets no further reader in: readers
// that come and go all the time must not keep it out. A thread must not take it twice, not even to
// read. In a simulated world (simulation.h) readers exclude each other too.
#pragma once

#include <pthread.h>

#include "base/mutex.h"

#define FORELOG_ACQUIRE_SHARED(...) FORELOG_THREAD_ATTRIBUTE(acquire_shared_capability(__VA_ARGS__))
#define FORELOG_RELEASE_SHARED(...) FORELOG_THREAD_ATTRIBUTE(release_shared_capability(__VA_ARGS__))
#define FORELOG_REQUIRES_SHARED(...) \
  FORELOG_THREAD_ATTRIBUTE(requires_shared_capability(__VA_ARGS__))

namespace forelog::base {

// Why not std::shared_mutex: glibc's default lets readers in before a writer that waits.
class FORELOG_CAPABILITY("shared mutex") SharedMutex {
 public:
  SharedMutex() noexcept {
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&lock_, &attributes);
    pthread_rwlockattr_destroy(&attributes);
  }
  ~SharedMutex() { pthread_rwlock_destroy(&lock_); }
  SharedMutex(const SharedMutex&) = delete;
  SharedMutex& operator=(const SharedMutex&) = delete;

  void lock() FORELOG_ACQUIRE() {
    Scheduler* const simulated = scheduler();
    simulated != nullptr ? simulated->lock(this) : void(pthread_rwlock_wrlock(&lock_));
  }
  void unlock() FORELOG_RELEASE() { release(); }
  void lock_shared() FORELOG_ACQUIRE_SHARED() {
    Scheduler* const simulated = scheduler();
    simulated != nullptr ? simulated->lock(this) : void(pthread_rwlock_rdlock(&lock_));
  }
  void unlock_shared() FORELOG_RELEASE_SHARED() { release(); }

 private:
  void release() {
    Scheduler* const simulated = scheduler();
    simulated != nullptr ? simulated->unlock(this) : void(pthread_rwlock_unlock(&lock_));
  }

  pthread_rwlock_t lock_;
};

class FORELOG_SCOPED_CAPABILITY ExclusiveLock {
 public:
  explicit ExclusiveLock(SharedMutex& mutex) FORELOG_ACQUIRE(mutex) : mutex_(mutex) {
    mutex_.lock();
  }
  ~ExclusiveLock() FORELOG_RELEASE() { mutex_.unlock(); }
  ExclusiveLock(const ExclusiveLock&) = delete;
  ExclusiveLock& operator=(const ExclusiveLock&) = delete;

 private:
  SharedMutex& mutex_;
};

class FORELOG_SCOPED_CAPABILITY SharedLock {
 public:
  explicit SharedLock(SharedMutex& mutex) FORELOG_ACQUIRE_SHARED(mutex) : mutex_(mutex) {
    mutex_.lock_shared();
  }
  ~SharedLock() FORELOG_RELEASE() { mutex_.unlock_shared(); }
  SharedLock(const SharedLock&) = delete;
  SharedLock& operator=(const SharedLock&) = delete;

 private:
  SharedMutex& mutex_;
};

}  // namespace forelog::base
