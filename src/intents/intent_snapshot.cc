// The bytes of a snapshot of intents. Implements docs/format.md, "Intent snapshots".
#include <utility>

#include "base/text.h"
#include "forelog/try.h"
#include "intents/intent_state.h"
#include "intents/wire.h"

namespace forelog::intents {

using base::concat;

namespace {

constexpr std::uint8_t kSnapshotVersion = 1;
constexpr std::size_t kPieceBytes = 64 * KiB;  // Written at a time.

void put_intent(FieldWriter& to, const Intent& intent) {
  to.number64(intent.id.value);
  to.time(intent.begun);
  to.number64(intent.changed.value);
  to.number8(static_cast<std::uint8_t>(intent.phase));
  to.number8(intent.parked ? 1 : 0);
  put_plan(to, *intent.plan);
  for (const IntentStep& step : intent.steps) {
    to.number8(static_cast<std::uint8_t>(step.state));
    to.text(step.result);
    to.text(step.compensation);
  }
  to.number32(intent.attempts);
  to.text(intent.last_error);
  to.time(intent.next_attempt);
  to.text(intent.reason);
}

void put_finished(FieldWriter& to, const FinishedIntent& finished) {
  to.number64(finished.id.value);
  to.text(finished.kind);
  to.text(finished.key);
  to.number8(static_cast<std::uint8_t>(finished.phase));
  to.number8(finished.behind_pivot ? 1 : 0);
  to.time(finished.begun);
  to.time(finished.finished);
  to.text(finished.reason);
}

Status spill(FieldWriter& from, Sink& out, std::size_t bytes_min) {
  if (from.bytes().size() < bytes_min) return {};
  FORELOG_TRY(out.write(from.bytes()));
  from.bytes().clear();
  return {};
}

Result<bool> take_bool(FieldReader& from) {
  const auto value = FORELOG_TRY(from.number<std::uint8_t>());
  if (value > 1) return Status(Code::corrupt, "a field is neither yes nor no");
  return value == 1;
}

// `first` to `last`: of an enumeration.
template <typename Enum>
Result<Enum> take_enum(FieldReader& from, Enum first, Enum last) {
  const auto value = FORELOG_TRY(from.number<std::uint8_t>());
  if (value < static_cast<std::uint8_t>(first) || value > static_cast<std::uint8_t>(last)) {
    return Status(Code::corrupt, "a field has a value that it cannot have");
  }
  return static_cast<Enum>(value);
}

Result<IntentPointer> take_intent(FieldReader& from) {
  auto intent = std::make_shared<Intent>();
  intent->id = IntentId(FORELOG_TRY(from.number<std::uint64_t>()));
  intent->begun = FORELOG_TRY(from.time());
  intent->changed = Lsn(FORELOG_TRY(from.number<std::uint64_t>()));
  intent->phase = FORELOG_TRY(take_enum(from, IntentPhase::running, IntentPhase::aborting));
  intent->parked = FORELOG_TRY(take_bool(from));
  intent->plan = std::make_shared<const IntentPlan>(FORELOG_TRY(take_plan(from)));
  intent->steps.resize(intent->plan->steps.size());
  for (IntentStep& step : intent->steps) {
    step.state = FORELOG_TRY(take_enum(from, StepState::pending, StepState::compensated));
    step.result = FORELOG_TRY(from.text(kResultBytesMax));
    step.compensation = FORELOG_TRY(from.text(kResultBytesMax));
  }
  if (intent->phase == IntentPhase::aborting && !intent->next_step()) {
    return Status(Code::corrupt, "an intent is being undone that has nothing left to undo");
  }
  intent->attempts = FORELOG_TRY(from.number<std::uint32_t>());
  intent->last_error = FORELOG_TRY(from.text(kReasonBytesMax));
  intent->next_attempt = FORELOG_TRY(from.time());
  intent->reason = FORELOG_TRY(from.text(kReasonBytesMax));
  return IntentPointer(std::move(intent));
}

Result<FinishedPointer> take_finished(FieldReader& from) {
  auto finished = std::make_shared<FinishedIntent>();
  finished->id = IntentId(FORELOG_TRY(from.number<std::uint64_t>()));
  finished->kind = FORELOG_TRY(from.text(kNameBytesMax));
  finished->key = FORELOG_TRY(from.text(kKeyBytesMax));
  finished->phase = FORELOG_TRY(take_enum(from, IntentPhase::completed, IntentPhase::dropped));
  finished->behind_pivot = FORELOG_TRY(take_bool(from));
  finished->begun = FORELOG_TRY(from.time());
  finished->finished = FORELOG_TRY(from.time());
  finished->reason = FORELOG_TRY(from.text(kReasonBytesMax));
  return FinishedPointer(std::move(finished));
}

Result<IntentImage> take_image(FieldReader& from) {
  const auto version = FORELOG_TRY(from.number<std::uint8_t>());
  if (version != kSnapshotVersion) {
    return Status(Code::unsupported, concat("its version is ", version, ", and this program knows ",
                                            kSnapshotVersion, ": use a newer one"));
  }
  IntentImage image;
  // Why no reserve: memory follows what is there, not what a count says.
  for (auto left = FORELOG_TRY(from.number<std::uint64_t>()); left > 0; --left) {
    IntentPointer intent = FORELOG_TRY(take_intent(from));
    if (!image.open.empty() && intent->id <= image.open.back()->id) {
      return Status(Code::corrupt, "intents are not in order");
    }
    image.open.push_back(std::move(intent));
  }
  const auto finished = FORELOG_TRY(from.number<std::uint64_t>());
  if (finished > kFinishedIntentsKept) {
    return Status(Code::corrupt, "more finished intents are remembered than may be");
  }
  for (std::uint64_t i = 0; i < finished; ++i) {
    image.finished.push_back(FORELOG_TRY(take_finished(from)));
  }
  FORELOG_TRY(from.end());
  return image;
}

}  // namespace

Status save_image(const IntentImage& image, Sink& out) {
  FieldWriter to;
  to.number8(kSnapshotVersion);
  to.number64(image.open.size());
  for (const IntentPointer& intent : image.open) {
    put_intent(to, *intent);
    FORELOG_TRY(spill(to, out, kPieceBytes));
  }
  to.number64(image.finished.size());
  for (const FinishedPointer& finished : image.finished) {
    put_finished(to, *finished);
    FORELOG_TRY(spill(to, out, kPieceBytes));
  }
  return spill(to, out, 0);
}

Result<IntentImage> load_image(Source& in) {
  FieldReader from(in);
  Result<IntentImage> image = take_image(from);
  if (!image) return image.error().with_context("the snapshot's intents");
  return image;
}

}  // namespace forelog::intents
