// Stage: what all worlds have in common. A disk in memory on which something lives several lives; in
// each, threads work on it, the disk is filled, calls are slow or fail, and somewhere the process is
// killed or the power cut, in the middle of an open too. A last life, in which nothing goes wrong,
// and what the world does to its data then, end it.
//
// Threading: one real thread; the threads are a Scheduler's.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread.h"
#include "forelog/fault_file_system.h"
#include "forelog/memory_file_system.h"
#include "forelog/options.h"
#include "sim/scheduler.h"
#include "sim/world.h"

namespace forelog::sim {

class Stage : public Stuck {
 public:
  Stage(const char* kind, std::uint64_t seed, Tally& tally);
  ~Stage() override;
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  void run();

 protected:
  // What is played: opens what is there, and compares it with what must be. False: a fault that is
  // excused kept it from it.
  virtual bool open_and_check() = 0;
  virtual void before_life() {}  // While nothing runs.
  virtual void play() = 0;       // Until its threads are done; it may close what was opened.
  virtual void drop() = 0;       // Without close(): as if the process had died.
  virtual void end_well() = 0;   // The last life, behind last_life(), and what comes behind it.

  std::uint64_t roll(std::uint64_t sides) { return dice_() % sides; }
  bool chance(std::uint64_t one_in) { return roll(one_in) == 0; }

  [[noreturn]] void fail(const std::string& what);
  [[noreturn]] void stuck(const std::string& why) override { fail(why); }
  void check(bool promise, const std::string& what) {
    if (!promise) fail(what);
  }
  // An error may be told of now.
  bool excused() const { return crashed_ || failed_call_ || full_; }
  // Ok, or an error that is excused.
  bool done(const Status& status, std::string_view doing);
  bool life_ending() const { return stop_.stop_requested(); }

  template <typename Work>
  void start(std::vector<base::Thread>& threads, std::uint64_t count, Work work) {
    for (std::uint64_t i = 0; i < count; ++i) threads.emplace_back(work);
  }
  void crash();
  void fill_disk();   // For a while.
  void empty_disk();  // There is space again.
  void last_life();   // Begins it.
  Options log_options();

  const std::uint64_t seed_;
  Tally& tally_;
  std::mt19937_64 dice_;
  Scheduler scheduler_;
  MemoryFileSystem disk_;
  FaultFileSystem calls_;

  // Of this life:
  std::stop_source stop_;
  bool crashed_ = false;      // Nothing reaches the disk any more.
  bool failed_call_ = false;  // A call was made to fail.
  bool full_ = false;         // The disk was.
  bool power_cut_ = false;    // Since the last look at what survived.

 private:
  void live();
  void begin_life(std::uint64_t slow_one_in, std::uint64_t failing_one_in);
  std::optional<FaultFileSystem::Fault> before_call(const FaultFileSystem::Call& call);

  const char* const kind_;
  std::uint64_t life_ = 0;
  std::uint64_t slow_one_in_ = 10;
  std::uint64_t failing_one_in_ = 0;  // 0: none.
  bool life_over_ = false;
};

}  // namespace forelog::sim
