// Writer::Quiet: everything stands still. Part of writer.h; see there.
#pragma once

#include "log/writer.h"

namespace forelog::log {

// While it lives no one appends, writes or syncs, and all that was appended is synced (unless the
// log has failed). The lock is held.
class FORELOG_SCOPED_CAPABILITY Writer::Quiet {
 public:
  explicit Quiet(Writer& writer) FORELOG_ACQUIRE(writer.mutex_) : writer_(writer) {
    writer_.mutex_.lock();
    while (writer_.paused_) writer_.room_.wait(writer_.mutex_);
    writer_.paused_ = true;
    writer_.fold();
    while (true) {
      while (writer_.syncing_ || writer_.writing_ || writer_.fetching_) {
        writer_.room_.wait(writer_.mutex_);
      }
      if (!writer_.failed_.ok() || writer_.view_.synced().next() >= writer_.next_lsn_) break;
      writer_.lead_sync();
    }
    writer_.writing_ = writer_.syncing_ = true;
    ++writer_.cycle_;
    writer_.target_ = Lsn(writer_.next_lsn_.value - 1);
  }
  ~Quiet() FORELOG_RELEASE() {
    writer_.writing_ = false;
    writer_.paused_ = false;
    writer_.end_cycle();
    writer_.mutex_.unlock();
  }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

 private:
  Writer& writer_;
};

}  // namespace forelog::log
