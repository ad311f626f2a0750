// The limits of several threads: a group commit with no log behind it, and records in flight.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cli/bench_credits.h"
#include "cli/bench_raw.h"
#include "cli/bench_raw_file.h"
#include "forelog/try.h"

namespace forelog::bench {
namespace {

// A frame that is being filled.
class Group {
 public:
  Group() { bytes_.resize(kHeaderBytes); }

  void add(const std::string& record) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + record.size() + (record.size() < 128 ? 1 : 2));  // Behind its length.
    std::memcpy(bytes_.data() + bytes_.size() - record.size(), record.data(), record.size());
    ++records_;
  }
  void clear() {
    bytes_.resize(kHeaderBytes);
    records_ = 0;
  }
  std::uint64_t records() const { return records_; }

  // Writes header, records and padding, and syncs.
  Status write_to(RawFile& file) {
    bytes_.resize((bytes_.size() + 7) / 8 * 8);
    FORELOG_TRY(file.append(bytes_));
    return file.sync();
  }

 private:
  static constexpr std::size_t kHeaderBytes = 56;
  std::vector<std::byte> bytes_;
  std::uint64_t records_ = 0;
};

// The least a group commit can be. Groups are numbered; those who wait for group n sleep on a word
// of their own, so that a finished sync wakes its own group and one thread of the next, to lead.
class IdealLeader {
 public:
  IdealLeader(RawFile file, unsigned threads, std::chrono::microseconds gather)
      : file_(std::move(file)), threads_(threads), gather_(gather) {}

  Status commit(const std::string& record) {
    std::uint64_t mine = 0;
    {
      const std::lock_guard lock(mutex_);
      filling_.add(record);
      arrived_.fetch_add(1, std::memory_order_relaxed);
      mine = number_;
    }
    std::atomic<int>& word = words_[mine % 2];
    for (;;) {
      const int seen = word.load();
      if (done_.load() >= mine) return {};
      if (!leading_.exchange(true)) {
        if (done_.load() < mine) return lead();
        leading_ = false;
        wake(words_[(mine + 1) % 2], false);  // It may have found us leading, and gone to sleep.
        return {};
      }
      word.wait(seen);
    }
  }

 private:
  Status lead() {
    const Clock::time_point enough = Clock::now() + gather_;
    while (arrived_.load(std::memory_order_relaxed) < threads_ && Clock::now() < enough) {
      std::this_thread::yield();
    }
    std::uint64_t group = 0;
    {
      const std::lock_guard lock(mutex_);
      std::swap(filling_, writing_);
      arrived_ = 0;
      group = number_++;
    }
    Status status = writing_.write_to(file_);
    writing_.clear();
    done_ = group;
    leading_ = false;
    wake(words_[group % 2], true);
    wake(words_[(group + 1) % 2], false);
    return status;
  }

  static void wake(std::atomic<int>& word, bool all) {
    word.fetch_add(1);
    all ? word.notify_all() : word.notify_one();
  }

  RawFile file_;
  const unsigned threads_;
  const std::chrono::microseconds gather_;
  std::mutex mutex_;
  Group filling_, writing_;
  std::uint64_t number_ = 1;  // Of the group that is filling.
  std::atomic<unsigned> arrived_ = 0;
  std::atomic<std::uint64_t> done_ = 0;
  std::atomic<bool> leading_ = false;
  std::atomic<int> words_[2] = {0, 0};
};

// One thread takes records until enough are in flight, writes and syncs them, and tells each.
class InTurn {
 public:
  explicit InTurn(RawFile file) : file_(std::move(file)) {}

  Status commit(const std::string& record, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) group_.add(record);
    FORELOG_TRY(group_.write_to(file_));
    group_.clear();
    for (std::uint64_t i = 0; i < count; ++i) tell_(Status());
    return {};
  }

 private:
  RawFile file_;
  Group group_;
  std::uint64_t told_ = 0;
  std::function<void(const Status&)> tell_ = [this](const Status&) { ++told_; };
};

// The other half of raw_async_two_threads: writes and syncs what is there, gives credits back.
class Syncer {
 public:
  Syncer(RawFile file, std::uint64_t in_flight)
      : file_(std::move(file)), credits_(in_flight), thread_([this] { run(); }) {}
  ~Syncer() {
    credits_.drain();
    stop_ = true;
    ring();
  }

  Status submit(const std::string& record) {
    credits_.take();
    if (failed_) return Status(Code::io_error, "the limit's own file could not be synced");
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      first = filling_.records() == 0;
      filling_.add(record);
    }
    if (first) ring();
    return {};
  }

 private:
  void ring() {
    bell_.fetch_add(1);
    bell_.notify_one();
  }

  void run() {
    while (!stop_) {
      const int seen = bell_.load();
      {
        const std::lock_guard lock(mutex_);
        std::swap(filling_, writing_);
      }
      const std::uint64_t records = writing_.records();
      if (records == 0) {
        if (!stop_) bell_.wait(seen);
        continue;
      }
      if (!writing_.write_to(file_).ok()) failed_ = true;
      writing_.clear();
      credits_.give(records);
    }
  }

  RawFile file_;
  Credits credits_;
  std::mutex mutex_;
  Group filling_, writing_;
  std::atomic<int> bell_ = 0;
  std::atomic<bool> stop_ = false, failed_ = false;
  std::jthread thread_;  // Last: it uses the others.
};

}  // namespace

Result<Session> raw_group_commit(const std::filesystem::path& dir, Blocks blocks, unsigned threads,
                                 std::uint64_t record_bytes, std::chrono::microseconds gather) {
  RawFile file = FORELOG_TRY(RawFile::make(dir / "raw", blocks));
  auto leader = std::make_shared<IdealLeader>(std::move(file), threads, gather);
  const std::string record(record_bytes, 'r');
  const Load load{.threads = threads, .record_bytes = record_bytes, .latencies = true};
  return Session([=](const RoundLimits& limits) {
    return measure(load, limits, [&](unsigned) { return leader->commit(record); });
  });
}

Result<Session> raw_async_one_thread(const std::filesystem::path& dir, Blocks blocks,
                                     std::uint64_t in_flight, std::uint64_t record_bytes) {
  RawFile file = FORELOG_TRY(RawFile::make(dir / "raw", blocks));
  auto turn = std::make_shared<InTurn>(std::move(file));
  const std::string record(record_bytes, 'r');
  const Load load{.records_per_call = in_flight, .record_bytes = record_bytes};
  return Session([=](const RoundLimits& limits) {
    return measure(load, limits, [&](unsigned) { return turn->commit(record, in_flight); });
  });
}

Result<Session> raw_async_two_threads(const std::filesystem::path& dir, Blocks blocks,
                                      std::uint64_t in_flight, std::uint64_t record_bytes) {
  RawFile file = FORELOG_TRY(RawFile::make(dir / "raw", blocks));
  auto syncer = std::make_shared<Syncer>(std::move(file), in_flight);
  const std::string record(record_bytes, 'r');
  constexpr std::uint64_t kPerCall = 32;
  const Load load{.records_per_call = kPerCall, .record_bytes = record_bytes};
  return Session([=](const RoundLimits& limits) {
    return measure(load, limits, [&](unsigned) -> Status {
      for (std::uint64_t i = 0; i < kPerCall; ++i) FORELOG_TRY(syncer->submit(record));
      return {};
    });
  });
}

}  // namespace forelog::bench
