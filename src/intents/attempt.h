// One move of an intent that has a handler: run its next step, undo one, or finish it, and record what
// became of that. The policy of retries is here. Implements docs/intents.md, "Handlers".
// Threading: one thread for an intent at a time.
#pragma once

#include <chrono>

#include "base/simulation.h"
#include "forelog/intent.h"
#include "forelog/intent_handler.h"
#include "forelog/status.h"
#include "intents/store.h"
#include "intents/watchdog.h"

namespace forelog::intents {

// Whether the bound of its plan is over, and it can still be undone.
bool is_overdue(const Intent& intent, Timestamp now);

// How long the next move has to wait for its time: 0 for "no longer".
std::chrono::nanoseconds time_to_wait(const Intent& intent, const HandlerOptions& options,
                                      Timestamp now);

// Ok: a command was logged, which may have been refused because someone else moved the intent; or the
// attempt ended because the watchdog stopped it, and nothing was recorded of it. Errors: what keeps
// commands from being logged.
Status advance(Store& store, Watchdog& watchdog, const IntentHandler& handler,
               const HandlerOptions& options, const Intent& intent);

}  // namespace forelog::intents
