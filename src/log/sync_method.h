// SyncMethod: which of two ways makes a group durable sooner on this disk: write() and sync_data(),
// through the page cache, or File::write_synced(), around it. Neither wins everywhere, so both are
// timed, in turn, on the groups that the log syncs anyway: at first, then once in a while, and when
// segments change in kind. Small and large groups are judged apart.
//
// Threading: none of its own; the writer's lock guards it.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace forelog::log {

class SyncMethod {
 public:
  // For the next group, of so many bytes.
  bool direct(std::size_t bytes) const;
  // Whether took() wants to be told how long it took.
  bool trying(std::size_t bytes) const { return trial_for(bytes).trying(); }
  // It was synced. Only of groups that could have gone either way.
  void took(std::size_t bytes, std::chrono::nanoseconds time);

  // The next ones go through the page cache, since small groups are written without a sync
  // between: one that follows a direct write must read the block that it goes on in.
  void pause() { paused_ = kPause; }
  bool paused() { return paused_ > 0 && paused_-- > 0; }
  void try_again();

 private:
  static constexpr std::size_t kLargeBytes = 64 << 10;
  static constexpr unsigned kRun = 8, kRuns = 8;  // Both ways alternate in runs.
  static constexpr unsigned kTrial = kRun * kRuns;
  static constexpr unsigned kAgainAfter = 1 << 14;  // Groups.
  static constexpr unsigned kPause = 64;

  struct Trial {
    unsigned groups = 0;  // Since it began.
    bool direct = false;  // What the last one found.
    // The first of a run pays for the change, and does not count.
    std::array<std::array<std::uint32_t, kRuns / 2 * (kRun - 1)>, 2> nanoseconds{};

    bool trying() const { return groups < kTrial; }
    bool direct_now() const { return trying() ? groups / kRun % 2 == 1 : direct; }
    void note(std::chrono::nanoseconds time);
    void judge();
  };

  const Trial& trial_for(std::size_t bytes) const { return trials_[bytes < kLargeBytes ? 0 : 1]; }

  std::array<Trial, 2> trials_;
  unsigned paused_ = 0;
};

}  // namespace forelog::log
