#include "intents/store.h"

#include "base/guarded.h"
#include "base/text.h"
#include "forelog/try.h"

namespace forelog::intents {

Result<std::unique_ptr<Store>> Store::open(const std::filesystem::path& dir,
                                           DurableOptions options) {
  FileSystem& file_system =
      options.log.file_system != nullptr ? *options.log.file_system : posix_file_system();
  options.snapshots.kind = kSnapshotKind;
  auto durable = FORELOG_TRY(Durable<IntentState>::open(dir, options));
  return std::unique_ptr<Store>(new Store(std::move(durable), file_system));
}

Result<IntentState::Verdict> Store::apply(Command command, Durability level) {
  command.time = now();
  IntentState::Verdict verdict;
  const std::string bytes = encode(command);
  FORELOG_TRY(durable_.update_then(
      bytes, [&verdict](const IntentState& state) { verdict = state.verdict(); }, level));
  return verdict;
}

Status Store::move(Command command, Durability level) {
  return FORELOG_TRY(apply(std::move(command), level)).status;
}

IntentPointer Store::find(IntentId id) const {
  return durable_.read([id](const IntentState& state) { return state.find(id); });
}

FinishedPointer Store::find_finished(IntentId id) const {
  return durable_.read([id](const IntentState& state) { return state.find_finished(id); });
}

IntentImage Store::image() const {
  return durable_.read([](const IntentState& state) { return state.image(); });
}

std::string Store::key(IntentId id, std::size_t step, bool compensation) const {
  return base::concat(log_id_, "/", id.value, "/", step, compensation ? "/undo" : "/run");
}

}  // namespace forelog::intents
