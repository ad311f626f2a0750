// Acknowledger: a thread that waits for what another one appends and prints each LSN that has
// reached the level asked for.
//
// It waits for the newest record appended so far: the records that come in while a sync runs share
// the next one, and a record that comes alone is acknowledged alone. What it acknowledges at a time
// goes out in one write.
//
// Threading: appended(), finish() and failed_descriptor() are for the thread that appends.
// Invariant: an LSN is printed only after Log::wait or the watermark has said that it is reached.
#pragma once

#include <optional>
#include <thread>

#include "base/mutex.h"
#include "cli/output.h"
#include "forelog/log.h"

namespace forelog::cli {

enum class AcknowledgeAs : std::uint8_t { lines, json, nothing };

class Acknowledger {
 public:
  // What is appended from now on. All three outlive this.
  Acknowledger(Log& log, Durability level, AcknowledgeAs form, Output& out);
  ~Acknowledger();
  Acknowledger(const Acknowledger&) = delete;
  Acknowledger& operator=(const Acknowledger&) = delete;

  void appended(Lsn last);

  // Readable once it gave up: a wait failed, or standard output did.
  int failed_descriptor() const noexcept { return failed_descriptor_; }

  // Returns when all that was appended is acknowledged, or it gave up. Ok, or why the wait failed;
  // whether standard output failed is for Output::status() to tell. Call it once.
  Status finish();

  // After finish(): how many records, and up to which LSN (Lsn{}: none), reached the level.
  std::uint64_t acknowledged_records() const noexcept { return reached_.value - before_.value; }

 private:
  void run();
  std::optional<Lsn> next_target(Lsn done) FORELOG_EXCLUDES(mutex_);
  void print(Lsn first, Lsn last);
  void give_up();

  Log& log_;
  const Durability level_;
  const AcknowledgeAs form_;
  Output& out_;
  const Lsn before_;  // The last record of the log when this began.
  int failed_descriptor_;

  base::Mutex mutex_;
  base::CondVar changed_;
  Lsn appended_ FORELOG_GUARDED_BY(mutex_);
  bool finishing_ FORELOG_GUARDED_BY(mutex_) = false;

  // Written by the thread; read once it is joined.
  Lsn reached_;
  Status status_;

  std::thread thread_;
};

}  // namespace forelog::cli
