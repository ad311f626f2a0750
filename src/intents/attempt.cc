#include "intents/attempt.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/checksum.h"
#include "base/guarded.h"
#include "base/text.h"
#include "base/thread.h"
#include "forelog/try.h"

namespace forelog::intents {

using base::concat;

namespace {

// Doubles with each failure up to the bound. Less up to a half, so that what failed together does not
// come back together; by a hash, so that one seed tells all of a simulated run.
std::chrono::nanoseconds backoff(const HandlerOptions& options, const IntentAttempt& attempt) {
  std::chrono::nanoseconds wait = options.backoff_first;
  for (std::uint32_t i = 1; i < attempt.number && wait < options.backoff_max; ++i) wait *= 2;
  wait = std::min<std::chrono::nanoseconds>(wait, options.backoff_max);
  const std::uint64_t dice = base::checksum(ByteView(attempt.key), attempt.number) % 1024;
  return wait - wait * static_cast<std::int64_t>(dice) / 2048;
}

Command command_of(CommandKind kind, const Intent& intent) {
  Command command;
  command.kind = kind;
  command.id = intent.id;
  return command;
}

class Move {
 public:
  Move(Store& store, Watchdog& watchdog, const HandlerOptions& options, const Intent& intent)
      : store_(store), watchdog_(watchdog), options_(options), intent_(intent) {}

  Status run(const IntentHandler& handler, std::size_t step) {
    IntentAttempt attempt = attempt_at(step, false);
    Result<std::string> result =
        call<Result<std::string>>(attempt, [&] { return handler.run(attempt); });
    if (attempt.refused() && !result && !intent_.behind_pivot()) {
      return abort(result.error().message(), intent_.at_pivot());
    }
    if (!result) return failed(attempt, result.error());
    return record(CommandKind::step_done, attempt, *std::move(result));
  }

  Status compensate(const IntentHandler& handler, std::size_t step) {
    IntentAttempt attempt = attempt_at(step, true);
    if (handler.compensate) {
      const Status status = call<Status>(attempt, [&] { return handler.compensate(attempt); });
      if (!status) return failed(attempt, status);
    }
    return record(CommandKind::compensated, attempt, {});
  }

  Status complete() { return logged(command_of(CommandKind::completed, intent_)); }

  Status abort(std::string_view reason, bool pivot_had_no_effect) {
    Command command = command_of(CommandKind::aborting, intent_);
    command.seen = intent_.changed;
    command.text = short_reason(reason);
    command.pivot_had_no_effect = pivot_had_no_effect;
    return logged(std::move(command));
  }

 private:
  IntentAttempt attempt_at(std::size_t step, bool compensation) {
    IntentAttempt attempt(intent_);
    attempt.step = step;
    attempt.key = store_.key(intent_.id, step, compensation);
    attempt.number = intent_.attempts + 1;
    attempt.deadline = base::now() + options_.attempt_timeout;
    if (base::makes(base::Mistake::key_by_attempt)) {
      attempt.key += concat("/", attempt.number, "/", base::now().time_since_epoch().count());
    }
    return attempt;
  }

  template <typename Returned, typename Call>
  Returned call(IntentAttempt& attempt, Call&& handler) {
    std::stop_source stop;
    attempt.stop = stop.get_token();
    const Watchdog::Watch watch(watchdog_, attempt.deadline, std::move(stop));
    return base::contained("the handler", std::forward<Call>(handler));
  }

  // Refusals are for whoever reads the state next: someone else has moved the intent.
  Status logged(Command command, Durability level = Durability::synced) {
    const auto verdict = store_.apply(std::move(command), level);
    return verdict ? Status() : verdict.error();
  }

  Status record(CommandKind kind, const IntentAttempt& attempt, std::string result) {
    Command command = command_of(kind, intent_);
    command.step = static_cast<std::uint32_t>(attempt.step);
    command.text = std::move(result);
    Status status = logged(std::move(command));
    if (status.code() != Code::invalid_argument) return status;
    return failed(attempt, status.with_context("its result cannot be recorded"));
  }

  Status failed(const IntentAttempt& attempt, const Status& error) {
    if (watchdog_.stopping()) return {};  // It was asked to end: that is no failure of its own.
    const std::string why(error.message().empty() ? to_string(error.code()) : error.message());
    if (attempt.number < options_.attempts_max) {
      Command command = command_of(CommandKind::step_failed, intent_);
      command.seen = intent_.changed;
      command.step = static_cast<std::uint32_t>(attempt.step);
      command.text = short_reason(why);
      command.next = store_.now() + backoff(options_, attempt);
      // Why not synced: it promises nothing. A cut of the power may forget a failure.
      return logged(std::move(command), Durability::written);
    }
    const bool compensation = intent_.phase == IntentPhase::aborting;
    const std::string reason =
        concat(compensation ? "undoing step " : "step ", attempt.step, " (",
               intent_.plan->steps[attempt.step], ") failed ", attempt.number,
               attempt.number == 1 ? " time: " : " times: ", why);
    const bool can_be_undone = !compensation && !intent_.at_pivot() && !intent_.behind_pivot();
    if (can_be_undone && options_.when_exhausted == WhenExhausted::compensate) {
      return abort(reason, false);
    }
    Command command = command_of(CommandKind::parked, intent_);
    command.seen = intent_.changed;
    command.text = short_reason(reason);
    return logged(std::move(command));
  }

  Store& store_;
  Watchdog& watchdog_;
  const HandlerOptions& options_;
  const Intent& intent_;
};

}  // namespace

bool is_overdue(const Intent& intent, Timestamp now) {
  return intent.plan->timeout.count() > 0 && intent.phase == IntentPhase::running &&
         intent.next_step() && !intent.at_pivot() && !intent.behind_pivot() &&
         now - intent.begun >= intent.plan->timeout;
}

std::chrono::nanoseconds time_to_wait(const Intent& intent, const HandlerOptions& options,
                                      Timestamp now) {
  if (intent.attempts == 0 || is_overdue(intent, now)) return {};
  // Why not more than the bound: the clock may have been set back meanwhile.
  std::chrono::nanoseconds wait =
      std::min<std::chrono::nanoseconds>(intent.next_attempt - now, options.backoff_max);
  if (intent.plan->timeout.count() > 0 && intent.phase == IntentPhase::running &&
      !intent.at_pivot() && !intent.behind_pivot()) {
    wait = std::min<std::chrono::nanoseconds>(wait, intent.begun + intent.plan->timeout - now);
  }
  return std::max(wait, std::chrono::nanoseconds(0));
}

Status advance(Store& store, Watchdog& watchdog, const IntentHandler& handler,
               const HandlerOptions& options, const Intent& intent) {
  Move move(store, watchdog, options, intent);
  const auto step = intent.next_step();
  if (intent.phase == IntentPhase::aborting) return move.compensate(handler, *step);
  if (!step) return move.complete();
  if (is_overdue(intent, store.now())) return move.abort("its time is over", false);
  return move.run(handler, *step);
}

}  // namespace forelog::intents
