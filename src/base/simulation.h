// The seam to a simulated world (sim/): all that a thread does that depends on other threads or on
// time goes through a Scheduler when there is one, and the deliberate faults that show what the
// simulator finds are asked for here. In every ordinary build there is none, both functions are
// constant, and the compiler leaves nothing of it; only FORELOG_SIMULATED, which sim/ alone is
// compiled with, makes them variables.
//
// Threading: installed before anything simulated runs, and removed after.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

namespace forelog::base {

using SteadyTime = std::chrono::steady_clock::time_point;

// Runs simulated threads one at a time. Keys are addresses, and are never dereferenced.
class Scheduler {
 public:
  virtual ~Scheduler() = default;

  virtual void lock(const void* mutex) = 0;
  virtual void unlock(const void* mutex) = 0;
  // Sleeps until wake(key), for no reason, or until the deadline (then false). Gives `mutex`, if
  // any, up meanwhile; no other thread runs between that and the falling asleep.
  virtual bool wait(const void* key, const void* mutex, std::optional<SteadyTime> deadline) = 0;
  virtual void wake(const void* key, bool all) = 0;
  virtual void yield() = 0;
  virtual void sleep_until(SteadyTime time) = 0;
  virtual SteadyTime now() = 0;
  virtual std::uint64_t start(std::function<void()> body) = 0;  // Never 0.
  virtual void join(std::uint64_t thread) = 0;
};

// What a careless author might have done. Each is caught by sim/.
enum class Mistake : std::uint8_t {
  none,
  skip_sync,                  // What was only written is told of as synced.
  acknowledge_before_sync,    // … what will be synced a moment later.
  skip_rotation_sync,         // A full segment is not synced before its successor is born.
  skip_birth_directory_sync,  // A new segment's name is not synced.
  skip_open_directory_sync,   // … nor are names that an earlier process may have left unsynced.
  go_on_after_failed_sync,    // The next sync is believed.
  trust_cached_tail,          // Open keeps what only the page cache may hold.
  cut_at_rot,                 // Damage to acknowledged records is taken for a torn tail.
  call_torn_rot,              // A valid frame behind a torn one is taken for a proof of rot.
  pass_over_empty_damage,     // Damage that holds no record is not told of.
  unbound_checksums,          // Frames verify in any segment, and recycled files are not zeroed.
  write_over_torn_tail,       // The log goes on where the tail is torn, in the same segment.
  trim_without_mark,          // Segments go before it is durable that they were to go.
  show_unsynced,              // Readers are shown what is written and not synced.
  forget_to_wake,             // The end of a sync calls nobody to lead the next one.
  lose_call_to_lead,          // Who is called to lead and has no need to calls nobody else.
  apply_before_durable,       // An update is applied, and read, before it has its level.
  apply_out_of_order,         // … before the one whose caller is late.
  apply_past_failure,         // … behind one that could not be.
  forget_abandoned,           // … only when others come, once its caller has left.
  strand_behind_abandoned,    // Those behind one that was left and lost wait for it for ever.
  snapshot_before_sync,       // A snapshot is made of records that a power cut may take.
  snapshot_of_later_lsn,      // … of a state to which more was applied than it says.
  publish_before_sync,        // … gets its name before its bytes are synced.
  skip_snapshot_directory_sync,  // … and the name is not synced.
  trim_before_publish,           // The log drops what a snapshot covers before it is there.
  trim_too_far,                  // … what only the newest snapshot covers.
  trust_damaged_snapshot,        // The checksums of a snapshot's blocks are not looked at.
  run_before_begun,              // An intent's first step runs before the intent is durable.
  key_by_attempt,                // Each attempt at a step has an idempotency key of its own.
  skip_in_doubt,                 // The step that was under way at an abort is not compensated.
  decide_before_prepared,        // A coordinator decides while participants are still preparing.
  forget_prepared,               // A participant says yes before that is durable.
  show_later_writes,             // A view sees what was written after it was made.
  drop_viewed,                   // A value that is replaced is dropped, though a view sees it.
  split_batch,                   // Of a batch only the first operation is applied.
  require_unseen,                // A requirement is met by a version that has expired.
  turn_clock_back,               // What has expired comes back when the clock is set back.
};

#ifdef FORELOG_SIMULATED
extern Scheduler* simulated_scheduler;
extern Mistake simulated_mistake;
inline Scheduler* scheduler() { return simulated_scheduler; }
inline bool makes(Mistake mistake) { return simulated_mistake == mistake; }
// How large something internal is: small in a simulated world, for its limits to be met there.
constexpr std::size_t sized_for(std::size_t /*use*/, std::size_t simulation) { return simulation; }
#else
inline Scheduler* scheduler() { return nullptr; }
constexpr bool makes(Mistake) { return false; }
constexpr std::size_t sized_for(std::size_t use, std::size_t /*simulation*/) { return use; }
#endif

}  // namespace forelog::base
