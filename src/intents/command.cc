#include "intents/command.h"

#include <algorithm>

#include "base/text.h"
#include "forelog/try.h"

namespace forelog::intents {

using base::concat;

namespace {

constexpr std::uint8_t kCommandVersion = 1;
constexpr std::uint16_t kNoPivot = 0xffff;
constexpr std::chrono::hours kTimeoutMax(100 * 365 * 24);

bool has_text(CommandKind kind) {
  return kind != CommandKind::begun && kind != CommandKind::completed &&
         kind != CommandKind::retried;
}

bool has_step(CommandKind kind) {
  return kind == CommandKind::step_done || kind == CommandKind::step_failed ||
         kind == CommandKind::compensated;
}

bool has_seen(CommandKind kind) {
  return kind == CommandKind::step_failed || kind == CommandKind::aborting ||
         kind == CommandKind::parked;
}

// Of Command::text: results are the user's, the rest is cut when it is made.
std::uint64_t text_bytes_max(CommandKind kind) {
  return kind == CommandKind::step_done || kind == CommandKind::compensated ? kResultBytesMax
                                                                            : kReasonBytesMax;
}

Result<Command> take_command(FieldReader& from) {
  const auto version = FORELOG_TRY(from.number<std::uint8_t>());
  if (version != kCommandVersion) {
    return Status(Code::unsupported, concat("its version is ", version, ", and this program knows ",
                                            kCommandVersion, ": use a newer one"));
  }
  Command command;
  const auto kind = FORELOG_TRY(from.number<std::uint8_t>());
  if (kind < 1 || kind > static_cast<std::uint8_t>(CommandKind::dropped)) {
    return Status(Code::unsupported,
                  concat("it is of kind ", kind, ", which this program does not know"));
  }
  command.kind = static_cast<CommandKind>(kind);
  command.time = FORELOG_TRY(from.time());
  if (command.kind == CommandKind::begun) {
    command.plan = FORELOG_TRY(take_plan(from));
    return command;
  }
  command.id = IntentId(FORELOG_TRY(from.number<std::uint64_t>()));
  if (has_seen(command.kind)) command.seen = Lsn(FORELOG_TRY(from.number<std::uint64_t>()));
  if (has_step(command.kind)) command.step = FORELOG_TRY(from.number<std::uint32_t>());
  if (has_text(command.kind)) command.text = FORELOG_TRY(from.text(text_bytes_max(command.kind)));
  if (command.kind == CommandKind::step_failed) command.next = FORELOG_TRY(from.time());
  if (command.kind == CommandKind::aborting) {
    const auto known = FORELOG_TRY(from.number<std::uint8_t>());
    if (known > 1) return Status(Code::corrupt, "what it says of the pivot is neither yes nor no");
    command.pivot_had_no_effect = known == 1;
  }
  return command;
}

}  // namespace

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kNameBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '/' || c == '-';
         });
}

Status check_plan(const IntentPlan& plan) {
  constexpr std::string_view kRule = " has 1 to 64 of [A-Za-z0-9._/-]";
  if (!is_name(plan.kind)) return {Code::invalid_argument, concat("an intent's kind", kRule)};
  if (plan.steps.empty() || plan.steps.size() > kStepsMax) {
    return {Code::invalid_argument,
            concat("an intent has 1 to ", kStepsMax, " steps, not ", plan.steps.size())};
  }
  if (!std::all_of(plan.steps.begin(), plan.steps.end(), is_name)) {
    return {Code::invalid_argument, concat("a step's name", kRule)};
  }
  if (plan.pivot && *plan.pivot >= plan.steps.size()) {
    return {Code::invalid_argument, concat("there is no step ", *plan.pivot, " to be the pivot")};
  }
  if (plan.timeout.count() < 0 || plan.timeout > kTimeoutMax) {
    return {Code::invalid_argument, "a timeout is from 0, which is none, to 100 years"};
  }
  if (plan.key.size() > kKeyBytesMax) {
    return {Code::invalid_argument, concat("an intent's key has up to ", kKeyBytesMax, " bytes")};
  }
  return {};
}

void put_plan(FieldWriter& to, const IntentPlan& plan) {
  to.text(plan.kind);
  to.text(plan.key);
  to.number64(static_cast<std::uint64_t>(plan.timeout.count()));
  to.number16(plan.pivot ? static_cast<std::uint16_t>(*plan.pivot) : kNoPivot);
  to.number16(static_cast<std::uint16_t>(plan.steps.size()));
  for (const std::string& step : plan.steps) to.text(step);
  to.text(plan.payload);
}

Result<IntentPlan> take_plan(FieldReader& from) {
  IntentPlan plan;
  plan.kind = FORELOG_TRY(from.text(kNameBytesMax));
  plan.key = FORELOG_TRY(from.text(kKeyBytesMax));
  const auto timeout = static_cast<std::int64_t>(FORELOG_TRY(from.number<std::uint64_t>()));
  plan.timeout = std::chrono::milliseconds(timeout);
  const auto pivot = FORELOG_TRY(from.number<std::uint16_t>());
  if (pivot != kNoPivot) plan.pivot = pivot;
  const auto steps = FORELOG_TRY(from.number<std::uint16_t>());
  if (steps > kStepsMax) return Status(Code::corrupt, "it has more steps than an intent may have");
  for (std::size_t i = 0; i < steps; ++i) {
    plan.steps.push_back(FORELOG_TRY(from.text(kNameBytesMax)));
  }
  plan.payload = FORELOG_TRY(from.text(kResultBytesMax));
  if (Status checked = check_plan(plan); !checked) {
    return Status(Code::corrupt, std::string(checked.message()));
  }
  return plan;
}

std::string encode(const Command& command) {
  FieldWriter to;
  to.number8(kCommandVersion);
  to.number8(static_cast<std::uint8_t>(command.kind));
  to.time(command.time);
  if (command.kind == CommandKind::begun) {
    put_plan(to, command.plan);
    return std::move(to.bytes());
  }
  to.number64(command.id.value);
  if (has_seen(command.kind)) to.number64(command.seen.value);
  if (has_step(command.kind)) to.number32(command.step);
  if (has_text(command.kind)) to.text(command.text);
  if (command.kind == CommandKind::step_failed) to.time(command.next);
  if (command.kind == CommandKind::aborting) {
    to.number8(command.pivot_had_no_effect ? 1 : 0);
  }
  return std::move(to.bytes());
}

Result<Command> decode_command(ByteView bytes) {
  ByteSource source(bytes);
  FieldReader from(source);
  Command command = FORELOG_TRY(take_command(from));
  FORELOG_TRY(from.end());
  return command;
}

std::string short_reason(std::string_view text) {
  if (text.size() <= kReasonBytesMax) return std::string(text);
  std::size_t bytes = kReasonBytesMax;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) --bytes;
  return std::string(text.substr(0, bytes));
}

}  // namespace forelog::intents
