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

Result<IntentImage> look(const std::filesystem::path& dir, const DurableOptions& options) {
  Options log_options;
  log_options.recovery = RecoveryPolicy::read_only;
  log_options.create_if_missing = false;
  log_options.file_system = options.log.file_system;
  const Log log = FORELOG_TRY(Log::open(dir / "log", std::move(log_options)));
  SnapshotOptions snapshot_options;
  snapshot_options.read_only = true;
  snapshot_options.kind = kSnapshotKind;
  snapshot_options.compression = options.snapshots.compression;
  snapshot_options.file_system = options.log.file_system;
  const Snapshots snapshots =
      FORELOG_TRY(Snapshots::open(dir / "snapshots", std::move(snapshot_options)));
  IntentState state;
  FORELOG_TRY(recover(log, snapshots, state));
  return state.image();
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
