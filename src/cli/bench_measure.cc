// The clock, the threads and the interrupts of a measurement.
#include "cli/bench_measure.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <system_error>
#include <thread>
#include <utility>

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

double own_cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// All processors, everything but idle and waiting for I/O: the first line of /proc/stat.
double machine_cpu_seconds() {
  std::ifstream stat("/proc/stat");
  std::string label;
  std::array<double, 8> ticks{};  // user nice system idle iowait irq softirq steal
  stat >> label;
  for (double& value : ticks) stat >> value;
  if (!stat) return 0;
  const double busy = ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7];
  return busy / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

struct Window {
  Clock::time_point start, end;
  std::uint64_t calls_max = 0;  // Per thread.
};

// What one thread did. On its own cache lines: it is written at every call.
struct alignas(128) Tally {
  Status status;
  std::uint64_t calls = 0;
  Clock::time_point first_begin = Clock::time_point::max();
  Clock::time_point last_end = Clock::time_point::min();
  std::vector<std::uint32_t> nanoseconds;
};

void run_thread(const Load& load, const Window& window, const std::function<Status(unsigned)>& call,
                unsigned thread, Tally& tally, std::atomic<bool>& failed) {
  Clock::time_point begin = Clock::now();
  while ((begin < window.end || tally.calls == 0) && tally.calls < window.calls_max) {
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
        const auto nanoseconds = std::chrono::nanoseconds(end - begin).count();
        tally.nanoseconds.push_back(static_cast<std::uint32_t>(
            std::min<std::int64_t>(nanoseconds, std::int64_t{UINT32_MAX})));
      }
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
    first = std::min(first, tally.first_begin);
    last = std::max(last, tally.last_end);
    sum.nanoseconds.insert(sum.nanoseconds.end(), tally.nanoseconds.begin(),
                           tally.nanoseconds.end());
  }
  if (interrupted()) return Status(Code::cancelled, "interrupted");
  sum.seconds = std::chrono::duration<double>(last - first).count();
  return sum;
}

}  // namespace

void Measurement::add(Measurement slice) {
  // Weighted by time.
  const double all = seconds + slice.seconds;
  if (all > 0) others_share = (others_share * seconds + slice.others_share * slice.seconds) / all;
  records += slice.records;
  seconds = all;
  cpu_seconds += slice.cpu_seconds;
  nanoseconds.insert(nanoseconds.end(), slice.nanoseconds.begin(), slice.nanoseconds.end());
}

void Measurement::settle() {
  if (!nanoseconds.empty()) latency = percentiles(nanoseconds);
  nanoseconds = {};
}

Result<Measurement> measure(const Load& load, const RoundLimits& limits,
                            const std::function<Status(unsigned thread)>& call) {
  const std::uint64_t bytes_per_call =
      std::max<std::uint64_t>(load.records_per_call * load.record_bytes * load.threads, 1);
  Window window;
  window.start = Clock::now() + kStartUp + limits.warm_up;
  window.end = window.start + limits.measured;
  window.calls_max = std::max<std::uint64_t>(limits.payload_bytes_max / bytes_per_call, 1);

  std::vector<Tally> tallies(load.threads);
  std::atomic<bool> failed = false;
  CpuTimes before;
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < load.threads; ++i) {
      threads.emplace_back([&, i] { run_thread(load, window, call, i, tallies[i], failed); });
    }
    std::this_thread::sleep_until(window.start);
    before = cpu_times();
  }
  const CpuTimes after = cpu_times();
  const double wall = std::chrono::duration<double>(Clock::now() - window.start).count();
  Result<Measurement> sum = sum_up(load, tallies);
  if (sum) {
    sum->cpu_seconds = after.own_seconds - before.own_seconds;
    sum->others_share = others_share(before, after, wall);
  }
  return sum;
}

CpuTimes cpu_times() { return {own_cpu_seconds(), machine_cpu_seconds()}; }

double others_share(const CpuTimes& before, const CpuTimes& after, double wall_seconds) {
  const double all = after.machine_seconds - before.machine_seconds;
  const double own = after.own_seconds - before.own_seconds;
  const double processors = std::max(std::thread::hardware_concurrency(), 1u);
  return std::clamp((all - own) / (wall_seconds * processors), 0.0, 1.0);
}

Latency percentiles(std::vector<std::uint32_t>& nanoseconds) {
  if (nanoseconds.empty()) return {};
  std::sort(nanoseconds.begin(), nanoseconds.end());
  const auto at = [&](double share) {
    const double rank = std::ceil(share * static_cast<double>(nanoseconds.size()));
    return nanoseconds[static_cast<std::size_t>(std::max(rank, 1.0)) - 1] / 1e3;
  };
  return {at(0.5), at(0.99), at(0.999)};
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
  if (error) return Status(Code::io_error, parent.string() + ": " + error.message());
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
