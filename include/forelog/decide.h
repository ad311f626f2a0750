// Prepare and decide across logs: a change of several participants that all of them make, or none,
// whatever crashes in between. The Coordinator asks each to prepare, makes its decision durable when
// all have, and tells them, again and again until they have it. It is an intent: prepare each, decide
// (the pivot), commit each; with abort as the compensation. Implements docs/intents.md, "Decisions".
//
// Presumed abort: only a decision to commit is written. A transaction that the coordinator does not
// know, or not any more, was aborted, or no participant is waiting for it.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "forelog/bytes.h"
#include "forelog/export.h"
#include "forelog/intents.h"
#include "forelog/log.h"
#include "forelog/status.h"

namespace forelog {

struct Vote {
  bool yes = true;
  std::string why = {};  // Not.
  // With a yes: what the participant wants to be shown when it is told to commit, for it to know then
  // what it has forgotten since. Opaque to the coordinator, which keeps it with its decision; small,
  // and may be empty.
  std::string receipt = {};
};

// Something that takes part in decisions: a log in this process (log_participant.h), or what stands
// for one elsewhere. Every call may be a repetition, of any earlier one, and has the effect of one. An error
// says nothing of what became of the call: it is asked again later.
// Threading: the coordinator calls it from several threads.
class FORELOG_EXPORT Participant {
 public:
  virtual ~Participant() = default;
  // Yes: the change is durable, has no effect yet, and commit() can no longer fail for reasons of its
  // own. No: it had and will have no effect.
  virtual Result<Vote> prepare(std::string_view transaction, ByteView change) = 0;
  // Durable on return. `receipt` is of its vote.
  virtual Status commit(std::string_view transaction, std::string_view receipt) = 0;
  // Durable on return. Also of one that it has never heard of: then a prepare() that comes late, and
  // any other, is answered with no.
  virtual Status abort(std::string_view transaction) = 0;
};

enum class Decision : std::uint8_t { undecided = 0, committed = 1, aborted = 2 };
FORELOG_EXPORT std::string_view to_string(Decision decision) noexcept;

// What one participant is to change.
struct ParticipantChange {
  std::string participant;  // By name, as given to Coordinator::open: 1 to 56 of [A-Za-z0-9._/-].
  std::string change;
};

struct CoordinatorOptions {
  IntentsOptions intents = {};
  // How often a participant is asked to prepare, before all is aborted: it is unreachable, or busy.
  std::uint32_t prepare_attempts_max = 5;
  std::chrono::milliseconds timeout{0};  // For all to prepare; 0: no bound but the attempts.
  // Between attempts; what is decided is told for ever.
  std::chrono::milliseconds backoff_first{50};
  std::chrono::milliseconds backoff_max{5000};
};

// Threading: as Intents.
class FORELOG_EXPORT Coordinator {
 public:
  // The participants outlive it. What was unfinished goes on at once. Errors: those of Intents::open.
  static Result<Coordinator> open(const std::filesystem::path& dir,
                                  std::map<std::string, Participant*> participants,
                                  CoordinatorOptions options = {});
  Coordinator(Coordinator&&) noexcept;
  Coordinator& operator=(Coordinator&&) noexcept;
  ~Coordinator();

  // Begins; returns the transaction's name, with which participants know it. Durable on return: it
  // will be committed by all or by none. Errors: invalid_argument (no participant of that name, one
  // that is named twice, none or more than 127), and those of Intents::begin.
  // `key` as in IntentPlan: the same again gives the same transaction.
  Result<std::string> begin(const std::vector<ParticipantChange>& changes,
                            std::string_view key = {});
  // Waits until every participant has committed or aborted, or an operator has parked it: returns what
  // was decided, to which the others come then. Errors: those of Intents::wait; not_found for a name
  // that is not one of this coordinator's.
  Result<Decision> wait(std::string_view transaction, std::optional<Deadline> deadline = {});
  // begin + wait. After an error it may be decided either way, later.
  Result<Decision> decide(const std::vector<ParticipantChange>& changes,
                          std::optional<Deadline> deadline = {});

  // For a participant that is in doubt: what was decided, as far as it is. `aborted` also for one that
  // is not known any more. Errors: invalid_argument, not a transaction of this coordinator, or of a copy
  // of it; cancelled, it was closed; those of Intents::health.
  Result<Decision> decision(std::string_view transaction) const;

  Intents& intents() const noexcept;  // To list, to retry: kind "forelog.decide".
  Status close();

  struct FORELOG_HIDDEN Impl;

 private:
  explicit Coordinator(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace forelog
