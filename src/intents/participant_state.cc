#include "intents/participant_state.h"

#include <algorithm>
#include <utility>

#include "base/guarded.h"
#include "base/text.h"
#include "forelog/try.h"
#include "intents/wire.h"

namespace forelog::intents {

using base::concat;

namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint64_t kChangeBytesMax = 1 * GiB;

Status unsupported_version(std::uint8_t version) {
  return {Code::unsupported, concat("its version is ", version, ", and this program knows ",
                                    kVersion, ": use a newer one")};
}

class FrozenParticipant : public StateMachine::Image {
 public:
  FrozenParticipant(std::string table, std::unique_ptr<StateMachine::Image> user)
      : table_(std::move(table)), user_(std::move(user)) {}
  Status save(Sink& out) const override {
    FORELOG_TRY(out.write(table_));
    return user_->save(out);
  }

 private:
  std::string table_;
  std::unique_ptr<StateMachine::Image> user_;
};

}  // namespace

std::string encode(const ParticipantCommand& command) {
  FieldWriter to;
  to.number8(kVersion);
  to.number8(static_cast<std::uint8_t>(command.kind));
  if (command.kind != ParticipantCommandKind::update) to.text(command.transaction);
  if (command.kind == ParticipantCommandKind::update ||
      command.kind == ParticipantCommandKind::prepare) {
    to.text(command.change);
  }
  return std::move(to.bytes());
}

Result<ParticipantCommand> decode_participant_command(ByteView bytes) {
  ByteSource source(bytes);
  FieldReader from(source);
  const auto version = FORELOG_TRY(from.number<std::uint8_t>());
  if (version != kVersion) return unsupported_version(version);
  const auto kind = FORELOG_TRY(from.number<std::uint8_t>());
  if (kind < 1 || kind > static_cast<std::uint8_t>(ParticipantCommandKind::abort)) {
    return Status(Code::unsupported,
                  concat("it is of kind ", kind, ", which this program does not know"));
  }
  ParticipantCommand command;
  command.kind = static_cast<ParticipantCommandKind>(kind);
  if (command.kind != ParticipantCommandKind::update) {
    command.transaction = FORELOG_TRY(from.text(kTransactionBytesMax));
  }
  if (command.kind == ParticipantCommandKind::update ||
      command.kind == ParticipantCommandKind::prepare) {
    command.change = FORELOG_TRY(from.text(kChangeBytesMax));
  }
  FORELOG_TRY(from.end());
  return command;
}

Status ParticipantState::apply(Lsn lsn, ByteView bytes) {
  return base::guarded([&]() -> Status {
    const Result<ParticipantCommand> command = decode_participant_command(bytes);
    if (!command) return command.error().with_context("it is no command of a participant");
    verdict_ = {};
    return decide(lsn, *command);
  });
}

Status ParticipantState::decide(Lsn lsn, const ParticipantCommand& command) {
  switch (command.kind) {
    case ParticipantCommandKind::update:
      verdict_.status = check_free(user_->keys_of(command.change));
      return verdict_.status.ok() ? user_->apply(lsn, command.change) : Status();
    case ParticipantCommandKind::prepare: prepare(lsn, command); return {};
    case ParticipantCommandKind::commit: return commit(lsn, command.transaction);
    case ParticipantCommandKind::abort: abort(command.transaction); return {};
  }
  return {};
}

void ParticipantState::prepare(Lsn lsn, const ParticipantCommand& command) {
  if (const auto decided = decided_.find(command.transaction); decided != decided_.end()) {
    if (!decided->second) verdict_.vote = {false, "it was aborted before"};
    return;
  }
  if (const auto before = prepared_.find(command.transaction); before != prepared_.end()) {
    if (before->second.change != command.change) {
      verdict_.status = {Code::invalid_argument, concat("transaction ", command.transaction,
                                                        " is prepared with another change")};
    }
    verdict_.prepared = before->second.lsn;
    return;
  }
  Prepared prepared{command.change, user_->keys_of(command.change), lsn};
  verdict_.status = check_free(prepared.keys);
  if (!verdict_.status.ok()) return;
  if (const Status checked = user_->check(command.change); !checked) {
    verdict_.vote = {false, std::string(checked.message())};
    return;
  }
  lock(command.transaction, std::move(prepared));
  verdict_.prepared = lsn;
}

Status ParticipantState::commit(Lsn lsn, const std::string& transaction) {
  const auto prepared = prepared_.find(transaction);
  if (prepared == prepared_.end()) {
    const auto decided = decided_.find(transaction);
    if (decided == decided_.end() || !decided->second) {
      verdict_.status = {Code::not_found,
                         concat("transaction ", transaction, " is not prepared here",
                                decided == decided_.end() ? "" : ": it was aborted")};
    }
    return {};
  }
  // First: where it cannot be applied, nothing is to look as if it had been.
  FORELOG_TRY(user_->apply(lsn, prepared->second.change));
  unlock(transaction);
  remember(transaction, true);
  return {};
}

void ParticipantState::abort(const std::string& transaction) {
  if (const auto decided = decided_.find(transaction); decided != decided_.end()) {
    if (decided->second) {
      verdict_.status = {Code::invalid_argument, concat("transaction ", transaction,
                                                        " was committed: it cannot be aborted")};
    }
    return;
  }
  if (prepared_.contains(transaction)) unlock(transaction);
  remember(transaction, false);
}

Status ParticipantState::check_free(const std::vector<std::string>& keys) const {
  for (const std::string& key : keys) {
    if (const auto held = locks_.find(key); held != locks_.end()) {
      return {Code::busy, concat("what it touches is locked until transaction ", held->second,
                                 " is decided; try again later")};
    }
  }
  return {};
}

void ParticipantState::lock(const std::string& transaction, Prepared prepared) {
  for (const std::string& key : prepared.keys) locks_[key] = transaction;
  prepared_[transaction] = std::move(prepared);
}

void ParticipantState::unlock(const std::string& transaction) {
  const auto prepared = prepared_.find(transaction);
  for (const std::string& key : prepared->second.keys) locks_.erase(key);
  prepared_.erase(prepared);
}

// Invariant: the bound is part of the format, as that of finished intents is.
void ParticipantState::remember(const std::string& transaction, bool committed) {
  decided_[transaction] = committed;
  decided_order_.push_back(transaction);
  if (decided_order_.size() <= kDecidedKept) return;
  decided_.erase(decided_order_.front());
  decided_order_.pop_front();
}

std::vector<InDoubt> ParticipantState::in_doubt() const {
  std::vector<InDoubt> all;
  for (const auto& [transaction, prepared] : prepared_) {
    all.push_back({transaction, prepared.change, prepared.lsn});
  }
  std::sort(all.begin(), all.end(),
            [](const InDoubt& a, const InDoubt& b) { return a.prepared < b.prepared; });
  return all;
}

Decision ParticipantState::decision(std::string_view transaction) const {
  const auto decided = decided_.find(std::string(transaction));
  if (decided == decided_.end()) return Decision::undecided;
  return decided->second ? Decision::committed : Decision::aborted;
}

std::string ParticipantState::table() const {
  FieldWriter to;
  to.number8(kVersion);
  to.number64(prepared_.size());
  for (const auto& [transaction, prepared] : prepared_) {
    to.text(transaction);
    to.number64(prepared.lsn.value);
    to.text(prepared.change);
    to.number32(static_cast<std::uint32_t>(prepared.keys.size()));
    for (const std::string& key : prepared.keys) to.text(key);
  }
  to.number64(decided_order_.size());
  for (const std::string& transaction : decided_order_) {
    to.text(transaction);
    to.number8(decided_.at(transaction) ? 1 : 0);
  }
  return std::move(to.bytes());
}

Status ParticipantState::load_table(Source& in) {
  FieldReader from(in);
  const auto version = FORELOG_TRY(from.number<std::uint8_t>());
  if (version != kVersion) return unsupported_version(version);
  for (auto left = FORELOG_TRY(from.number<std::uint64_t>()); left > 0; --left) {
    const std::string transaction = FORELOG_TRY(from.text(kTransactionBytesMax));
    Prepared prepared;
    prepared.lsn = Lsn(FORELOG_TRY(from.number<std::uint64_t>()));
    prepared.change = FORELOG_TRY(from.text(kChangeBytesMax));
    for (auto keys = FORELOG_TRY(from.number<std::uint32_t>()); keys > 0; --keys) {
      prepared.keys.push_back(FORELOG_TRY(from.text(kChangeBytesMax)));
    }
    if (!check_free(prepared.keys).ok() || prepared_.contains(transaction)) {
      return {Code::corrupt, "two transactions are prepared that exclude each other"};
    }
    lock(transaction, std::move(prepared));
  }
  const auto decided = FORELOG_TRY(from.number<std::uint64_t>());
  if (decided > kDecidedKept) return {Code::corrupt, "more decisions are remembered than may be"};
  for (std::uint64_t i = 0; i < decided; ++i) {
    const std::string transaction = FORELOG_TRY(from.text(kTransactionBytesMax));
    const auto committed = FORELOG_TRY(from.number<std::uint8_t>());
    if (committed > 1 || decided_.contains(transaction) || prepared_.contains(transaction)) {
      return {Code::corrupt, "a decision is neither yes nor no, or was made twice"};
    }
    remember(transaction, committed == 1);
  }
  return {};
}

void ParticipantState::clear() {
  prepared_.clear();
  locks_.clear();
  decided_.clear();
  decided_order_.clear();
  verdict_ = {};
}

Status ParticipantState::save(Sink& out) const {
  return base::guarded([&]() -> Status {
    FORELOG_TRY(out.write(table()));
    return user_->save(out);
  });
}

Status ParticipantState::load(Source& in) {
  return base::guarded([&]() -> Status {
    clear();
    FORELOG_TRY(load_table(in).with_context("the snapshot's transactions"));
    return user_->load(in);
  });
}

std::unique_ptr<StateMachine::Image> ParticipantState::freeze() const {
  // Null also where memory runs out: Durable then builds a second state, or says that it cannot.
  std::unique_ptr<Image> frozen;
  static_cast<void>(base::guarded([&]() -> Status {
    auto user = user_->freeze();
    if (user != nullptr) frozen = std::make_unique<FrozenParticipant>(table(), std::move(user));
    return {};
  }));
  return frozen;
}

}  // namespace forelog::intents
