// Intents: work of several steps that is finished or undone, whatever crashes in between. The plan is
// durable before its first step runs, each step is recorded when it is done, and what a crash cut
// short goes on when the directory is opened again. Implements docs/intents.md.
//
//   auto intents = FORELOG_TRY(Intents::open("/var/lib/restaurant"));
//   FORELOG_TRY(intents.handle("order", {.run = run_step, .compensate = undo_step}));
//   FORELOG_TRY(intents.start());
//   const IntentId id = FORELOG_TRY(intents.begin({.kind = "order", .payload = order,
//                                                  .steps = {"charge", "stock", "save", "kitchen"}}));
//   const IntentOutcome outcome = FORELOG_TRY(intents.wait(id));
//
// Or by hand, without handlers: begin, then done() behind each step, then complete(); or abort(), and
// compensated() behind each compensation.
//
// Threading: every method may be called from any thread, handlers' ones too, but for open, close,
// moves and destruction, which no other call may overlap. (close() may overlap waits: it ends them.)
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "forelog/bytes.h"
#include "forelog/durable.h"
#include "forelog/export.h"
#include "forelog/intent.h"
#include "forelog/intent_handler.h"
#include "forelog/log.h"
#include "forelog/status.h"

namespace forelog {

struct IntentsOptions {
  DurableOptions durable = {};
  std::size_t concurrency = 8;  // Intents at work at once: as many threads. 1 to 1024.
};

class FORELOG_EXPORT Intents {
 public:
  // Recovers the intents that are unfinished. Nothing runs before start().
  // Errors: those of Durable::open; invalid_argument (options).
  static Result<Intents> open(const std::filesystem::path& dir, IntentsOptions options = {});
  // What is unfinished in `dir`, in order of id. Takes no lock, and works beside a process that has it
  // open. Of the options: the file system, and the compression. Errors: of Log::open and of recover.
  static Result<std::vector<std::shared_ptr<const Intent>>> look(
      const std::filesystem::path& dir, const DurableOptions& options = {});
  Intents(Intents&&) noexcept;
  Intents& operator=(Intents&&) noexcept;
  ~Intents();  // Waits for handlers that are running, as close() does.

  // Durable on return: it will be finished or undone, if there is a handler for it (or someone who
  // does it by hand). Errors: invalid_argument (the plan); those of Durable::update. After
  // outcome_unknown it may have been begun: with a key it can be begun again safely.
  Result<IntentId> begin(const IntentPlan& plan);

  // Who runs the intents of a kind. Those of kinds without a handler are left alone. Errors:
  // invalid_argument (no run, a bound of 0, or the kind has a handler), cancelled (started already).
  Status handle(std::string_view kind, IntentHandler handler, HandlerOptions options = {});
  // Starts to run what is unfinished and what is begun from now on, in order of id, as far as
  // concurrency and backoff let it.
  Status start();
  // Waits until it is finished or parked. Errors: timed_out, not_found, cancelled (closed meanwhile),
  // and what keeps records from being written.
  Result<IntentOutcome> wait(IntentId id, std::optional<Deadline> deadline = {});

  // By hand. Durable on return. What has been recorded already is Ok again. Errors: not_found (no such
  // intent, or finished long ago), invalid_argument (not what comes next), busy (abort, at a pivot
  // that a handler may be at work on); those of Durable::update.
  Status done(IntentId id, std::size_t step, ByteView result = {});
  Status complete(IntentId id);  // All steps are done.
  // Steps that are done, and the one that is pending next, since it may have been tried, are to be
  // compensated, in reverse: Intent::next_step(). With the last compensation the intent is aborted.
  // At the pivot whoever aborts by hand says that it had no effect.
  Status abort(IntentId id, std::string_view reason);
  Status compensated(IntentId id, std::size_t step, ByteView result = {});

  // For an operator, also while the intent is at work.
  Status park(IntentId id, std::string_view why);  // From the next step on.
  Status retry(IntentId id);                       // Now, parked or waiting; attempts count anew.
  // Gives a parked one up: nothing is done or undone any more. busy: it is not parked.
  Status drop(IntentId id, std::string_view why);

  std::vector<std::shared_ptr<const Intent>> unfinished()
      const;  // In order of id; parked ones too.
  // Null where it is not open.
  std::shared_ptr<const Intent> find(IntentId id) const;
  std::optional<FinishedIntent> find_finished(IntentId id) const;
  // LOG/INTENT/STEP/run or …/undo: what an outside service is asked with, the same at every attempt
  // and after every restart, and never given to anything else.
  std::string idempotency_key(IntentId id, std::size_t step, bool compensation) const;

  Result<Lsn> checkpoint();
  Status health() const;
  Lsn applied() const noexcept;  // The last command that took effect.
  DurableStats stats() const;
  const Recovered& recovered() const noexcept;  // What open did.
  Log& log() const noexcept;                    // To read or to look at.

  // Asks handlers that run to end, waits for them, and closes the log.
  Status close();

  struct FORELOG_HIDDEN Impl;

 private:
  explicit Intents(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace forelog
