// ParticipantState: a user's state, and beside it the changes that are prepared, what they lock, and
// the last decided transactions. Implements docs/intents.md, "Participants", and docs/format.md,
// "Participant commands" and "Participant snapshots".
//
// Invariant: what a transaction locks is touched by nothing else until it is decided. So what check()
// allowed can be applied.
// Threading: that of StateMachine.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "forelog/log_participant.h"
#include "forelog/state_machine.h"
#include "forelog/status.h"

namespace forelog::intents {

enum class ParticipantCommandKind : std::uint8_t { update = 1, prepare = 2, commit = 3, abort = 4 };

struct ParticipantCommand {
  ParticipantCommandKind kind = ParticipantCommandKind::update;
  std::string transaction;  // But of update.
  std::string change;       // update, prepare: a command of the user's state.
  friend bool operator==(const ParticipantCommand&, const ParticipantCommand&) = default;
};

std::string encode(const ParticipantCommand& command);
Result<ParticipantCommand> decode_participant_command(ByteView bytes);

inline constexpr std::size_t kTransactionBytesMax = 255;
inline constexpr std::size_t kDecidedKept = 1024;

class ParticipantState : public StateMachine {
 public:
  explicit ParticipantState(std::unique_ptr<TransactionalState> user) : user_(std::move(user)) {}

  Status apply(Lsn lsn, ByteView bytes) override;
  Status save(Sink& out) const override;
  Status load(Source& in) override;
  std::unique_ptr<Image> freeze() const override;

  // What became of the last command. busy: something is locked. not_found, invalid_argument.
  struct Verdict {
    Status status;
    Vote vote;     // Of a prepare that is ok.
    Lsn prepared;  // With a yes: where; Lsn{}: it was decided before.
  };
  const Verdict& verdict() const { return verdict_; }
  const TransactionalState& user() const { return *user_; }
  std::vector<InDoubt> in_doubt() const;
  // As far as it is remembered.
  Decision decision(std::string_view transaction) const;
  bool is_in_doubt(std::string_view transaction) const {
    return prepared_.contains(std::string(transaction));
  }

 private:
  struct Prepared {
    std::string change;
    std::vector<std::string> keys;
    Lsn lsn;
  };

  Status decide(Lsn lsn, const ParticipantCommand& command);
  void prepare(Lsn lsn, const ParticipantCommand& command);
  Status commit(Lsn lsn, const std::string& transaction);
  void abort(const std::string& transaction);
  // busy, where another transaction holds one of them.
  Status check_free(const std::vector<std::string>& keys) const;
  void lock(const std::string& transaction, Prepared prepared);
  void unlock(const std::string& transaction);
  void remember(const std::string& transaction, bool committed);
  std::string table() const;
  Status load_table(Source& in);
  void clear();

  std::unique_ptr<TransactionalState> user_;
  std::map<std::string, Prepared> prepared_;
  std::unordered_map<std::string, std::string> locks_;  // Key to transaction.
  std::unordered_map<std::string, bool> decided_;       // Transaction to whether it was committed.
  std::deque<std::string> decided_order_;
  Verdict verdict_;
};

}  // namespace forelog::intents
