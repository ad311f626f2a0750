// Store: the intents of one directory, durable: IntentState behind a log. Every change is a command
// that is logged first. It knows nothing of handlers.
//
// Threading: every method may be called from any thread, but for open and close.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "forelog/durable.h"
#include "forelog/file_system.h"
#include "forelog/intent.h"
#include "forelog/status.h"
#include "intents/command.h"
#include "intents/intent_state.h"

namespace forelog::intents {

class Store {
 public:
  static Result<std::unique_ptr<Store>> open(const std::filesystem::path& dir,
                                             DurableOptions options);

  // Logs the command with this moment's time, waits for the level, applies it, and returns what became
  // of it. Errors: those of Durable::update, after which the command was not applied, or may not be.
  Result<IntentState::Verdict> apply(Command command, Durability level = Durability::synced);
  // The same, where a refusal is an error too.
  Status move(Command command, Durability level = Durability::synced);

  IntentPointer find(IntentId id) const;
  FinishedPointer find_finished(IntentId id) const;
  IntentImage image() const;

  std::string key(IntentId id, std::size_t step, bool compensation) const;
  Timestamp now() const { return file_system_.now(); }
  Durable<IntentState>& durable() { return durable_; }
  const Durable<IntentState>& durable() const { return durable_; }

 private:
  Store(Durable<IntentState> durable, FileSystem& file_system)
      : durable_(std::move(durable)), file_system_(file_system), log_id_(durable_.log().id()) {}

  Durable<IntentState> durable_;
  FileSystem& file_system_;
  std::string log_id_;
};

// Of Intents::look: also those that are finished and remembered.
Result<IntentImage> look(const std::filesystem::path& dir, const DurableOptions& options);

// The kind of state that snapshots of intents are marked with.
inline constexpr const char* kSnapshotKind = "forelog/intents";

}  // namespace forelog::intents
