#include "sim/scheduler.h"

#include <sys/mman.h>

#include <algorithm>

#include "base/check.h"

namespace forelog::sim {

using base::SteadyTime;

namespace {

constexpr std::size_t kStackBytes = 256 * 1024;
constexpr std::size_t kGuardBytes = 4096;
constexpr std::uint64_t kStepsMax = 3'000'000;

}  // namespace

struct Scheduler::Task {
  std::uint64_t id = 0;
  ucontext_t context{};
  void* stack = nullptr;
  std::function<void()> body;

  bool ready = true;
  const void* key = nullptr;  // What it waits for; null: time or steps alone.
  std::optional<SteadyTime> deadline;
  std::optional<std::uint64_t> at_step;
  bool timed_out = false;
  bool over = false;

  ~Task() {
    if (stack != nullptr) ::munmap(stack, kStackBytes);
  }
};

Scheduler::Scheduler(std::uint64_t seed, Stuck& stuck) : stuck_(stuck), dice_(seed) {
  // Some runs change hands at every turn, some hardly ever.
  static constexpr std::uint64_t kStay[] = {2, 4, 16, 64};
  stay_ = kStay[dice_() % std::size(kStay)];
  tasks_.push_back(std::make_unique<Task>());
  running_ = tasks_.back().get();
}

Scheduler::~Scheduler() { FORELOG_CHECK(tasks_.size() == 1 && held_.empty()); }

// ── Tasks ────────────────────────────────────────────────────────────────────

void Scheduler::enter(unsigned high, unsigned low) {
  auto* const self = reinterpret_cast<Scheduler*>((static_cast<std::uintptr_t>(high) << 32) | low);
  self->ended_.reset();
  self->running_->body();
  self->running_->over = true;
  self->running_->ready = false;
  self->wake(self->running_, true);
  self->switch_away();
}

std::uint64_t Scheduler::start(std::function<void()> body) {
  auto task = std::make_unique<Task>();
  task->id = ++next_id_;
  task->body = std::move(body);
  task->stack = ::mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  FORELOG_CHECK(task->stack != MAP_FAILED);
  FORELOG_CHECK(::mprotect(task->stack, kGuardBytes, PROT_NONE) == 0);
  FORELOG_CHECK(::getcontext(&task->context) == 0);
  task->context.uc_stack.ss_sp = task->stack;
  task->context.uc_stack.ss_size = kStackBytes;
  const auto self = reinterpret_cast<std::uintptr_t>(this);
  ::makecontext(&task->context, reinterpret_cast<void (*)()>(&Scheduler::enter), 2,
                static_cast<unsigned>(self >> 32), static_cast<unsigned>(self));
  tasks_.push_back(std::move(task));
  const std::uint64_t id = tasks_.back()->id;
  step();
  return id;
}

void Scheduler::join(std::uint64_t thread) {
  while (true) {
    const auto found = std::find_if(tasks_.begin(), tasks_.end(),
                                    [&](const auto& task) { return task->id == thread; });
    if (found == tasks_.end()) return;
    wait(found->get(), nullptr, std::nullopt);
  }
}

Scheduler::Task& Scheduler::pick() {
  while (true) {
    std::vector<Task*> ready;
    Task* next = nullptr;  // In time.
    for (const auto& task : tasks_) {
      if (!task->ready && task->at_step && steps_ >= *task->at_step) task->ready = true;
      if (task->ready) ready.push_back(task.get());
      if (!task->ready && task->deadline &&
          (next == nullptr || *task->deadline < *next->deadline)) {
        next = task.get();
      }
    }
    if (!ready.empty()) return *ready[dice_() % ready.size()];
    if (next != nullptr) {
      now_ = std::max(now_, *next->deadline);
      next->ready = next->timed_out = true;
      continue;
    }
    // Steps are only made by those that run: the one that waits for the fewest goes on.
    const auto by_step = [](const auto& a, const auto& b) {
      return a->at_step.value_or(UINT64_MAX) < b->at_step.value_or(UINT64_MAX);
    };
    const auto first = std::min_element(tasks_.begin(), tasks_.end(), by_step);
    if (!(*first)->at_step) stuck_.stuck("deadlock: " + describe());
    steps_ = std::max(steps_, *(*first)->at_step);
  }
}

void Scheduler::switch_away() {
  Task* const from = running_;
  Task& to = pick();
  if (&to == from) return;
  running_ = &to;
  if (from->over) {
    const auto found = std::find_if(tasks_.begin(), tasks_.end(),
                                    [&](const auto& task) { return task.get() == from; });
    ended_ = std::move(*found);
    tasks_.erase(found);
    ::setcontext(&to.context);
  }
  FORELOG_CHECK(::swapcontext(&from->context, &to.context) == 0);
  ended_.reset();
}

void Scheduler::step() {
  now_ += std::chrono::nanoseconds(100);
  if (++steps_ > kStepsMax) stuck_.stuck("no end after many steps: " + describe());
  if (dice_() % stay_ == 0) switch_away();
}

// ── What threads do ──────────────────────────────────────────────────────────

void Scheduler::lock(const void* mutex) {
  step();
  while (held_.contains(mutex)) wait(mutex, nullptr, std::nullopt);
  held_.emplace(mutex, running_);
}

void Scheduler::unlock(const void* mutex) {
  const auto held = held_.find(mutex);
  FORELOG_CHECK(held != held_.end() && held->second == running_);
  held_.erase(held);
  wake(mutex, true);
}

bool Scheduler::wait(const void* key, const void* mutex, std::optional<SteadyTime> deadline) {
  ++steps_;
  Task& self = *running_;
  self.key = key;
  self.deadline = deadline;
  self.timed_out = false;
  // Now and then for no reason, as real ones do.
  self.ready = dice_() % 64 == 0;
  if (mutex != nullptr) unlock(mutex);
  switch_away();
  self.key = nullptr;
  self.deadline.reset();
  self.at_step.reset();
  const bool woken = !self.timed_out;
  if (mutex != nullptr) lock(mutex);
  return woken;
}

void Scheduler::wake(const void* key, bool all) {
  std::vector<Task*> asleep;
  for (const auto& task : tasks_) {
    if (!task->ready && !task->over && task->key == key) asleep.push_back(task.get());
  }
  if (asleep.empty()) return;
  if (all) {
    for (Task* task : asleep) rouse(*task);
  } else {
    rouse(*asleep[dice_() % asleep.size()]);
  }
}

// Some wake late, as when all processors are busy.
void Scheduler::rouse(Task& task) {
  task.key = nullptr;
  if (dice_() % 8 == 0) {
    task.at_step = steps_ + dice_() % 300;
    task.deadline.reset();
  } else {
    task.ready = true;
  }
}

void Scheduler::yield() {
  ++steps_;
  now_ += std::chrono::nanoseconds(100);
  if (steps_ > kStepsMax) stuck_.stuck("no end after many steps: " + describe());
  switch_away();
}

void Scheduler::sleep_until(SteadyTime time) {
  while (now_ < time) {
    running_->ready = false;
    running_->deadline = time;
    switch_away();
    running_->deadline.reset();
  }
}

void Scheduler::sleep_steps(std::uint64_t steps) {
  running_->ready = false;
  running_->at_step = steps_ + steps;
  switch_away();
  running_->at_step.reset();
}

std::string Scheduler::describe() const {
  std::string text = std::to_string(tasks_.size()) + " threads;";
  for (const auto& task : tasks_) {
    text += " " + std::to_string(task->id) + (task->ready ? " runs," : " waits,");
  }
  return text;
}

}  // namespace forelog::sim
