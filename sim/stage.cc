#include "sim/stage.h"

#include <cstdio>
#include <cstdlib>

namespace forelog::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;

Stage::Stage(const char* kind, std::uint64_t seed, Tally& tally)
    : seed_(seed),
      tally_(tally),
      dice_(seed),
      scheduler_(dice_(), *this),
      disk_({.sector_bytes = roll(3) == 0 ? 4096u : 512u, .seed = seed}),
      calls_(disk_),
      kind_(kind) {
  base::simulated_scheduler = &scheduler_;
  calls_.set_hook([this](const FaultFileSystem::Call& call) { return before_call(call); });
}

Stage::~Stage() { base::simulated_scheduler = nullptr; }

void Stage::run() {
  const std::uint64_t lives = 2 + roll(4);
  for (std::uint64_t i = 0; i < lives; ++i) live();
  end_well();
  tally_.steps += scheduler_.steps();
}

void Stage::fail(const std::string& what) {
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf("%s seed %llu, life %llu, step %llu: %s\n", kind_, number(seed_), number(life_),
              number(scheduler_.steps()), what.c_str());
  std::fflush(stdout);
  std::_Exit(3);
}

bool Stage::done(const Status& status, std::string_view doing) {
  const auto told = [&] { return std::string(doing) + ": " + std::string(status.message()); };
  if (!status.ok()) {
    check(excused(), told());
    check(status.code() != Code::corrupt, told());
  }
  return status.ok();
}

// ── What happens to the world ────────────────────────────────────────────────

std::optional<FaultFileSystem::Fault> Stage::before_call(const FaultFileSystem::Call& call) {
  if (crashed_) return std::nullopt;
  if (chance(slow_one_in_)) base::sleep_for(microseconds(roll(500)));
  if (failing_one_in_ == 0 || !chance(failing_one_in_) || crashed_) return std::nullopt;
  failed_call_ = true;
  ++tally_.failed_calls;
  if (call.operation == FileOperation::sync_data) {
    disk_.fail_next_sync();
    return std::nullopt;
  }
  return FaultFileSystem::Fault{Status(Code::io_error, "made to fail"), roll(call.bytes + 1)};
}

void Stage::crash() {
  crashed_ = true;
  stop_.request_stop();
  const std::uint64_t kind = roll(5);
  if (kind < 2) {
    ++tally_.kills;
    disk_.kill_process();
    return;
  }
  ++tally_.power_cuts;
  power_cut_ = true;
  disk_.power_cut([&](std::uint64_t choices) {
    if (kind == 2 || (kind == 3 && !chance(4))) return std::uint64_t{0};
    if (kind == 4 && !chance(4)) return choices - 1;
    return roll(choices);
  });
}

void Stage::fill_disk() {
  base::sleep_for(milliseconds(roll(20)));
  if (crashed_) return;
  full_ = true;
  disk_.set_capacity(roll(1 * MiB));
  base::sleep_for(milliseconds(roll(50)));
  disk_.set_capacity(UINT64_MAX);
}

void Stage::empty_disk() {
  disk_.set_capacity(UINT64_MAX);
  full_ = false;
}

Options Stage::log_options() {
  Options options;
  options.file_system = &calls_;
  // The larger ones have indexes of several entries.
  static constexpr std::uint64_t kSegmentBytes[] = {64 * KiB, 64 * KiB, 100'000, 512 * KiB};
  options.segment_bytes = kSegmentBytes[roll(std::size(kSegmentBytes))];
  options.preallocate = chance(2);
  static constexpr int kWriteBehind[] = {0, 1, 5, 1000};
  options.write_behind = milliseconds(kWriteBehind[roll(std::size(kWriteBehind))]);
  options.group_commit_delay_max = microseconds(chance(2) ? 0 : 200);
  if (!chance(2)) options.buffer_bytes_max = 16 * KiB;
  options.when_buffer_full = chance(4) ? WhenFull::report : WhenFull::wait;
  return options;
}

// ── A life ───────────────────────────────────────────────────────────────────

void Stage::begin_life(std::uint64_t slow_one_in, std::uint64_t failing_one_in) {
  ++life_;
  crashed_ = failed_call_ = full_ = life_over_ = false;
  stop_ = std::stop_source();
  slow_one_in_ = slow_one_in;
  failing_one_in_ = failing_one_in;
}

void Stage::last_life() { begin_life(100, 0); }

void Stage::live() {
  before_life();
  ++tally_.lives;
  const std::uint64_t slow_one_in = 2 + roll(50);
  begin_life(slow_one_in, chance(4) ? 20 + roll(400) : 0);
  std::vector<base::Thread> threads;
  if (!chance(4)) {
    const std::uint64_t steps = roll(std::uint64_t{1} << roll(14));
    threads.emplace_back([this, steps] {
      scheduler_.sleep_steps(steps);
      if (!life_over_) crash();
    });
  }
  if (open_and_check()) play();
  life_over_ = true;
  for (base::Thread& thread : threads) thread.join();
  drop();
  // A failed life's process dies too.
  disk_.kill_process();
  disk_.set_capacity(UINT64_MAX);
}

}  // namespace forelog::sim
