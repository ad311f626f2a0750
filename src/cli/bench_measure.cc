// The clock, the threads and the interrupts of a measurement.
#include "cli/bench_measure.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <ctime>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "cli/bench_usage.h"

namespace forelog::bench {
namespace {

// Signals that come within about this time are one: timeout(1) sends its own to the process, and to
// its group.
constexpr std::int64_t kOneInterruptSeconds = 1;

// When the first one came, in seconds of CLOCK_MONOTONIC; 0: none did.
std::atomic<std::int64_t> interrupted_at = 0;
static_assert(std::atomic<std::int64_t>::is_always_lock_free, "used in a signal handler");

extern "C" void note_interrupt(int signal) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  std::int64_t first = 0;
  if (interrupted_at.compare_exchange_strong(first, std::max<std::int64_t>(now.tv_sec, 1))) return;
  if (now.tv_sec - first <= kOneInterruptSeconds) return;
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

// Time for all the threads of a round to be there before any of them counts.
constexpr std::chrono::milliseconds kStartUp{10};

struct Window {
  Clock::time_point start, end;
  std::uint64_t calls_max = 0;  // Per thread.
  const std::atomic<bool>* until = nullptr;

  bool open(Clock::time_point now) const {
    return now < end && (until == nullptr || !until->load(std::memory_order_relaxed));
  }
};

// What one thread did. On its own cache lines: it is written at every call.
struct alignas(128) Tally {
  Status status;
  std::uint64_t calls = 0, warm_up_calls = 0;
  Clock::time_point first_begin = Clock::time_point::max();
  Clock::time_point last_end = Clock::time_point::min();
  Histogram latencies;
};

void run_thread(const Load& load, const Window& window, const std::function<Status(unsigned)>& call,
                unsigned thread, Tally& tally, std::atomic<bool>& failed) {
  Clock::time_point begin = Clock::now();
  while ((window.open(begin) || tally.calls == 0) && tally.calls < window.calls_max) {
    if (interrupted() || failed.load(std::memory_order_relaxed)) return;
    Status status = call(thread);
    if (!status.ok()) {
      tally.status = std::move(status);
      failed = true;
      return;
    }
    const Clock::time_point end = Clock::now();
    if (begin >= window.start) {
      if (tally.calls == 0) tally.first_begin = begin;
      ++tally.calls;
      tally.last_end = end;
      if (load.latencies) {
        tally.latencies.record(
            static_cast<std::uint64_t>(std::chrono::nanoseconds(end - begin).count()));
      }
    } else {
      ++tally.warm_up_calls;
    }
    begin = end;
  }
}

Result<Measurement> sum_up(const Load& load, std::vector<Tally>& tallies) {
  Measurement sum;
  Clock::time_point first = Clock::time_point::max(), last = Clock::time_point::min();
  for (Tally& tally : tallies) {
    if (!tally.status.ok()) return std::move(tally.status);
    sum.records += tally.calls * load.records_per_call;
    sum.payload_bytes +=
        (tally.calls + tally.warm_up_calls) * load.records_per_call * load.record_bytes;
    first = std::min(first, tally.first_begin);
    last = std::max(last, tally.last_end);
    sum.latencies.add(tally.latencies);
  }
  if (interrupted()) return Status(Code::cancelled, "interrupted");
  sum.seconds = std::chrono::duration<double>(last - first).count();
  return sum;
}

}  // namespace

void Measurement::add(const Measurement& slice) {
  // Weighted by time.
  const double all = seconds + slice.seconds;
  if (all > 0) others_share = (others_share * seconds + slice.others_share * slice.seconds) / all;
  records += slice.records;
  seconds = all;
  cpu_seconds += slice.cpu_seconds;
  context_switches += slice.context_switches;
  latencies.add(slice.latencies);
  payload_bytes += slice.payload_bytes;
  if (slice.device_bytes) device_bytes = device_bytes.value_or(0) + *slice.device_bytes;
  memory_peak_bytes = std::max(memory_peak_bytes, slice.memory_peak_bytes);
}

std::optional<double> Measurement::device_bytes_per_payload_byte() const {
  if (!device_bytes || payload_bytes == 0) return std::nullopt;
  return static_cast<double>(*device_bytes) / static_cast<double>(payload_bytes);
}

std::optional<Latency> Measurement::latency() const {
  if (latencies.count() == 0) return std::nullopt;
  const auto at = [this](double share) { return static_cast<double>(latencies.at(share)) / 1e3; };
  return Latency{at(0.5), at(0.99), at(0.999), static_cast<double>(latencies.max()) / 1e3};
}

Result<Measurement> measure(const Load& load, const RoundLimits& limits,
                            const std::function<Status(unsigned thread)>& call) {
  const std::uint64_t bytes_per_call =
      std::max<std::uint64_t>(load.records_per_call * load.record_bytes * load.threads, 1);
  Window window;
  window.start = Clock::now() + kStartUp + limits.warm_up;
  window.end = window.start + limits.measured;
  window.calls_max = std::max<std::uint64_t>(limits.payload_bytes_max / bytes_per_call, 1);
  window.until = limits.until;

  std::vector<Tally> tallies(load.threads);
  std::atomic<bool> failed = false;
  Usage before;
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < load.threads; ++i) {
      threads.emplace_back([&, i] { run_thread(load, window, call, i, tallies[i], failed); });
    }
    std::this_thread::sleep_until(window.start);
    before = usage();
  }
  const Usage after = usage();
  const double wall = std::chrono::duration<double>(Clock::now() - window.start).count();
  Result<Measurement> sum = sum_up(load, tallies);
  if (sum) {
    sum->cpu_seconds = after.own_seconds - before.own_seconds;
    sum->context_switches = after.context_switches - before.context_switches;
    sum->others_share = others_share(before, after, wall);
  }
  return sum;
}

bool interrupted() noexcept { return interrupted_at.load(std::memory_order_relaxed) != 0; }

InterruptGuard::InterruptGuard() {
  struct sigaction action = {};
  action.sa_handler = note_interrupt;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &before_[i]);
    if (before_[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &action, nullptr);
  }
}

InterruptGuard::~InterruptGuard() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
}

Result<TemporaryDirectory> TemporaryDirectory::make(const std::filesystem::path& parent) {
  std::error_code error;
  const bool made = std::filesystem::create_directory(parent, error);
  if (error) {
    return Status(Code::io_error,
                  parent.string() + ": cannot make this directory: " + error.message());
  }
  std::string name = (parent / "forelog-bench-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    Status failed = system_error("cannot make a directory", name);
    if (made) std::filesystem::remove(parent, error);
    return failed;
  }
  return TemporaryDirectory(name, made);
}

TemporaryDirectory::TemporaryDirectory(std::filesystem::path path, bool parent_is_ours)
    : path_(std::move(path)), parent_is_ours_(parent_is_ours) {}

TemporaryDirectory::TemporaryDirectory(TemporaryDirectory&& other) noexcept
    : path_(std::exchange(other.path_, {})), parent_is_ours_(other.parent_is_ours_) {}

TemporaryDirectory::~TemporaryDirectory() {
  if (path_.empty()) return;
  std::error_code ignored;  // Why: nothing can be done about it here, and nothing is lost.
  std::filesystem::remove_all(path_, ignored);
  if (parent_is_ours_) std::filesystem::remove(path_.parent_path(), ignored);
}

Status system_error(std::string_view what, const std::filesystem::path& path) {
  const int error = errno;
  const Code code = error == ENOSPC || error == EDQUOT ? Code::no_space : Code::io_error;
  return {code,
          path.string() + ": " + std::string(what) + ": " + std::generic_category().message(error)};
}

}  // namespace forelog::bench
