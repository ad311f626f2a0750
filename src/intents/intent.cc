#include "forelog/intent.h"

namespace forelog {

std::string_view to_string(IntentPhase phase) noexcept {
  switch (phase) {
    case IntentPhase::running: return "running";
    case IntentPhase::aborting: return "aborting";
    case IntentPhase::completed: return "completed";
    case IntentPhase::aborted: return "aborted";
    case IntentPhase::dropped: return "dropped";
  }
  return "unknown";
}

std::string_view to_string(StepState state) noexcept {
  switch (state) {
    case StepState::pending: return "pending";
    case StepState::done: return "done";
    case StepState::in_doubt: return "in_doubt";
    case StepState::compensated: return "compensated";
  }
  return "unknown";
}

std::optional<std::size_t> Intent::next_step() const {
  if (phase == IntentPhase::running) {
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (steps[i].state == StepState::pending) return i;
    }
  } else if (phase == IntentPhase::aborting) {
    for (std::size_t i = steps.size(); i-- > 0;) {
      if (steps[i].state == StepState::done || steps[i].state == StepState::in_doubt) return i;
    }
  }
  return std::nullopt;
}

bool Intent::behind_pivot() const {
  return plan->pivot && steps[*plan->pivot].state == StepState::done;
}

bool Intent::at_pivot() const {
  return phase == IntentPhase::running && plan->pivot && next_step() == plan->pivot;
}

}  // namespace forelog
