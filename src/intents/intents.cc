#include "forelog/intents.h"

#include <atomic>
#include <utility>

#include "base/guarded.h"
#include "base/simulation.h"
#include "base/text.h"
#include "forelog/snapshot.h"
#include "forelog/try.h"
#include "intents/command.h"
#include "intents/runner.h"
#include "intents/store.h"
#include "intents/waiters.h"

namespace forelog {

using intents::Command;
using intents::CommandKind;
using intents::FinishedPointer;
using intents::IntentPointer;

struct Intents::Impl {
  Impl(std::unique_ptr<intents::Store> opened, std::size_t threads)
      : store(std::move(opened)), runner(*store, waiters, threads) {}

  // A change by someone else than the runner.
  Status move(Command command) {
    const IntentId id = command.id;
    Status status = store->move(std::move(command));
    tell(id);
    return status;
  }
  void tell(IntentId id) {
    runner.changed(id);
    if (store->durable().health().ok()) {
      waiters.wake(id);
    } else {
      waiters.wake_all();
    }
  }
  std::optional<Result<IntentOutcome>> outcome(IntentId id) const;

  std::unique_ptr<intents::Store> store;
  std::atomic<bool> closing{false};
  intents::Waiters waiters;
  intents::Runner runner;
};

namespace {

Command command_of(CommandKind kind, IntentId id, std::string text = {}) {
  Command command;
  command.kind = kind;
  command.id = id;
  command.text = std::move(text);
  return command;
}

Status check_step(std::size_t step) {
  if (step < intents::kStepsMax) return {};
  return {Code::invalid_argument, base::concat("no intent has a step ", step)};
}

}  // namespace

Status IntentAttempt::refuse(std::string_view why) {
  refused_ = true;
  return {Code::cancelled, std::string(why)};
}

Intents::Intents(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Intents::Intents(Intents&&) noexcept = default;
Intents& Intents::operator=(Intents&&) noexcept = default;
Intents::~Intents() = default;

Result<Intents> Intents::open(const std::filesystem::path& dir, IntentsOptions options) {
  return base::guarded([&]() -> Result<Intents> {
    if (options.concurrency == 0 || options.concurrency > 1024) {
      return Status(Code::invalid_argument, "concurrency of intents is from 1 to 1024");
    }
    auto store = FORELOG_TRY(intents::Store::open(dir, std::move(options.durable)));
    return Intents(std::make_unique<Impl>(std::move(store), options.concurrency));
  });
}

Result<std::vector<IntentPointer>> Intents::look(const std::filesystem::path& dir,
                                                 const DurableOptions& options) {
  return base::guarded([&]() -> Result<std::vector<IntentPointer>> {
    return FORELOG_TRY(intents::look(dir, options)).open;
  });
}

Result<IntentId> Intents::begin(const IntentPlan& plan) {
  return base::guarded([&]() -> Result<IntentId> {
    FORELOG_TRY(intents::check_plan(plan));
    Command command;
    command.plan = plan;
    const auto level =
        base::makes(base::Mistake::run_before_begun) ? Durability::buffered : Durability::synced;
    const auto verdict = FORELOG_TRY(impl_->store->apply(std::move(command), level));
    FORELOG_TRY(verdict.status);
    impl_->tell(verdict.id);
    return verdict.id;
  });
}

Status Intents::handle(std::string_view kind, IntentHandler handler, HandlerOptions options) {
  return base::guarded([&] { return impl_->runner.handle(kind, std::move(handler), options); });
}

Status Intents::start() {
  return base::guarded([&] { return impl_->runner.start(); });
}

// Nullopt: it is on its way.
std::optional<Result<IntentOutcome>> Intents::Impl::outcome(IntentId id) const {
  if (const IntentPointer intent = store->find(id)) {
    if (!intent->parked) {
      if (closing) return Status(Code::cancelled, "the intents were closed");
      if (Status health = store->durable().health(); !health) return health;
      return std::nullopt;
    }
    return IntentOutcome{intent->phase, true, intent->last_error};
  }
  if (const FinishedPointer finished = store->find_finished(id)) {
    return IntentOutcome{finished->phase, false, finished->reason};
  }
  return Status(Code::not_found,
                base::concat("there is no intent ", id.value, ", or it was finished long ago"));
}

Result<IntentOutcome> Intents::wait(IntentId id, std::optional<Deadline> deadline) {
  return base::guarded([&]() -> Result<IntentOutcome> {
    const auto outcome = impl_->waiters.wait(id, deadline, [&] { return impl_->outcome(id); });
    if (outcome) return *outcome;
    return Status(Code::timed_out, base::concat("intent ", id.value, " is not finished yet"));
  });
}

Status Intents::done(IntentId id, std::size_t step, ByteView result) {
  return base::guarded([&]() -> Status {
    FORELOG_TRY(check_step(step));
    Command command = command_of(CommandKind::step_done, id, std::string(result.text()));
    command.step = static_cast<std::uint32_t>(step);
    return impl_->move(std::move(command));
  });
}

Status Intents::complete(IntentId id) {
  return base::guarded([&] { return impl_->move(command_of(CommandKind::completed, id)); });
}

Status Intents::abort(IntentId id, std::string_view reason) {
  return base::guarded([&] {
    Command command = command_of(CommandKind::aborting, id, intents::short_reason(reason));
    const IntentPointer intent = impl_->store->find(id);
    command.pivot_had_no_effect = intent != nullptr && !impl_->runner.handles(intent->plan->kind);
    return impl_->move(std::move(command));
  });
}

Status Intents::compensated(IntentId id, std::size_t step, ByteView result) {
  return base::guarded([&]() -> Status {
    FORELOG_TRY(check_step(step));
    Command command = command_of(CommandKind::compensated, id, std::string(result.text()));
    command.step = static_cast<std::uint32_t>(step);
    return impl_->move(std::move(command));
  });
}

Status Intents::park(IntentId id, std::string_view why) {
  return base::guarded(
      [&] { return impl_->move(command_of(CommandKind::parked, id, intents::short_reason(why))); });
}

Status Intents::retry(IntentId id) {
  return base::guarded([&] { return impl_->move(command_of(CommandKind::retried, id)); });
}

Status Intents::drop(IntentId id, std::string_view why) {
  return base::guarded([&] {
    return impl_->move(command_of(CommandKind::dropped, id, intents::short_reason(why)));
  });
}

std::vector<IntentPointer> Intents::unfinished() const { return impl_->store->image().open; }

IntentPointer Intents::find(IntentId id) const { return impl_->store->find(id); }

std::optional<FinishedIntent> Intents::find_finished(IntentId id) const {
  const FinishedPointer finished = impl_->store->find_finished(id);
  if (finished == nullptr) return std::nullopt;
  return *finished;
}

std::string Intents::idempotency_key(IntentId id, std::size_t step, bool compensation) const {
  return impl_->store->key(id, step, compensation);
}

Result<Lsn> Intents::checkpoint() { return impl_->store->durable().checkpoint(); }
Status Intents::health() const { return impl_->store->durable().health(); }
Lsn Intents::applied() const noexcept { return impl_->store->durable().applied(); }
DurableStats Intents::stats() const { return impl_->store->durable().stats(); }
const Recovered& Intents::recovered() const noexcept { return impl_->store->durable().recovered(); }
Log& Intents::log() const noexcept { return impl_->store->durable().log(); }

Status Intents::close() {
  return base::guarded([&] {
    impl_->closing = true;
    impl_->runner.stop();
    return impl_->store->durable().close();
  });
}

}  // namespace forelog
