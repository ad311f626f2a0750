// What a user's program does for the intents of one kind: a function for each direction, and how often
// and how long it is tried. Registered with Intents::handle. Implements docs/intents.md, "Handlers".
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "forelog/export.h"
#include "forelog/intent.h"
#include "forelog/status.h"

namespace forelog {

// One attempt at a step, or at its compensation: what a handler is given.
class FORELOG_EXPORT IntentAttempt {
 public:
  const Intent& intent;
  std::size_t step = 0;      // Which, from 0; its name is intent.plan->steps[step].
  std::string key;           // Intents::idempotency_key: the same at every attempt.
  std::uint32_t number = 1;  // Of the attempt. Those that a crash cut short are not counted.
  std::chrono::steady_clock::time_point deadline;  // When the time for it is over, …
  std::stop_token stop;  // … which is also told here; and when the Intents are closed.

  // For run, to be returned: this step can never succeed, and the intent is to be undone. Where the
  // step is the pivot this says that it had no effect: it is not compensated.
  Status refuse(std::string_view why);

  explicit IntentAttempt(const Intent& of) : intent(of) {}
  bool refused() const noexcept { return refused_; }

 private:
  bool refused_ = false;
};

// What an intent's steps are. Called from the runner's threads, for one intent from one at a time.
// Every call may be a repetition of one whose end nobody recorded: ask outside services with the key.
// Exceptions of std::exception that leave a handler are failures like an error that it returns.
struct IntentHandler {
  // Does a step. Returns its result, which is recorded; or an error: it is tried again later.
  std::function<Result<std::string>(IntentAttempt&)> run;
  // Undoes a step. The step may have had no effect (StepState::in_doubt), which is fine: then there is
  // nothing to be done. An error: it is tried again later. Empty: no step needs to be undone.
  std::function<Status(IntentAttempt&)> compensate = {};
};

enum class WhenExhausted : std::uint8_t { park, compensate };

struct HandlerOptions {
  std::uint32_t attempts_max = 10;  // Of a step, or of a compensation. At least 1.
  // What becomes of a step that failed as often. At the pivot and behind it, and of a compensation:
  // the intent is parked in any case.
  WhenExhausted when_exhausted = WhenExhausted::park;
  // Between attempts: twice as long each time, less up to a half of it, by a hash of the key.
  std::chrono::milliseconds backoff_first{100};
  std::chrono::milliseconds backoff_max{60'000};
  // For one attempt. A handler is asked to end then, and never made to; what it returns counts.
  std::chrono::milliseconds attempt_timeout{30'000};
  std::size_t concurrency = 0;  // Intents of this kind at work at once; 0: no bound of its own.
};

}  // namespace forelog
