#include "forelog/log_participant.h"

#include <charconv>
#include <optional>
#include <utility>

#include "base/guarded.h"
#include "base/simulation.h"
#include "base/text.h"
#include "forelog/durable.h"
#include "forelog/try.h"
#include "intents/participant_state.h"

namespace forelog {

using intents::ParticipantCommand;
using intents::ParticipantCommandKind;
using intents::ParticipantState;

struct LogParticipantBase::Impl {
  explicit Impl(Durable<ParticipantState> opened) : durable(std::move(opened)) {}

  // What became of a command, once it is durable.
  Result<ParticipantState::Verdict> apply(ParticipantCommandKind kind, std::string_view transaction,
                                          ByteView change = {}) {
    if (transaction.empty() || transaction.size() > intents::kTransactionBytesMax) {
      return Status(Code::invalid_argument, base::concat("a transaction's name has 1 to ",
                                                         intents::kTransactionBytesMax, " bytes"));
    }
    const std::string bytes =
        encode(ParticipantCommand{kind, std::string(transaction), std::string(change.text())});
    const auto level =
        base::makes(base::Mistake::forget_prepared) ? Durability::buffered : Durability::synced;
    ParticipantState::Verdict verdict;
    FORELOG_TRY(durable.update_then(
        bytes, [&verdict](const ParticipantState& state) { verdict = state.verdict(); }, level));
    return verdict;
  }

  // What is applied is durable: said again, it needs no record. The health is asked behind the look: a
  // command that could not be applied may have left something behind.
  bool is_known(std::string_view transaction, Decision decision) const {
    const Decision known =
        durable.read([&](const ParticipantState& state) { return state.decision(transaction); });
    return known == decision && durable.health().ok();
  }

  std::string receipt(Lsn prepared) const {
    return prepared == Lsn() ? "" : base::concat(durable.log().id(), "/", prepared.value);
  }
  // Where in this log the receipt says that something was prepared; nullopt: nowhere in this one.
  std::optional<Lsn> prepared_at(std::string_view receipt) const {
    const std::string prefix = durable.log().id() + "/";
    if (!receipt.starts_with(prefix)) return std::nullopt;
    receipt.remove_prefix(prefix.size());
    Lsn lsn;
    const char* const end = receipt.data() + receipt.size();
    const auto [stop, error] = std::from_chars(receipt.data(), end, lsn.value);
    if (error != std::errc() || stop != end) return std::nullopt;
    return lsn;
  }
  // What was prepared, and neither waits for a decision nor is remembered, has been decided since.
  bool is_forgotten(std::string_view transaction, Lsn prepared) const {
    if (prepared > durable.applied()) return false;  // Before the look, which is to show it.
    const bool gone = durable.read([&](const ParticipantState& state) {
      return !state.is_in_doubt(transaction) && state.decision(transaction) == Decision::undecided;
    });
    return gone && durable.health().ok();
  }

  Durable<ParticipantState> durable;
};

LogParticipantBase::LogParticipantBase(std::unique_ptr<Impl> impl) noexcept
    : impl_(std::move(impl)) {}
LogParticipantBase::LogParticipantBase(LogParticipantBase&&) noexcept = default;
LogParticipantBase& LogParticipantBase::operator=(LogParticipantBase&&) noexcept = default;
LogParticipantBase::~LogParticipantBase() = default;

Result<LogParticipantBase> LogParticipantBase::open(const std::filesystem::path& dir,
                                                    const DurableOptions& options, Make make) {
  return base::guarded([&]() -> Result<LogParticipantBase> {
    auto durable =
        FORELOG_TRY(Durable<ParticipantState>::open(dir, options, [make = std::move(make)] {
          return std::make_unique<ParticipantState>(make());
        }));
    return LogParticipantBase(std::make_unique<Impl>(std::move(durable)));
  });
}

Result<Vote> LogParticipantBase::prepare(std::string_view transaction, ByteView change) {
  return base::guarded([&]() -> Result<Vote> {
    const auto verdict =
        FORELOG_TRY(impl_->apply(ParticipantCommandKind::prepare, transaction, change));
    FORELOG_TRY(verdict.status);
    Vote vote = verdict.vote;
    if (vote.yes) vote.receipt = impl_->receipt(verdict.prepared);
    return vote;
  });
}

Status LogParticipantBase::commit(std::string_view transaction, std::string_view receipt) {
  return base::guarded([&]() -> Status {
    if (impl_->is_known(transaction, Decision::committed)) return {};
    const auto prepared = impl_->prepared_at(receipt);
    if (prepared && impl_->is_forgotten(transaction, *prepared)) return {};
    Status status = FORELOG_TRY(impl_->apply(ParticipantCommandKind::commit, transaction)).status;
    if (status.code() != Code::not_found || receipt.empty()) return status;
    if (!prepared) {
      return status.with_context(base::concat("it was prepared as ", receipt,
                                              ", in another log than this, ",
                                              impl_->durable.log().id()));
    }
    if (*prepared <= impl_->durable.applied()) return status;
    return status.with_context(base::concat(
        "it was prepared at LSN ", prepared->value,
        ", which this log has not reached: it is an older copy of the participant's directory"));
  });
}

Status LogParticipantBase::abort(std::string_view transaction) {
  return base::guarded([&]() -> Status {
    if (impl_->is_known(transaction, Decision::aborted)) return {};
    return FORELOG_TRY(impl_->apply(ParticipantCommandKind::abort, transaction)).status;
  });
}

Result<Lsn> LogParticipantBase::update(ByteView command, const Look& then) {
  return base::guarded([&]() -> Result<Lsn> {
    const std::string bytes =
        encode(ParticipantCommand{ParticipantCommandKind::update, {}, std::string(command.text())});
    Status status;
    const Lsn lsn =
        FORELOG_TRY(impl_->durable.update_then(bytes, [&](const ParticipantState& state) {
          status = state.verdict().status;
          if (status.ok() && then) then(state.user());
        }));
    FORELOG_TRY(status);
    return lsn;
  });
}

void LogParticipantBase::read(const Look& look) const {
  impl_->durable.read([&look](const ParticipantState& state) { look(state.user()); });
}

std::vector<InDoubt> LogParticipantBase::in_doubt() const {
  return impl_->durable.read([](const ParticipantState& state) { return state.in_doubt(); });
}

Result<std::size_t> LogParticipantBase::resolve(const Ask& ask) {
  return base::guarded([&]() -> Result<std::size_t> {
    std::size_t left = 0;
    for (const InDoubt& each : in_doubt()) {
      switch (FORELOG_TRY(ask(each.transaction))) {
        case Decision::committed: FORELOG_TRY(commit(each.transaction, {})); break;
        case Decision::aborted: FORELOG_TRY(abort(each.transaction)); break;
        case Decision::undecided: ++left; break;
      }
    }
    return left;
  });
}

Result<Lsn> LogParticipantBase::checkpoint() { return impl_->durable.checkpoint(); }
Status LogParticipantBase::health() const { return impl_->durable.health(); }
Log& LogParticipantBase::log() const noexcept { return impl_->durable.log(); }
Status LogParticipantBase::close() { return impl_->durable.close(); }

}  // namespace forelog
