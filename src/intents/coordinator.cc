// Coordinator: a decision as an intent. Implements docs/intents.md, "Decisions".
#include <algorithm>
#include <atomic>
#include <charconv>
#include <functional>
#include <limits>
#include <set>
#include <utility>

#include "base/guarded.h"
#include "base/simulation.h"
#include "base/text.h"
#include "forelog/decide.h"
#include "forelog/try.h"
#include "intents/command.h"
#include "intents/wire.h"

namespace forelog {

using base::concat;

namespace {

constexpr std::uint8_t kPayloadVersion = 1;
constexpr std::size_t kParticipantsMax = 127;  // Two steps each, and the decision.
constexpr std::size_t kParticipantNameBytesMax = 56;

std::string payload_of(const std::vector<ParticipantChange>& changes) {
  intents::FieldWriter to;
  to.number8(kPayloadVersion);
  to.number8(static_cast<std::uint8_t>(changes.size()));
  for (const ParticipantChange& each : changes) {
    to.text(each.participant);
    to.text(each.change);
  }
  return std::move(to.bytes());
}

Result<std::vector<ParticipantChange>> changes_of(std::string_view payload) {
  intents::ByteSource source{ByteView(payload)};
  intents::FieldReader from(source);
  const auto version = FORELOG_TRY(from.number<std::uint8_t>());
  if (version != kPayloadVersion) {
    return Status(Code::unsupported,
                  concat("a decision of version ", version, ": use a newer program"));
  }
  std::vector<ParticipantChange> changes(FORELOG_TRY(from.number<std::uint8_t>()));
  for (ParticipantChange& each : changes) {
    each.participant = FORELOG_TRY(from.text(kParticipantNameBytesMax));
    each.change = FORELOG_TRY(from.text(intents::kResultBytesMax));
  }
  FORELOG_TRY(from.end());
  return changes;
}

// Prepare each, decide, commit each.
IntentPlan plan_of(const std::vector<ParticipantChange>& changes) {
  IntentPlan plan;
  plan.kind = intents::kDecisionKind;
  plan.payload = payload_of(changes);
  plan.pivot = changes.size();
  for (const ParticipantChange& each : changes) plan.steps.push_back("prepare/" + each.participant);
  plan.steps.emplace_back("decide");
  for (const ParticipantChange& each : changes) plan.steps.push_back("commit/" + each.participant);
  return plan;
}

Decision decision_of(IntentPhase phase, bool behind_pivot) {
  if (behind_pivot) return Decision::committed;
  return phase == IntentPhase::running ? Decision::undecided : Decision::aborted;
}

}  // namespace

std::string_view to_string(Decision decision) noexcept {
  switch (decision) {
    case Decision::undecided: return "undecided";
    case Decision::committed: return "committed";
    case Decision::aborted: return "aborted";
  }
  return "unknown";
}

struct Coordinator::Impl {
  Impl(Intents opened, std::map<std::string, Participant*> given, CoordinatorOptions chosen)
      : participants(std::move(given)),
        options(std::move(chosen)),
        log_id(opened.log().id()),
        intents(std::move(opened)) {}

  Status start();
  Status check_participants() const;
  Status check(const std::vector<ParticipantChange>& changes) const;
  // The time is in it for a copy of this directory to give other names, should someone open it.
  std::string name_of(IntentId id, Timestamp begun) const {
    return concat(log_id, "/", id.value, "/", begun.time_since_epoch().count());
  }
  std::string name_of(const Intent& intent) const { return name_of(intent.id, intent.begun); }
  // Nullopt: it is not one of ours, as far as the name tells.
  std::optional<IntentId> id_of(std::string_view transaction) const;
  // Errors: invalid_argument, it is not one of ours.
  Result<Decision> decision(std::string_view transaction) const;

  // The steps.
  Result<Participant*> participant(const std::string& name) const;
  Result<std::string> run(IntentAttempt& attempt) const;
  Result<std::string> prepare(IntentAttempt& attempt, const ParticipantChange& change) const;
  Status undo(const IntentAttempt& attempt) const;
  Status ask(const ParticipantChange& change,
             const std::function<Status(Participant&)>& call) const;

  std::map<std::string, Participant*> participants;
  CoordinatorOptions options;
  std::string log_id;
  std::atomic<bool> closed{false};
  mutable Intents
      intents;  // The last, for it to be the first that ends: its threads use all the others.
};

Status Coordinator::Impl::start() {
  HandlerOptions handler;
  handler.attempts_max = std::numeric_limits<std::uint32_t>::max();
  handler.backoff_first = options.backoff_first;
  handler.backoff_max = options.backoff_max;
  FORELOG_TRY(intents.handle(intents::kDecisionKind,
                             {[this](IntentAttempt& attempt) { return run(attempt); },
                              [this](IntentAttempt& attempt) { return undo(attempt); }},
                             handler));
  return intents.start();
}

Result<Participant*> Coordinator::Impl::participant(const std::string& name) const {
  const auto found = participants.find(name);
  if (found != participants.end()) return found->second;
  return Status(Code::invalid_argument,
                concat("there is no participant ", name, ": give it to Coordinator::open"));
}

Result<std::string> Coordinator::Impl::run(IntentAttempt& attempt) const {
  const auto changes = FORELOG_TRY(changes_of(attempt.intent.plan->payload));
  // Durability: that this step is recorded as done is the decision.
  if (attempt.step == changes.size()) return std::string();
  if (attempt.step < changes.size()) return prepare(attempt, changes[attempt.step]);
  const auto commit = [&](std::size_t step) {
    const std::size_t at = step - changes.size() - 1;
    return ask(changes.at(at), [&](Participant& each) {
      return each.commit(name_of(attempt.intent), attempt.intent.steps[at].result);
    });
  };
  Status status = commit(attempt.step);
  if (status.ok()) return std::string();
  // One that is away shall keep nothing locked but its own: the others are told now.
  for (std::size_t step = attempt.step + 1;
       step < attempt.intent.steps.size() && !attempt.stop.stop_requested(); ++step) {
    if (attempt.intent.steps[step].state == StepState::pending && commit(step).ok()) {
      FORELOG_TRY(intents.done(attempt.intent.id, step));
    }
  }
  return status;
}

Status Coordinator::Impl::undo(const IntentAttempt& attempt) const {
  const auto changes = FORELOG_TRY(changes_of(attempt.intent.plan->payload));
  const auto abort = [&](std::size_t step) {
    return ask(changes.at(step),
               [&](Participant& each) { return each.abort(name_of(attempt.intent)); });
  };
  Status status = abort(attempt.step);
  // As in run(). Their own steps come, and repeat it.
  for (std::size_t step = attempt.step; !status && step > 0 && !attempt.stop.stop_requested();
       --step) {
    (void)abort(step - 1);
  }
  return status;
}

Status Coordinator::Impl::ask(const ParticipantChange& change,
                              const std::function<Status(Participant&)>& call) const {
  Participant* const asked = FORELOG_TRY(participant(change.participant));
  return base::contained(change.participant, [&] { return call(*asked); });
}

Result<std::string> Coordinator::Impl::prepare(IntentAttempt& attempt,
                                               const ParticipantChange& change) const {
  Participant* const asked = FORELOG_TRY(participant(change.participant));
  const auto vote = asked->prepare(name_of(attempt.intent), change.change);
  if (!vote && base::makes(base::Mistake::decide_before_prepared)) return std::string();
  if (!vote && attempt.number >= options.prepare_attempts_max) {
    return attempt.refuse(concat(change.participant, " did not prepare: ", vote.error().message()));
  }
  if (!vote) return vote.error();
  if (!vote->yes) return attempt.refuse(concat(change.participant, " votes no: ", vote->why));
  return vote->receipt;
}

Status Coordinator::Impl::check_participants() const {
  for (const auto& [name, participant] : participants) {
    if (participant == nullptr) {
      return {Code::invalid_argument, concat("participant ", name, " is a null pointer")};
    }
    if (name.size() > kParticipantNameBytesMax || !intents::is_name(name)) {
      return {Code::invalid_argument,
              concat("'", name, "' is no name of a participant: it has 1 to ",
                     kParticipantNameBytesMax, " of [A-Za-z0-9._/-]")};
    }
  }
  return {};
}

Status Coordinator::Impl::check(const std::vector<ParticipantChange>& changes) const {
  if (changes.empty() || changes.size() > kParticipantsMax) {
    return {Code::invalid_argument, concat("a decision has 1 to ", kParticipantsMax,
                                           " participants, not ", changes.size())};
  }
  std::set<std::string_view> names;
  for (const ParticipantChange& each : changes) {
    FORELOG_TRY(participant(each.participant));
    if (!names.insert(each.participant).second) {
      return {Code::invalid_argument,
              concat("participant ", each.participant, " is named twice: give it one change")};
    }
  }
  return {};
}

std::optional<IntentId> Coordinator::Impl::id_of(std::string_view transaction) const {
  const std::string prefix = log_id + "/";
  if (!transaction.starts_with(prefix)) return std::nullopt;
  transaction.remove_prefix(prefix.size());
  IntentId id;
  const char* const end = transaction.data() + transaction.size();
  const auto [stop, error] = std::from_chars(transaction.data(), end, id.value);
  if (error != std::errc() || stop == end || *stop != '/') return std::nullopt;
  return id;
}

Result<Decision> Coordinator::Impl::decision(std::string_view transaction) const {
  const Status not_ours(Code::invalid_argument,
                        concat("transaction ", transaction, " is not of this coordinator"));
  const auto id = id_of(transaction);
  if (!id) return not_ours;
  // Before the look: what is there now was there then.
  if (closed) return Status(Code::cancelled, "the coordinator was closed");
  FORELOG_TRY(intents.health());
  if (const auto intent = intents.find(*id)) {
    if (name_of(*intent) != transaction) return not_ours;
    return decision_of(intent->phase, intent->behind_pivot());
  }
  if (const auto finished = intents.find_finished(*id)) {
    if (name_of(*id, finished->begun) != transaction) return not_ours;
    return decision_of(finished->phase, finished->behind_pivot);
  }
  if (id->value > intents.applied().value) {
    return Status(Code::invalid_argument,
                  concat("transaction ", transaction,
                         " has not begun here: this is an older copy of its coordinator's "
                         "directory, and what was decided is not known"));
  }
  // Presumed abort. One that was committed is forgotten only when all have committed.
  return Decision::aborted;
}

Coordinator::Coordinator(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Coordinator::Coordinator(Coordinator&&) noexcept = default;
Coordinator& Coordinator::operator=(Coordinator&&) noexcept = default;
Coordinator::~Coordinator() = default;

Result<Coordinator> Coordinator::open(const std::filesystem::path& dir,
                                      std::map<std::string, Participant*> participants,
                                      CoordinatorOptions options) {
  return base::guarded([&]() -> Result<Coordinator> {
    Intents intents = FORELOG_TRY(Intents::open(dir, options.intents));
    auto impl =
        std::make_unique<Impl>(std::move(intents), std::move(participants), std::move(options));
    FORELOG_TRY(impl->check_participants());
    FORELOG_TRY(impl->start());
    return Coordinator(std::move(impl));
  });
}

Result<std::string> Coordinator::begin(const std::vector<ParticipantChange>& changes,
                                       std::string_view key) {
  return base::guarded([&]() -> Result<std::string> {
    FORELOG_TRY(impl_->check(changes));
    IntentPlan plan = plan_of(changes);
    plan.timeout = impl_->options.timeout;
    plan.key = key;
    const IntentId id = FORELOG_TRY(impl_->intents.begin(plan));
    if (const auto intent = impl_->intents.find(id)) return impl_->name_of(*intent);
    if (const auto finished = impl_->intents.find_finished(id)) {
      return impl_->name_of(id, finished->begun);
    }
    return Status(Code::outcome_unknown, concat("intent ", id.value, " was finished long ago"));
  });
}

Result<Decision> Coordinator::wait(std::string_view transaction, std::optional<Deadline> deadline) {
  return base::guarded([&]() -> Result<Decision> {
    const auto id = impl_->id_of(transaction);
    if (!id) {
      return Status(Code::not_found,
                    concat("transaction ", transaction, " is not of this coordinator"));
    }
    FORELOG_TRY(impl_->intents.wait(*id, deadline));
    return decision(transaction);
  });
}

Result<Decision> Coordinator::decide(const std::vector<ParticipantChange>& changes,
                                     std::optional<Deadline> deadline) {
  return base::guarded([&]() -> Result<Decision> {
    const std::string transaction = FORELOG_TRY(begin(changes));
    return wait(transaction, deadline);
  });
}

Result<Decision> Coordinator::decision(std::string_view transaction) const {
  return base::guarded([&] { return impl_->decision(transaction); });
}

Intents& Coordinator::intents() const noexcept { return impl_->intents; }
Status Coordinator::close() {
  impl_->closed = true;
  return impl_->intents.close();
}

}  // namespace forelog
