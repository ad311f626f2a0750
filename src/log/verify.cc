// verify: reads every byte that a log promises, and checks all that can be checked.
// Implements docs/recovery.md, "Verify".
#include <algorithm>
#include <atomic>
#include <chrono>

#include "base/guarded.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "forelog/maintain.h"
#include "forelog/try.h"
#include "log/full_scan.h"
#include "log/segment_check.h"
#include "log/tail_scan.h"
#include "segment/segment_name.h"

namespace forelog {

namespace log {

namespace {

// Between two calls of the progress callback.
constexpr std::chrono::milliseconds kProgressPeriod{100};
// Between two looks at what the other threads do.
constexpr std::uint64_t kPauseBytes = 256 * KiB;
// A thread more for each that there is to read: starting one takes as long as reading a fraction of it.
constexpr std::uint64_t kBytesPerThread = 4 * MiB;
// Each has a buffer of one frame, or of FrameScanner::kChunkBytes. A few are enough for any disk.
constexpr std::size_t kThreadsMax = 4;

// Several threads, the caller's among them, take the segments in their order, each whole. What they
// find is put together in that order too, so that a report does not depend on who was quicker.
//
// Invariant: where there is an error, every segment before the first one with an error was checked to
// its end; so that it is always the same error that is returned.
class FullScan {
 public:
  FullScan(Directory& dir, const Survey& survey, const InspectOptions& options)
      : dir_(dir), survey_(survey), options_(options), found_(survey.chain.size()) {
    for (const SurveyedSegment& link : survey.chain) total_bytes_ += data_end(survey, link);
  }
  FullScan(const FullScan&) = delete;
  FullScan& operator=(const FullScan&) = delete;
  ~FullScan() {
    give_up_behind(0);
    join();
  }

  Status run(VerifyReport& report) {
    start_helpers();
    work(true);
    wait_for_helpers();
    join();
    for (SegmentFindings& found : found_) {
      FORELOG_TRY(std::move(found.status));
      report.segments += found.segments;
      report.frames += found.frames;
      report.records += found.records;
      report.bytes += found.bytes;
      for (Damage& damage : found.damage) add(report.recovery, std::move(damage));
    }
    if (options_.on_progress) options_.on_progress({"verify", report.bytes, total_bytes_});
    return {};
  }

 private:
  void start_helpers() {
    const std::size_t wanted = std::min({kThreadsMax, base::processors(), survey_.chain.size(),
                                         static_cast<std::size_t>(total_bytes_ / kBytesPerThread)});
    helpers_.reserve(kThreadsMax);
    while (helpers_.size() + 1 < wanted && start_helper()) {
    }
  }

  // False when there is no room for another thread: those that there are do it.
  bool start_helper() {
    {
      base::MutexLock lock(mutex_);
      ++working_;
    }
    const Status started = base::guarded([&]() -> Status {
      helpers_.emplace_back([this] {
        work(false);
        leave();
      });
      return {};
    });
    if (!started.ok()) leave();
    return started.ok();
  }

  void leave() {
    base::MutexLock lock(mutex_);
    --working_;
    idle_.notify_all();
  }

  void work(bool tells) {
    while (true) {
      const std::size_t at = next_.fetch_add(1);
      if (at >= found_.size() || at > last_wanted_.load()) return;
      const Status status = base::guarded([&]() -> Status {
        check(at, tells);
        return {};
      });
      if (!status.ok()) found_[at].status = status;
      if (!found_[at].status.ok()) give_up_behind(at);
    }
  }

  void check(std::size_t at, bool tells) {
    std::uint64_t looked_at = 0;
    const auto look_around = [&](std::uint64_t bytes) -> Status {
      if (options_.stop.stop_requested()) return {Code::cancelled, "verify was stopped"};
      if (bytes - looked_at < kPauseBytes) return {};
      bytes_.fetch_add(bytes - looked_at, std::memory_order_relaxed);
      looked_at = bytes;
      if (at > last_wanted_.load()) return {Code::cancelled, "an error was found before"};
      if (tells) tell();
      return {};
    };
    found_[at] = check_segment(dir_, survey_, survey_.chain[at], look_around);
    bytes_.fetch_add(found_[at].bytes - looked_at, std::memory_order_relaxed);
  }

  void give_up_behind(std::size_t at) {
    std::size_t before = last_wanted_.load();
    while (at < before && !last_wanted_.compare_exchange_weak(before, at)) {
    }
  }

  // The caller's thread has nothing left to take, and goes on to tell of the others' progress.
  void wait_for_helpers() {
    base::MutexLock lock(mutex_);
    while (working_ > 0) {
      idle_.wait_until(mutex_, base::now() + kProgressPeriod);
      base::MutexUnlock unlock(mutex_);
      tell();
    }
  }

  void join() {
    for (base::Thread& helper : helpers_) {
      if (helper.joinable()) helper.join();
    }
    helpers_.clear();
  }

  // Only ever called by the caller's thread.
  void tell() {
    if (!options_.on_progress) return;
    const auto now = base::now();
    if (now - told_ < kProgressPeriod) return;
    told_ = now;
    options_.on_progress({"verify", bytes_.load(std::memory_order_relaxed), total_bytes_});
  }

  void add(RecoveryReport& report, Damage found) const {
    const std::uint64_t number = segment::parse_segment_name(found.file).value_or(0);
    if (hole_at(survey_, number, found.offset) != nullptr) found.accepted = true;
    const bool known = std::any_of(
        report.damage.begin(), report.damage.end(),
        [&](const Damage& d) { return d.file == found.file && d.offset == found.offset; });
    if (!found.accepted) report.verdict = Verdict::rot;
    if (!known) report.damage.push_back(std::move(found));
  }

  Directory& dir_;
  const Survey& survey_;
  const InspectOptions& options_;
  std::uint64_t total_bytes_ = 0;
  base::SteadyTime told_{};

  std::vector<SegmentFindings> found_;  // Of survey_.chain; each written by who took it.
  std::atomic<std::size_t> next_{0};    // In both, to be taken.
  std::atomic<std::size_t> last_wanted_{SIZE_MAX};  // Behind it nothing needs to be checked.
  std::atomic<std::uint64_t> bytes_{0};

  base::Mutex mutex_;
  base::CondVar idle_;
  std::size_t working_ FORELOG_GUARDED_BY(mutex_) = 0;  // Helpers.
  std::vector<base::Thread> helpers_;
};

}  // namespace

Status full_scan(Directory& dir, const Survey& survey, const InspectOptions& options,
                 VerifyReport& report) {
  return FullScan(dir, survey, options).run(report);
}

}  // namespace log

Result<VerifyReport> verify(const std::filesystem::path& dir, const InspectOptions& options) {
  return base::guarded([&]() -> Result<VerifyReport> {
    const auto started = base::now();
    log::Looked looked = FORELOG_TRY(log::look(dir, options));
    VerifyReport report;
    report.recovery = looked.survey.report;
    FORELOG_TRY(log::full_scan(*looked.dir, looked.survey, options, report));
    report.duration = base::now() - started;
    return report;
  });
}

}  // namespace forelog
