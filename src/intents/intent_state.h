// IntentState: the state machine of intents. It holds the ones that are open, parked ones among them,
// and remembers the last finished ones; commands of command.h move it. A command that does not fit is
// refused, which changes nothing and is no error: verdict() says so to whoever sent it.
// Implements docs/intents.md and, for snapshots, docs/format.md, "Intent snapshots".
//
// Invariant: an Intent that was handed out never changes: a command puts a changed copy in its place.
// So an image, and a list, are pointers.
// Threading: that of StateMachine; reading beside reading is safe.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "forelog/intent.h"
#include "forelog/state_machine.h"
#include "forelog/status.h"
#include "intents/command.h"

namespace forelog::intents {

using IntentPointer = std::shared_ptr<const Intent>;
using FinishedPointer = std::shared_ptr<const FinishedIntent>;

// All that a snapshot holds.
struct IntentImage {
  std::vector<IntentPointer> open;        // In order of id.
  std::vector<FinishedPointer> finished;  // In order of finishing.
};

class IntentState : public StateMachine {
 public:
  Status apply(Lsn lsn, ByteView bytes) override;
  Status save(Sink& out) const override;
  Status load(Source& in) override;
  std::unique_ptr<Image> freeze() const override;

  // What became of the last command.
  struct Verdict {
    IntentId id;    // Of the intent that it was for: for `begun` the one that there is now.
    Status status;  // not_found: no such intent; invalid_argument: it does not fit; busy: not now.
  };
  const Verdict& verdict() const { return verdict_; }

  IntentPointer find(IntentId id) const;  // Null: not open.
  FinishedPointer find_finished(IntentId id) const;
  std::size_t open_count() const { return open_.size(); }
  IntentImage image() const;

 private:
  void decide(Lsn lsn, Command command);
  Status move(Intent& intent, Command& command);
  Status step_done(Intent& intent, Command& command);
  Status step_failed(Intent& intent, Command& command);
  Status abort(Intent& intent, Command& command);
  Status compensated(Intent& intent, Command& command);
  void begin(Lsn lsn, Command command);
  void finish(const Intent& intent, Timestamp time);
  void remember(FinishedPointer finished);
  void clear();

  std::map<std::uint64_t, IntentPointer> open_;
  std::unordered_map<std::uint64_t, FinishedPointer> finished_;
  std::deque<std::uint64_t> finished_order_;
  std::unordered_map<std::string, IntentId> keys_;  // Of open and of finished ones.
  Verdict verdict_;
};

Status save_image(const IntentImage& image, Sink& out);
Result<IntentImage> load_image(Source& in);

}  // namespace forelog::intents
