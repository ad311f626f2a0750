// KvState: the store as a StateMachine: what Durable logs commands for, saves and loads. The table
// behind it is shared with views and images, which may outlive it.
//
// Why keys are not independent for replay: the table is one tree, which one thread at a time may
// change. To split it by keys would make every scan a merge of the parts.
//
// Threading: as state_machine.h says; table() from any thread.
#pragma once

#include <memory>

#include "forelog/state_machine.h"
#include "kv/table.h"

namespace forelog::kv {

// Of snapshots: SnapshotOptions::kind.
inline constexpr const char* kStateKind = "forelog.kv";

class KvState final : public StateMachine {
 public:
  Status apply(Lsn lsn, ByteView bytes) override;
  Status save(Sink& out) const override;
  Status load(Source& in) override;
  // A pin: what was replaced since is kept until the image goes.
  std::unique_ptr<Image> freeze() const override;

  // Of the last command, for whoever looks before the next one is applied.
  const Outcome& last_outcome() const noexcept { return last_outcome_; }
  const std::shared_ptr<Table>& table() const noexcept { return table_; }

 private:
  std::shared_ptr<Table> table_ = std::make_shared<Table>();
  Command command_;  // Its memory is used again.
  Outcome last_outcome_;
  Lsn applied_;
};

}  // namespace forelog::kv
