#include "snapshot/replay.h"

#include <memory>
#include <vector>

#include "base/guarded.h"
#include "base/simulation.h"
#include "base/text.h"
#include "base/thread.h"
#include "snapshot/channel.h"
#include "snapshot/replay_progress.h"

namespace forelog::snapshot {
namespace {

using base::concat;
using base::guarded;

// Records on their way from the thread that reads to one that applies.
class Chunk {
 public:
  bool full() const { return bytes_.size() >= kBytes || items_.size() >= kRecords; }
  bool empty() const { return items_.empty(); }
  void add(const Entry& entry) {
    if (bytes_.capacity() == 0) bytes_.reserve(kBytes + 4 * KiB);
    items_.push_back({entry.lsn, bytes_.size(), entry.payload.size()});
    bytes_.insert(bytes_.end(), entry.payload.begin(), entry.payload.end());
  }
  // Calls `take` with each until one returns false.
  template <typename Take>
  void each(Take take) const {
    for (const Item& item : items_) {
      if (!take(item.lsn, ByteView(bytes_.data() + item.offset, item.bytes))) return;
    }
  }
  Lsn last() const { return items_.back().lsn; }

 private:
  // Small enough to stay in a processor's cache between the two.
  static constexpr std::size_t kBytes = 128 * KiB;
  static constexpr std::size_t kRecords = base::sized_for(4096, 5);
  struct Item {
    Lsn lsn;
    std::size_t offset, bytes;
  };
  std::vector<std::byte> bytes_;
  std::vector<Item> items_;
};
constexpr std::size_t kChunksAhead = base::sized_for(4, 2);
constexpr std::string_view kApply = "the state's apply";
// Below this many records a thread costs more than it brings.
constexpr std::uint64_t kWorthAThread = base::sized_for(2000, 10);

Status failure_at(Lsn lsn, const Status& status) {
  return status.with_context(concat("apply the command at LSN ", lsn.value));
}

// The records of a range, one after the other, until they end or something goes wrong.
class Reading {
 public:
  Reading(const Log& log, Lsn from, Lsn to, const std::stop_token& stop)
      : cursor_(log.read({.from = from, .to = to})), next_(from), to_(to), stop_(stop) {}

  // Nullptr at the end, or where status() is not ok.
  const Entry* next() {
    if (stop_.stop_requested()) return fail({Code::cancelled, "replay was stopped"});
    auto entry = cursor_.next();
    if (!entry) return fail(entry.error());
    if (!*entry) {
      if (next_ <= to_) {
        return fail({Code::not_found, concat("the log ends before LSN ", next_.value,
                                             "; it reached to ", to_.value, " a moment ago")});
      }
      return nullptr;
    }
    entry_ = **entry;
    next_ = entry_.lsn.next();
    return &entry_;
  }
  const Status& status() const { return status_; }

 private:
  const Entry* fail(Status status) {
    status_ = std::move(status);
    return nullptr;
  }

  Cursor cursor_;
  Lsn next_;
  const Lsn to_;
  const std::stop_token& stop_;
  Entry entry_;
  Status status_;
};

// Applies in order, and counts.
class Applier {
 public:
  Applier(StateMachine& state, Replayed& replayed) : state_(state), replayed_(replayed) {}

  bool take(Lsn lsn, ByteView command) {
    const Status applied = base::contained(kApply, [&] { return state_.apply(lsn, command); });
    if (!applied) {
      replayed_.failed_at = lsn;
      replayed_.status = failure_at(lsn, applied);
      return false;
    }
    replayed_.applied = lsn;
    ++replayed_.records;
    replayed_.bytes += command.size();
    return true;
  }

 private:
  StateMachine& state_;
  Replayed& replayed_;
};

void replay_alone(Reading& reading, StateMachine& state, ProgressTeller& progress,
                  Replayed& replayed) {
  Applier applier(state, replayed);
  while (const Entry* entry = reading.next()) {
    if (!applier.take(entry->lsn, entry->payload)) return;
    if (replayed.records % 1024 == 0) progress.at(entry->lsn, replayed.records, replayed.bytes);
  }
  replayed.status = reading.status();
}

// One thread reads ahead of this one.
class ReadAhead {
 public:
  explicit ReadAhead(Reading& reading) : reading_(reading), thread_([this] { run(); }) {}
  ~ReadAhead() {
    chunks_.close();
    thread_.join();
  }
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  std::optional<Chunk> next() { return chunks_.get(); }
  // Once next() returned nothing.
  Status status() const { return status_; }

 private:
  void run() {
    status_ = guarded([this] { return read_all(); });
    chunks_.close();
  }
  Status read_all() {
    Chunk chunk;
    while (const Entry* entry = reading_.next()) {
      chunk.add(*entry);
      if (!chunk.full()) continue;
      if (!chunks_.put(std::move(chunk))) return {};
      chunk = Chunk();
    }
    if (!chunk.empty()) chunks_.put(std::move(chunk));
    return reading_.status();
  }

  Reading& reading_;
  Channel<Chunk> chunks_{kChunksAhead};
  Status status_;  // Written before chunks_ is closed.
  base::Thread thread_;
};

void replay_behind_reader(Reading& reading, StateMachine& state, ProgressTeller& progress,
                          Replayed& replayed) {
  ReadAhead ahead(reading);
  Applier applier(state, replayed);
  while (const std::optional<Chunk> chunk = ahead.next()) {
    chunk->each([&](Lsn lsn, ByteView command) { return applier.take(lsn, command); });
    if (replayed.failed_at) return;
    progress.at(replayed.applied, replayed.records, replayed.bytes);
  }
  replayed.status = ahead.status();
}

// Several threads apply, each the commands of some keys; this one reads, and tells them apart.
class Workers {
 public:
  explicit Workers(StateMachine& state) : state_(state) {}
  // Not in the constructor: what throws here leaves threads behind for the destructor to join.
  void start(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      workers_.push_back(std::make_unique<Worker>());
      Worker& worker = *workers_.back();
      worker.thread = base::Thread([this, &worker] { run(worker); });
    }
  }
  ~Workers() {
    for (auto& worker : workers_) worker->chunks.close();
    for (auto& worker : workers_) {
      if (worker->thread.joinable()) worker->thread.join();
    }
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  void give(std::uint64_t key, const Entry& entry) {
    // Keys need not be spread well in their low bits.
    Worker& worker = *workers_[((key * 0x9e3779b97f4a7c15) >> 32) % workers_.size()];
    worker.filling.add(entry);
    if (worker.filling.full()) send(worker);
  }
  // Until all that was given is applied.
  void settle() FORELOG_EXCLUDES(mutex_) {
    for (auto& worker : workers_) {
      if (!worker->filling.empty()) send(*worker);
    }
    base::MutexLock lock(mutex_);
    while (on_their_way_ > 0) settled_.wait(mutex_);
  }
  bool failed() FORELOG_EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    return failed_at_.has_value();
  }
  std::pair<std::optional<Lsn>, Status> failure() FORELOG_EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    return {failed_at_, failure_};
  }

 private:
  struct Worker {
    Chunk filling;
    Channel<Chunk> chunks{kChunksAhead};
    base::Thread thread;
  };

  void send(Worker& worker) {
    {
      base::MutexLock lock(mutex_);
      ++on_their_way_;
    }
    worker.chunks.put(std::exchange(worker.filling, Chunk()));
  }
  void run(Worker& worker) {
    while (const std::optional<Chunk> chunk = worker.chunks.get()) {
      if (!failed()) apply(*chunk);
      base::MutexLock lock(mutex_);
      if (--on_their_way_ == 0) settled_.notify_all();
    }
  }
  void apply(const Chunk& chunk) {
    chunk.each([&](Lsn lsn, ByteView command) {
      const Status applied = base::contained(kApply, [&] { return state_.apply(lsn, command); });
      if (applied) return true;
      base::MutexLock lock(mutex_);
      if (!failed_at_ || lsn < *failed_at_) {
        failed_at_ = lsn;
        failure_ = failure_at(lsn, applied);
      }
      return false;
    });
  }

  StateMachine& state_;
  std::vector<std::unique_ptr<Worker>> workers_;
  base::Mutex mutex_;
  base::CondVar settled_;
  std::size_t on_their_way_ FORELOG_GUARDED_BY(mutex_) = 0;  // Chunks.
  std::optional<Lsn> failed_at_ FORELOG_GUARDED_BY(mutex_);  // The first one, as far as seen.
  Status failure_ FORELOG_GUARDED_BY(mutex_);
};

void replay_by_key(Reading& reading, StateMachine& state, std::size_t threads,
                   ProgressTeller& progress, Replayed& replayed) {
  Workers workers(state);
  workers.start(threads);
  Applier alone(state, replayed);
  while (const Entry* entry = reading.next()) {
    const std::optional<std::uint64_t> key = state.key_of(entry->payload);
    if (key) {
      workers.give(*key, *entry);
      replayed.applied = entry->lsn;
      ++replayed.records;
      replayed.bytes += entry->payload.size();
    } else {
      workers.settle();
      if (workers.failed() || !alone.take(entry->lsn, entry->payload)) break;
    }
    if (replayed.records % 1024 != 0) continue;
    if (workers.failed()) break;
    progress.at(replayed.applied, replayed.records, replayed.bytes);
  }
  workers.settle();
  auto [failed_at, failure] = workers.failure();
  if (failed_at) {
    replayed.failed_at = failed_at;
    replayed.status = std::move(failure);
  } else if (!replayed.failed_at) {
    replayed.status = reading.status();
  }
}

}  // namespace

std::size_t replay_threads(const StateMachine& state, const RecoverOptions& options) {
  if (!state.independent_keys()) return 1;
  return options.threads != 0 ? options.threads : base::processors();
}

Replayed replay(const Log& log, Lsn from, Lsn to, StateMachine& state, std::size_t threads,
                const RecoverOptions& options) {
  Replayed replayed;
  replayed.applied = Lsn(from.value - 1);
  if (from > to) return replayed;
  Reading reading(log, from, to, options.stop);
  ProgressTeller progress(options, from, to);
  const std::uint64_t records = to.value - from.value + 1;
  replayed.status = guarded([&] {
    if (records < kWorthAThread || (threads == 1 && base::processors() == 1)) {
      replay_alone(reading, state, progress, replayed);
    } else if (threads == 1) {
      replay_behind_reader(reading, state, progress, replayed);
    } else {
      replay_by_key(reading, state, threads, progress, replayed);
    }
    return replayed.status;
  });
  if (replayed.status.ok()) progress.at(replayed.applied, replayed.records, replayed.bytes);
  return replayed;
}

}  // namespace forelog::snapshot
