// AppendChild: one `forelog append` in a process of its own, fed through a pipe and listened to
// through another, until it is killed.
//
// It is first given a burst of records as fast as it takes them; when all of them are acknowledged,
// it goes on with one batch at a time, each when the one before is acknowledged. So a kill finds it
// opening, in the middle of a large group, or between two small ones.
//
// Threading: owned by one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/child_process.h"
#include "cli/torture_input.h"
#include "forelog/bytes.h"
#include "forelog/lsn.h"
#include "forelog/status.h"

namespace forelog::cli {

struct AppendRound {
  std::uint64_t first = 1;        // Number of the first record to send: what its LSN must be.
  std::uint64_t burst_bytes = 0;  // 0: nothing is sent at all.
  std::uint64_t batch = 1;        // Records in a batch.
  std::uint64_t segment_bytes = MiB;
  Durability level = Durability::synced;  // What its acknowledgements mean; at least written.
  std::optional<std::chrono::nanoseconds> kill_after;  // nullopt: ends after the burst.
};

struct AppendOutcome {
  std::uint64_t sent = 0;          // Last record that was on its way; first - 1: none.
  std::uint64_t acknowledged = 0;  // Last LSN read from it.
  bool killed = false;             // By us; else it ended by itself, with exit_code.
  int exit_code = 0;
  std::string errors;  // What it said on standard error.
};

class AppendChild {
 public:
  // `dir`: of the log. `interrupted`: a descriptor that becomes readable to kill it early.
  AppendChild(const TortureInput& input, std::string dir, int interrupted)
      : input_(input), dir_(std::move(dir)), interrupted_(interrupted) {}

  // Runs one process. An error when it cannot be started, or acknowledges what it should not.
  Result<AppendOutcome> run(const AppendRound& round);

 private:
  Status serve(ChildProcess& process, const AppendRound& round, AppendOutcome& outcome);
  void refill(const AppendRound& round, const AppendOutcome& outcome);
  void add_batch(std::uint64_t records);
  void send_some(const ChildProcess& process);
  Status take_acknowledgements(ChildProcess& process, AppendOutcome& outcome) const;

  const TortureInput& input_;
  const std::string dir_;
  const int interrupted_;

  std::uint64_t burst_left_ = 0;  // Bytes.
  std::string to_send_;           // What the pipe is to take …
  std::size_t sent_bytes_ = 0;    // … and how much of that it has taken.
  std::uint64_t prepared_ = 0;    // Last record that was put into to_send_.
};

}  // namespace forelog::cli
