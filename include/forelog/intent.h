// Intent: work of several steps that is finished or undone, as data: the plan, and how far it is.
// Intents (intents.h) keeps them. Implements docs/intents.md.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "forelog/export.h"
#include "forelog/lsn.h"

namespace forelog {

// Rises in the order in which intents were begun: it is the LSN of the record that began it.
struct IntentId {
  std::uint64_t value = 0;

  constexpr IntentId() = default;
  constexpr explicit IntentId(std::uint64_t v) : value(v) {}
  friend constexpr auto operator<=>(const IntentId&, const IntentId&) = default;
};

// What is to be done, whole and in advance: it is durable before the first step runs.
struct IntentPlan {
  std::string kind = {};                // Whose handler runs it: 1 to 64 of [A-Za-z0-9._/-].
  std::string payload = {};             // Yours: all that the steps need to know.
  std::vector<std::string> steps = {};  // 1 to 255 names of 1 to 64 of the same, in order.

  // The step (from 0) behind which there is no way back: once it is done, later ones are tried until
  // they are done too. It and they are never compensated.
  std::optional<std::size_t> pivot = {};
  // An intent that has not come to its pivot when this time is over is undone; 0: no such bound.
  std::chrono::milliseconds timeout{0};
  // The caller's own name for it, up to 255 bytes. While an intent of the same key is open, or among
  // the finished ones that are remembered, begin() returns that one, and begins nothing.
  std::string key = {};

  friend bool operator==(const IntentPlan&, const IntentPlan&) = default;
};

enum class IntentPhase : std::uint8_t {
  running = 1,    // Steps are done, in order.
  aborting = 2,   // What was done is compensated, in reverse.
  completed = 3,  // Every step is done.
  aborted = 4,    // Whatever had been done is compensated.
  dropped = 5,    // An operator gave up on it: what it left behind is theirs.
};
FORELOG_EXPORT std::string_view to_string(IntentPhase phase) noexcept;

enum class StepState : std::uint8_t {
  pending = 0,  // Not done. The first such one may have been tried.
  done = 1,
  in_doubt =
      2,  // It was the first that was pending at the abort: compensated like one that is done.
  compensated = 3,
};
FORELOG_EXPORT std::string_view to_string(StepState state) noexcept;

struct IntentStep {
  StepState state = StepState::pending;
  std::string result;        // Of the step; what done() was given.
  std::string compensation;  // Of its compensation; what compensated() was given.
  friend bool operator==(const IntentStep&, const IntentStep&) = default;
};

// One that is not finished. Never changes: a later look returns another one.
struct FORELOG_EXPORT Intent {
  IntentId id;
  std::shared_ptr<const IntentPlan> plan;
  std::vector<IntentStep> steps;  // As many as plan->steps.
  IntentPhase phase = IntentPhase::running;
  bool parked = false;  // Nothing is tried until an operator says so: Intents::retry, or drop.
  Timestamp begun;
  Lsn changed;  // The record that moved it to where it is: its step, its attempts, its phase.

  std::uint32_t attempts = 0;  // Of next_step(), that failed, since it came to it or was retried.
  std::string last_error;      // Of these, or why it is parked.
  Timestamp next_attempt;      // Not before this time.
  std::string reason;          // Of the abort.

  // What comes next: the step to be done, while running; the one to be compensated, while aborting;
  // nullopt: none is left.
  std::optional<std::size_t> next_step() const;
  bool behind_pivot() const;  // It is done: forward only.
  bool at_pivot() const;      // It comes next, and may have been tried.
};

// What is remembered of an intent that is finished; of the last kFinishedIntentsKept ones.
struct FinishedIntent {
  IntentId id;
  std::string kind, key;
  IntentPhase phase = IntentPhase::completed;
  bool behind_pivot = false;
  Timestamp begun, finished;
  std::string reason;  // Of the abort or the drop.
};
inline constexpr std::size_t kFinishedIntentsKept = 1024;

// Where an intent has come to: finished, or parked.
struct IntentOutcome {
  IntentPhase phase = IntentPhase::running;
  bool parked = false;
  std::string reason;  // Of the abort, the drop or the parking.
};

}  // namespace forelog
