// Intents on a disk in memory, and a handler that does as it is told and notes what it was asked.
// Threading: as gtest's fixtures; the handler's notes have a lock.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "forelog/fault_file_system.h"
#include "forelog/intents.h"
#include "forelog/memory_file_system.h"
#include "forelog/try.h"

namespace forelog::testing {

inline IntentPlan plan_of(std::vector<std::string> steps,
                          std::optional<std::size_t> pivot = std::nullopt) {
  return {.kind = "order", .payload = "soup", .steps = std::move(steps), .pivot = pivot};
}

inline IntentsOptions intents_options(FileSystem& file_system) {
  IntentsOptions options;
  options.durable.log.file_system = &file_system;
  options.durable.log.segment_bytes = 64 * KiB;
  options.durable.log.write_behind = std::chrono::milliseconds(0);
  options.durable.log.group_commit_delay_max = std::chrono::microseconds(0);
  options.durable.log.preallocate = false;
  options.durable.checkpoints.automatic = false;
  options.concurrency = 2;
  return options;
}

class TestIntents : public ::testing::Test {
 protected:
  static inline const std::filesystem::path kDir = "/restaurant";

  TestIntents() {
    handler_.run = [this](IntentAttempt& attempt) { return run_step(attempt); };
    handler_.compensate = [this](IntentAttempt& attempt) { return undo_step(attempt); };
  }

  void open() {
    intents_.reset();
    auto opened = Intents::open(kDir, options_);
    ASSERT_TRUE(opened) << opened.error().message();
    intents_.emplace(*std::move(opened));
  }
  void kill() {
    disk_.kill_process();
    intents_.reset();
  }
  void kill_and_open() {
    kill();
    open();
  }
  IntentId begin(const IntentPlan& plan) {
    const auto id = intents_->begin(plan);
    EXPECT_TRUE(id) << id.error().message();
    return id ? *id : IntentId();
  }
  IntentOutcome wait(IntentId id) {
    const auto outcome = intents_->wait(id);
    EXPECT_TRUE(outcome) << outcome.error().message();
    return outcome ? *outcome : IntentOutcome();
  }
  IntentOutcome run(const IntentPlan& plan) { return wait(begin(plan)); }
  void handle(HandlerOptions options = {}) {
    EXPECT_TRUE(intents_->handle("order", handler_, options).ok());
  }

  // What the handler is to do; before start().
  void fail(const std::string& step, int times) { failures_[step] = times; }
  void fail_to_undo(const std::string& step, int times) { undo_failures_[step] = times; }
  void refuse(const std::string& step) { refused_.insert(step); }

  std::vector<std::string> calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

  MemoryFileSystem disk_;
  FaultFileSystem faults_{disk_};
  IntentsOptions options_ = intents_options(faults_);
  std::optional<Intents> intents_;
  IntentHandler handler_;

  std::mutex mutex_;
  std::vector<std::string> calls_, keys_;
  std::vector<std::uint32_t> numbers_;

 private:
  Result<std::string> run_step(IntentAttempt& attempt) {
    const std::string& name = attempt.intent.plan->steps[attempt.step];
    const std::lock_guard lock(mutex_);
    calls_.push_back("run " + name);
    keys_.push_back(attempt.key);
    numbers_.push_back(attempt.number);
    if (refused_.contains(name)) return attempt.refuse(name + " is refused");
    if (failures_[name]-- > 0) return Status(Code::io_error, name + " fails");
    return "result of " + name;
  }
  Status undo_step(IntentAttempt& attempt) {
    const std::string& name = attempt.intent.plan->steps[attempt.step];
    const std::lock_guard lock(mutex_);
    calls_.push_back("undo " + name);
    keys_.push_back(attempt.key);
    if (undo_failures_[name]-- > 0) return {Code::io_error, name + " stays"};
    return {};
  }

  std::map<std::string, int> failures_, undo_failures_;
  std::set<std::string> refused_;
};

}  // namespace forelog::testing
