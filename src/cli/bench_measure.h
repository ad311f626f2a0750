// Measuring one contestant for one round: calls made by some threads for some time, and what they
// cost. Shared by `forelog bench` and by bench/. Knows neither Forelog nor its rivals.
//
// Threading: measure() starts its own threads and joins them. interrupted() from anywhere.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "cli/bench_histogram.h"
#include "forelog/status.h"

namespace forelog::bench {

using Clock = std::chrono::steady_clock;

// When a round ends: by time, or once that much payload was taken, whichever comes first. Nothing
// of the warm-up is counted.
struct RoundLimits {
  std::chrono::nanoseconds warm_up{};
  std::chrono::nanoseconds measured{};
  std::uint64_t payload_bytes_max = UINT64_MAX;
  const std::atomic<bool>* until = nullptr;  // Not null: also ends once this is true.
};

struct Latency {
  double p50_us = 0, p99_us = 0, p999_us = 0, max_us = 0;
};

struct Measurement {
  std::uint64_t records = 0;
  double seconds = 0;
  double cpu_seconds = 0;  // User and system time of the whole process, background threads too.
  std::uint64_t context_switches = 0;  // Of the same threads.
  Histogram latencies;                 // Of each call, when Load::latencies asks for it.
  // What everything else on the machine used meanwhile, of all its processors, from 0 to 1; the
  // kernel's own work for this process is in it.
  double others_share = 0;
  std::uint64_t payload_bytes = 0;  // That was taken, of the warm-up too.
  // The next two are filled in by the process of the contestant (bench_process.h).
  std::optional<std::uint64_t> device_bytes;  // Written meanwhile, by whomever.
  std::uint64_t memory_peak_bytes = 0;        // Since before the contestant was opened; less that.

  double rate() const { return seconds > 0 ? static_cast<double>(records) / seconds : 0; }
  double cpu_us_per_record() const { return per_record(cpu_seconds * 1e6); }
  double context_switches_per_record() const {
    return per_record(static_cast<double>(context_switches));
  }
  std::optional<double> device_bytes_per_payload_byte() const;
  std::optional<Latency> latency() const;  // nullopt when none were asked for.
  void add(const Measurement& slice);      // Another stretch of the same round.

 private:
  double per_record(double value) const {
    return records > 0 ? value / static_cast<double>(records) : 0;
  }
};

// A contestant that is open and ready to be measured, again and again; what it needs lives as long
// as it does.
using Session = std::function<Result<Measurement>(const RoundLimits& limits)>;

struct Load {
  unsigned threads = 1;
  std::uint64_t records_per_call = 1;
  std::uint64_t record_bytes = 128;
  bool latencies = false;  // Of each call.
};

// Calls `call(thread)` again and again on load.threads threads, and counts what began within the
// limits; at least one call, however long it takes. The first error ends it and is returned;
// cancelled when interrupted().
Result<Measurement> measure(const Load& load, const RoundLimits& limits,
                            const std::function<Status(unsigned thread)>& call);

// Whether SIGINT, SIGTERM or SIGHUP came while an InterruptGuard lived; another one, two seconds
// later or more, kills. Cheap enough to be asked before every call (Interrupts of signals.h is a
// system call).
bool interrupted() noexcept;

class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, kSignals.size()> before_ = {};
};

// A fresh directory inside `parent` (made when missing), removed with all that is in it.
class TemporaryDirectory {
 public:
  static Result<TemporaryDirectory> make(const std::filesystem::path& parent);
  TemporaryDirectory(TemporaryDirectory&& other) noexcept;
  TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;
  ~TemporaryDirectory();

  const std::filesystem::path& path() const { return path_; }

 private:
  TemporaryDirectory(std::filesystem::path path, bool parent_is_ours);

  std::filesystem::path path_;   // Empty: moved from.
  bool parent_is_ours_ = false;  // Remove it too.
};

// io_error (or no_space) with the system's text for errno.
Status system_error(std::string_view what, const std::filesystem::path& path);

}  // namespace forelog::bench
