// co_await reached(log, lsn): a C++20 awaitable over Log::notify.
//
//   forelog::Status status = co_await forelog::reached(log, lsn, forelog::Durability::synced);
//
// The coroutine goes on on the log's own thread (see Log::notify for what it must not do there);
// hand it to an executor of yours to do more.
#pragma once

#include "forelog/export.h"  // Says that C++20 is needed, before <coroutine> does in its own words.

#include <coroutine>

#include "forelog/log.h"

namespace forelog {

class [[nodiscard]] Reached {
 public:
  Reached(Log& log, Lsn lsn, Durability level) : log_(log), lsn_(lsn), level_(level) {}

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    // Nothing of *this may be touched behind this call: the coroutine may already be running.
    log_.notify(lsn_, level_, [this, waiting](const Status& status) {
      status_ = status;
      waiting.resume();
    });
  }
  Status await_resume() { return std::move(status_); }

 private:
  Log& log_;
  Lsn lsn_;
  Durability level_;
  Status status_;
};

inline Reached reached(Log& log, Lsn lsn, Durability level = Durability::synced) {
  return {log, lsn, level};
}

}  // namespace forelog
