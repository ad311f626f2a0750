// Durable<State>: a state machine that survives. open() recovers it, update() logs a command, waits
// for the level, and applies it; a thread of its own makes snapshots, so that reopening stays within
// a time that you choose, and trims the log. Implements docs/snapshots.md.
//
//   auto account = FORELOG_TRY(Durable<Account>::open("/var/lib/bank"));
//   FORELOG_TRY(account.update("alice +500"));
//   account.read([](const Account& now) { … });
//
// The directory holds the log in log/ and the snapshots in snapshots/.
//
// Threading: every method may be called from any thread, but for open, close, moves and destruction,
// which no other call may overlap.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "forelog/export.h"
#include "forelog/log.h"
#include "forelog/options.h"
#include "forelog/snapshot.h"
#include "forelog/state_machine.h"
#include "forelog/status.h"

namespace forelog {

// When a snapshot is made without being asked for. Each condition that is set is enough by itself.
struct CheckpointPolicy {
  bool automatic = true;
  // Reopening should take no longer than this: load and replay, by the rates measured here. Where
  // loading alone takes longer, a snapshot is made when replay would take as long as loading.
  std::chrono::milliseconds reopen_within{5000};  // 0: no such bound.
  std::uint64_t log_bytes_max = 0;  // Of commands behind the newest snapshot; 0: no such bound.
  std::chrono::milliseconds interval{0};  // After this time, if anything came; 0: no such bound.
  // Drop the log that the kept snapshots cover. What others hold (Log::hold) stays.
  bool trim = true;
};

struct DurableOptions {
  Options log = {};                // Also: create_if_missing, and the file system of all of it.
  SnapshotOptions snapshots = {};  // Its file system and create_if_missing are not looked at.
  CheckpointPolicy checkpoints = {};
  RecoverOptions recovery = {};
};

struct DurableStats {
  Lsn applied;                                            // The last command that the state has.
  Lsn snapshot;                                           // Of the newest snapshot; Lsn{}: none.
  std::uint64_t commands_behind = 0, bytes_behind = 0;    // Behind it: what reopening replays.
  std::chrono::nanoseconds reopen_estimate{0};            // Load and replay, as things stand.
  std::chrono::nanoseconds load_estimate{0};              // Of that, load.
  double replay_records_per_second = 0;                   // As measured so far; 0: not yet.
  std::uint64_t checkpoints = 0, checkpoints_failed = 0;  // Since open.
  std::chrono::nanoseconds last_checkpoint{0};            // How long the last one took, …
  std::chrono::nanoseconds last_pause{0};                 // … and kept updates waiting.
  Status last_checkpoint_status;
};

// Durable without the type of its state: what the template below is made of. Not for direct use.
class FORELOG_EXPORT DurableBase {
 public:
  using Make = std::function<std::unique_ptr<StateMachine>()>;
  // Called when a command was applied, before the next one is, on whichever thread applies.
  struct Then {
    void (*call)(void* context, const StateMachine& state);
    void* context;
  };

  static Result<DurableBase> open(const std::filesystem::path& dir, const DurableOptions& options,
                                  Make make);
  DurableBase(DurableBase&&) noexcept;
  DurableBase& operator=(DurableBase&&) noexcept;
  ~DurableBase();

  Result<Lsn> update(ByteView command, Durability level, std::optional<Deadline> deadline,
                     const Then* then);
  void lock_for_reading() const;
  void unlock_for_reading() const;
  const StateMachine& state() const noexcept;
  Lsn applied() const noexcept;
  Result<Lsn> checkpoint();
  Status health() const;
  DurableStats stats() const;
  const Recovered& recovered() const noexcept;
  Log& log() const noexcept;
  Snapshots& snapshots() const noexcept;
  Status close();

  struct FORELOG_HIDDEN Impl;

 private:
  explicit DurableBase(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

template <std::derived_from<StateMachine> State>
class Durable {
 public:
  using Make = std::function<std::unique_ptr<State>()>;

  // Opens or makes the log and the snapshots, and recovers the state. `make` gives an empty state; it is
  // called again, also later and from another thread, where a second one is needed: when a snapshot
  // turns out to be damaged, and for each checkpoint of a state that cannot freeze().
  // Errors: those of Log::open, Snapshots::open and recover.
  static Result<Durable> open(
      const std::filesystem::path& dir, const DurableOptions& options = {},
      Make make = [] { return std::make_unique<State>(); }) {
    auto base = DurableBase::open(
        dir, options,
        [make = std::move(make)]() -> std::unique_ptr<StateMachine> { return make(); });
    if (!base) return base.error();
    return Durable(*std::move(base));
  }

  // Logs the command, waits until it has reached `level`, applies it, and returns its LSN. Commands are
  // applied in order of LSN, each when it and all before it have the levels that they were given:
  // what is read is never of a command that its caller was not yet told of as durable enough.
  // Errors: those of Log::append, after which nothing was done. On timed_out and outcome_unknown the
  // command may be in the log; after timed_out it is applied when it reaches its level. A deadline holds
  // whatever others are doing, but not once its own command is being applied. The error of
  // apply, with the LSN: nothing behind it is applied any more (health()), and reopening stops there
  // as well.
  Result<Lsn> update(ByteView command, Durability level = Durability::synced,
                     std::optional<Deadline> deadline = {}) {
    return base_.update(command, level, deadline, nullptr);
  }
  // The same, and then(const State&) behind this command and before the next: to see what became of it.
  // It may run on another thread, is brief, and calls nothing of this object. It is not called where
  // update returns an error; but where it throws, update returns an error itself (cancelled; no_space
  // for bad_alloc), and the command is applied.
  template <std::invocable<const State&> Then>
  Result<Lsn> update_then(ByteView command, Then&& then, Durability level = Durability::synced,
                          std::optional<Deadline> deadline = {}) {
    const void* context = std::addressof(then);
    const DurableBase::Then call{[](void* function, const StateMachine& state) {
                                   (*static_cast<std::remove_reference_t<Then>*>(function))(
                                       static_cast<const State&>(state));
                                 },
                                 const_cast<void*>(context)};
    return base_.update(command, level, deadline, &call);
  }

  // Calls look(const State&) while nothing is applied, beside other readers, and returns what it does.
  // Updates wait meanwhile: it is brief, and calls nothing of this object.
  template <std::invocable<const State&> Look>
  auto read(Look&& look) const {
    const Reading reading(base_);
    return std::forward<Look>(look)(state());
  }
  // For a State that is safe to read beside apply.
  const State& state() const noexcept { return static_cast<const State&>(base_.state()); }
  Lsn applied() const noexcept { return base_.applied(); }

  // Makes a snapshot now, and trims as the policy says; returns the LSN that it covers. Updates go on
  // meanwhile. Waits for one that is under way, first.
  Result<Lsn> checkpoint() { return base_.checkpoint(); }

  Status health() const { return base_.health(); }  // Ok, or why updates fail until reopened.
  DurableStats stats() const { return base_.stats(); }
  const Recovered& recovered() const noexcept { return base_.recovered(); }  // What open did.
  // To read, tail, hold, or look at. Records appended to it, or dropped from its end, by anyone else
  // than update() end the process or the data.
  Log& log() const noexcept { return base_.log(); }
  Snapshots& snapshots() const noexcept { return base_.snapshots(); }

  // Waits for a checkpoint that is under way, and closes the log; makes no snapshot by itself. Another
  // process may open it afterwards; what is in memory can still be read. Without it: as if the process
  // had been killed.
  Status close() { return base_.close(); }

 private:
  class Reading {
   public:
    explicit Reading(const DurableBase& base) : base_(base) { base_.lock_for_reading(); }
    ~Reading() { base_.unlock_for_reading(); }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

   private:
    const DurableBase& base_;
  };

  explicit Durable(DurableBase base) : base_(std::move(base)) {}
  DurableBase base_;
};

}  // namespace forelog
