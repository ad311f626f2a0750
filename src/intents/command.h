// The commands that the log of intents is made of, and their bytes. All that is not deterministic
// (times, errors, results) is in them. Implements docs/format.md, "Intent commands".
// Threading: pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "forelog/bytes.h"
#include "forelog/intent.h"
#include "forelog/status.h"
#include "intents/wire.h"

namespace forelog::intents {

enum class CommandKind : std::uint8_t {
  begun = 1,
  step_done = 2,
  step_failed = 3,
  completed = 4,
  aborting = 5,
  compensated = 6,
  parked = 7,
  retried = 8,
  dropped = 9,
};

struct Command {
  CommandKind kind = CommandKind::begun;
  Timestamp time;
  IntentId id;             // But of begun, whose id is its LSN.
  IntentPlan plan;         // begun
  std::uint32_t step = 0;  // step_done, step_failed, compensated
  std::string text;        // Result, error, or reason: of all but begun, completed and retried.
  Timestamp next;          // step_failed: when to try again.
  // step_failed, aborting, parked: Intent::changed as it was when this was decided. Where something else
  // has changed the intent meanwhile it is refused. Zero: it holds whatever happened.
  Lsn seen;
  // aborting: whoever says so knows that the pivot, where it comes next, had no effect.
  bool pivot_had_no_effect = false;

  friend bool operator==(const Command&, const Command&) = default;
};

inline constexpr std::uint64_t kResultBytesMax = 1 * GiB;  // A record has a limit of its own.
inline constexpr std::size_t kReasonBytesMax = 1024;       // Errors and reasons are cut to this.
inline constexpr std::size_t kNameBytesMax = 64;
inline constexpr std::string_view kDecisionKind = "forelog.decide";  // A Coordinator's.
inline constexpr std::size_t kKeyBytesMax = 255;
inline constexpr std::size_t kStepsMax = 255;

// Of kinds and steps: 1 to kNameBytesMax of [A-Za-z0-9._/-].
bool is_name(std::string_view text);

// What begin() refuses as invalid_argument.
Status check_plan(const IntentPlan& plan);

// One command has one encoding.
std::string encode(const Command& command);
// Errors: unsupported (a version or a kind that a newer program wrote), corrupt (not a command).
Result<Command> decode_command(ByteView bytes);

// Shared with snapshots.
void put_plan(FieldWriter& to, const IntentPlan& plan);
Result<IntentPlan> take_plan(FieldReader& from);

// `text`, cut to kReasonBytesMax where no character of UTF-8 is cut.
std::string short_reason(std::string_view text);

}  // namespace forelog::intents
