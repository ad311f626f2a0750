// Two banks and a coordinator, each with a disk of its own, so that any of them can crash alone.
// Threading: the coordinator's threads call the banks; all else is for one thread.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "forelog/decide.h"
#include "forelog/fault_file_system.h"
#include "forelog/log_participant.h"
#include "forelog/memory_file_system.h"
#include "intents/test_accounts.h"
#include "intents/test_intents.h"

namespace forelog::testing {

// A disk whose owner may die at a call to it.
class MortalDisk {
 public:
  // From the nth call on, and at it, nothing reaches the disk. nullopt: it lives.
  void die_at(std::optional<std::uint64_t> n) {
    calls_ = 0;
    dead_ = false;
    faults.set_hook(
        [this, n](const FaultFileSystem::Call&) -> std::optional<FaultFileSystem::Fault> {
          if (++calls_ < n.value_or(UINT64_MAX)) return std::nullopt;
          dead_ = true;
          return FaultFileSystem::Fault{Status(Code::io_error, "it is dead")};
        });
  }
  bool dead() const { return dead_; }

  MemoryFileSystem disk;
  FaultFileSystem faults{disk};

 private:
  std::atomic<std::uint64_t> calls_{0};
  std::atomic<bool> dead_{false};
};

// A participant that can be reopened under its coordinator, as one on another machine can.
class Bank : public Participant {
 public:
  Status open() {
    const std::lock_guard lock(mutex_);
    log_.reset();
    leaves_at_.clear();
    DurableOptions options = intents_options(mortal.faults).durable;
    auto opened = LogParticipant<Accounts>::open("/bank", options);
    if (!opened) return opened.error();
    log_.emplace(*std::move(opened));
    return {};
  }
  void end() {
    const std::lock_guard lock(mutex_);
    log_.reset();
  }
  // That call throws, once.
  void throw_at_next(std::string_view call) {
    const std::lock_guard lock(mutex_);
    throws_at_ = call;
  }
  // It is away from its next call of that name on, until it is opened again.
  void leave_at_next(std::string_view call) {
    const std::lock_guard lock(mutex_);
    leaves_at_ = call;
  }
  bool is_open() const { return log_.has_value(); }
  LogParticipant<Accounts>& log() { return *log_; }
  std::int64_t sum(const std::string& name) const {
    std::int64_t sum = 0;
    log_->read([&](const Accounts& state) { sum = state.sum(name); });
    return sum;
  }

  Result<Vote> prepare(std::string_view transaction, ByteView change) override {
    const std::lock_guard lock(mutex_);
    if (is_away("prepare")) return away();
    return log_->prepare(transaction, change);
  }
  Status commit(std::string_view transaction, std::string_view receipt) override {
    const std::lock_guard lock(mutex_);
    return is_away("commit") ? away() : log_->commit(transaction, receipt);
  }
  Status abort(std::string_view transaction) override {
    const std::lock_guard lock(mutex_);
    return is_away("abort") ? away() : log_->abort(transaction);
  }

  MortalDisk mortal;

 private:
  static Status away() { return {Code::io_error, "the bank is closed"}; }
  bool is_away(std::string_view call) {
    if (call == std::exchange(throws_at_, call == throws_at_ ? "" : throws_at_)) {
      throw std::runtime_error("the bank is on fire");
    }
    if (call == leaves_at_) log_.reset();
    return !log_;
  }

  std::mutex mutex_;
  std::string leaves_at_, throws_at_;
  std::optional<LogParticipant<Accounts>> log_;
};

class DecidingWorld {
 public:
  ~DecidingWorld() { end(); }

  Status open() {
    FORELOG_TRY(north.open());
    FORELOG_TRY(south.open());
    return open_coordinator();
  }
  Status open_coordinator() {
    coordinator.reset();
    CoordinatorOptions options;
    options.intents = intents_options(coordinators.faults);
    options.prepare_attempts_max = 2;
    options.backoff_first = options.backoff_max = std::chrono::milliseconds(0);
    auto opened =
        Coordinator::open("/coordinator", {{"north", &north}, {"south", &south}}, options);
    if (!opened) return opened.error();
    coordinator.emplace(*std::move(opened));
    return {};
  }
  void end() {
    coordinator.reset();  // Before those whom its threads ask.
    north.end();
    south.end();
  }
  static std::vector<ParticipantChange> move(int sum) {
    return {{"north", "alice -" + std::to_string(sum)}, {"south", "bob +" + std::to_string(sum)}};
  }

  Bank north, south;
  MortalDisk coordinators;
  std::optional<Coordinator> coordinator;
};

}  // namespace forelog::testing
