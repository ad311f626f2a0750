// Runs the threads of a simulated process one at a time, as its dice say, on a clock of its own that
// jumps to the next deadline when nobody can run. One seed, one run: nothing depends on the machine.
//
// Each simulated thread is a context with a stack of its own on the one real thread. It changes hands
// where a lock is taken, where something waits, wakes or yields, and nowhere else: what lies between
// is what holds a lock, or touches atomics only.
//
// Threading: one real thread. Owned by a World.
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/simulation.h"

namespace forelog::sim {

// Why a run cannot go on: a deadlock, or steps without end.
class Stuck {
 public:
  virtual ~Stuck() = default;
  [[noreturn]] virtual void stuck(const std::string& why) = 0;
};

class Scheduler final : public base::Scheduler {
 public:
  Scheduler(std::uint64_t seed, Stuck& stuck);
  ~Scheduler() override;
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  void lock(const void* mutex) override;
  void unlock(const void* mutex) override;
  bool wait(const void* key, const void* mutex, std::optional<base::SteadyTime> deadline) override;
  void wake(const void* key, bool all) override;
  void yield() override;
  void sleep_until(base::SteadyTime time) override;
  base::SteadyTime now() override { return now_; }
  std::uint64_t start(std::function<void()> body) override;
  void join(std::uint64_t thread) override;

  // Sleeps until that many more steps were made: a moment that no clock tells.
  void sleep_steps(std::uint64_t steps);
  std::uint64_t steps() const { return steps_; }

 private:
  struct Task;

  static void enter(unsigned high, unsigned low);
  Task& pick();
  void switch_away();  // From the task that runs, which may be ready or not.
  void rouse(Task& task);
  void step();  // A point where another task may go on.
  std::string describe() const;

  Stuck& stuck_;
  std::mt19937_64 dice_;
  std::uint64_t stay_;  // One in so many steps changes the task, though it could go on.
  base::SteadyTime now_{std::chrono::hours(1)};
  std::uint64_t steps_ = 0;
  std::uint64_t next_id_ = 1;
  std::vector<std::unique_ptr<Task>> tasks_;  // The first is the one that made this.
  Task* running_ = nullptr;
  std::unique_ptr<Task> ended_;  // Whose stack may go once another one runs.
  std::map<const void*, Task*> held_;
};

}  // namespace forelog::sim
