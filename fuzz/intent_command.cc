// Commands and snapshots of intents, and of participants in decisions, over bytes from anywhere. What
// decodes encodes back to the same bytes; a state takes any command that decodes, and what it saves it
// loads again; what does not decode does no harm.
//
// Input: what it is (1 byte), then the bytes; of a run of commands each with its length (1) before it.
#include <memory>
#include <string>
#include <string_view>

#include "input.h"
#include "intents/command.h"
#include "intents/intent_state.h"
#include "intents/participant_state.h"
#include "intents/test_accounts.h"

namespace {

using namespace forelog;
using namespace forelog::intents;
using fuzz::Input;
using fuzz::require;

class TextSink : public Sink {
 public:
  Status write(ByteView bytes) override {
    text += bytes.text();
    return {};
  }
  std::string text;
};

bool is_told_of(const Status& status) {
  return status.code() == Code::corrupt || status.code() == Code::unsupported;
}

void command(std::string_view bytes) {
  const auto decoded = decode_command(ByteView(bytes));
  require(decoded ? encode(*decoded) == bytes : is_told_of(decoded.error()),
          "one command has one encoding");
}

void participant_command(std::string_view bytes) {
  const auto decoded = decode_participant_command(ByteView(bytes));
  require(decoded ? encode(*decoded) == bytes : is_told_of(decoded.error()),
          "one command of a participant has one encoding");
}

void loads_what_it_saves(const StateMachine& state, StateMachine& other) {
  TextSink saved, again;
  require(state.save(saved).ok(), "a state can be saved");
  ByteSource source{ByteView(saved.text)};
  require(other.load(source).ok(), "what was saved can be loaded");
  require(other.save(again).ok() && again.text == saved.text, "and is the same state");
}

void snapshot(std::string_view bytes) {
  IntentState state;
  ByteSource source{ByteView(bytes)};
  const Status loaded = state.load(source);
  require(loaded.ok() || is_told_of(loaded), "a snapshot loads, or is damaged");
  IntentState other;
  if (loaded.ok()) loads_what_it_saves(state, other);
}

void participant_snapshot(std::string_view bytes) {
  ParticipantState state(std::make_unique<testing::Accounts>());
  ByteSource source{ByteView(bytes)};
  const Status loaded = state.load(source);
  require(loaded.ok() || is_told_of(loaded), "a snapshot loads, or is damaged");
  ParticipantState other(std::make_unique<testing::Accounts>());
  if (loaded.ok()) loads_what_it_saves(state, other);
}

// In order of LSN, as a log would give them.
void run(Input input) {
  IntentState state;
  for (std::uint64_t lsn = 1; !input.empty(); ++lsn) {
    const auto bytes = input.bytes(input.number<std::uint8_t>());
    const auto decoded = decode_command(ByteView(bytes));
    const Status applied = state.apply(Lsn(lsn), ByteView(bytes));
    require(applied.ok() == decoded.has_value(), "what decodes is applied");
  }
  for (const IntentPointer& intent : state.image().open) {
    require(intent->phase == IntentPhase::running || intent->next_step().has_value(),
            "what is being undone has something left to undo");
  }
  IntentState other;
  loads_what_it_saves(state, other);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const auto chosen = input.number<std::uint8_t>();
  switch (chosen) {
    case 0: command(input.text()); break;
    case 1: participant_command(input.text()); break;
    case 2: snapshot(input.text()); break;
    case 3: participant_snapshot(input.text()); break;
    case 4: run(input); break;
    default: return -1;  // Not worth keeping.
  }
  return 0;
}
