// LogParticipant<State>: a Durable<State> that takes part in decisions (decide.h). Beside its state it
// keeps a table of prepared changes, in its log and in its snapshots; each locks what it touches until
// it is decided. Implements docs/intents.md, "Participants".
//
// Threading: as Durable.
#pragma once

#include <concepts>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "forelog/bytes.h"
#include "forelog/decide.h"
#include "forelog/durable.h"
#include "forelog/export.h"
#include "forelog/state_machine.h"
#include "forelog/status.h"

namespace forelog {

// A state machine whose commands can be prepared. freeze() as in StateMachine.
class FORELOG_EXPORT TransactionalState : public StateMachine {
 public:
  // What a command touches. From prepare to decision no other command that touches any of it is let in.
  virtual std::vector<std::string> keys_of(ByteView command) const = 0;
  // Whether it can be applied to the state as it is. Not ok: the vote is no, and the message says why.
  // Ok, and nothing touches its keys meanwhile: apply() must do it. Deterministic, like apply().
  virtual Status check(ByteView command) const = 0;
};

// A change that was prepared, and not yet decided.
struct InDoubt {
  std::string transaction;
  std::string change;
  Lsn prepared;
};

// LogParticipant without the type of its state: what the template below is made of.
class FORELOG_EXPORT LogParticipantBase : public Participant {
 public:
  using Make = std::function<std::unique_ptr<TransactionalState>()>;
  using Look = std::function<void(const TransactionalState&)>;
  // Asks a coordinator: Coordinator::decision, or what stands for it elsewhere.
  using Ask = std::function<Result<Decision>(std::string_view transaction)>;

  static Result<LogParticipantBase> open(const std::filesystem::path& dir,
                                         const DurableOptions& options, Make make);
  LogParticipantBase(LogParticipantBase&&) noexcept;
  LogParticipantBase& operator=(LogParticipantBase&&) noexcept;
  ~LogParticipantBase() override;

  // busy: it touches what another transaction has locked; asked again, it may succeed. Errors
  // otherwise: those of Durable::update. The last 1024 transactions that were decided are remembered.
  // Its receipt says where in this log the change is prepared.
  Result<Vote> prepare(std::string_view transaction, ByteView change) override;
  // Ok also for one that was decided and forgotten, as the receipt shows. not_found: it was not
  // prepared here, or was aborted; or this is an older copy of the directory that it was prepared in.
  Status commit(std::string_view transaction, std::string_view receipt) override;
  Status abort(std::string_view transaction) override;

  // A command that is no part of a transaction. busy: a transaction has locked what it touches, and
  // nothing was done. Otherwise as Durable::update.
  Result<Lsn> update(ByteView command, const Look& then = nullptr);
  void read(const Look& look) const;

  std::vector<InDoubt> in_doubt() const;  // In order of preparing.
  // Asks what became of each, and does it. For a participant that is opened without its coordinator
  // being opened after it, which tells it in any case. Returns how many are still undecided.
  Result<std::size_t> resolve(const Ask& ask);

  Result<Lsn> checkpoint();
  Status health() const;
  Log& log() const noexcept;
  Status close();

  struct FORELOG_HIDDEN Impl;

 private:
  explicit LogParticipantBase(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

template <std::derived_from<TransactionalState> State>
class LogParticipant : public LogParticipantBase {
 public:
  // Errors: those of Durable::open.
  static Result<LogParticipant> open(
      const std::filesystem::path& dir, const DurableOptions& options = {},
      std::function<std::unique_ptr<State>()> make = [] { return std::make_unique<State>(); }) {
    auto base = LogParticipantBase::open(
        dir, options,
        [make = std::move(make)]() -> std::unique_ptr<TransactionalState> { return make(); });
    if (!base) return base.error();
    return LogParticipant(*std::move(base));
  }

  // look(const State&): of what is committed.
  template <std::invocable<const State&> Look>
  void read(Look&& look) const {
    LogParticipantBase::read(
        [&look](const TransactionalState& state) { look(static_cast<const State&>(state)); });
  }

 private:
  explicit LogParticipant(LogParticipantBase base) : LogParticipantBase(std::move(base)) {}
};

}  // namespace forelog
