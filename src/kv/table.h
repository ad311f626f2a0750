// Table: the store in memory. Commands change it, in order of LSN; readers look at it as it is now, or
// as it was at a pin, while commands go on.
//
// A version that is replaced is kept for the newest pin that sees it. When that pin goes, it is handed
// to the next older one that sees it, or dropped: so nothing is kept that nobody can see, and nobody
// searches for what could be dropped.
//
// Threading: apply and replace from one thread at a time; all else from any. The lock is held for
// moments: for a command, or for a bounded part of a scan or of a release. Memory is taken, and values
// are copied, before it is held for writing, and what is dropped is freed after.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/shared_mutex.h"
#include "base/simulation.h"
#include "kv/chunk.h"
#include "kv/command.h"
#include "kv/version.h"

namespace forelog::kv {

// What became of a command.
struct Outcome {
  bool applied = true;    // False: a requirement was not met, and nothing was changed.
  std::size_t unmet = 0;  // Which of the requirements was the first of those, from 0.
  Lsn found;              // The version that its key has; Lsn{}: it is absent.
};

// Everything in a table, to be put into one at once.
class Contents {
 public:
  // False: the key is not behind the one before. Throws bad_alloc.
  bool add(std::string key, ByteView value, Lsn version, Timestamp expires);

  Lsn applied;
  Timestamp time{};

 private:
  friend class Table;
  Keys keys_;
  Expiries expiries_;
};

struct TableStats {
  Lsn applied;
  Timestamp time{};                 // The latest that a command told.
  std::uint64_t keys = 0;           // What has expired counts until it is removed.
  std::uint64_t key_bytes = 0;      // Of these.
  std::uint64_t value_bytes = 0;    // Of these.
  std::uint64_t expiring = 0;       // Of the keys, those that expire.
  std::uint64_t versions_kept = 0;  // Replaced or erased, and kept for a pin.
  std::uint64_t memory_bytes = 0;   // About what all of it takes, with the allocator's share.
  std::uint64_t pins = 0;           // LSNs that are looked at.
  Lsn oldest_pin;
};

class Table {
 public:
  // How many that have expired are removed with one command.
  static constexpr std::size_t kExpirePerWrite = base::sized_for(16, 1);
  static constexpr std::size_t kExpirePerTick = base::sized_for(1024, 3);

  // Does all of it or, when memory runs out (bad_alloc), nothing.
  Outcome apply(Lsn lsn, const Command& command) FORELOG_EXCLUDES(mutex_);
  // In place of all there was. Nothing is pinned.
  void replace(Contents contents) FORELOG_EXCLUDES(mutex_);

  // Calls see(version) with the lock held, and returns what it does, as an optional; nullopt: absent at
  // the LSN, or where that is not given now, when it is `time`.
  template <typename See>
  std::optional<std::invoke_result_t<See, const Version&>> look(std::string_view key,
                                                                std::optional<Lsn> at,
                                                                Timestamp time, See&& see) const
      FORELOG_EXCLUDES(mutex_) {
    const base::SharedLock lock(mutex_);
    const auto place = keys_.find(key);
    if (place == keys_.end()) return std::nullopt;
    const Version* const version =
        visible(place->second, at.value_or(applied_), at ? time : std::max(time, time_));
    if (version == nullptr) return std::nullopt;
    return see(*version);
  }

  // The next entries that are seen at `at`, a bounded number; none, and not yet span.done: ask again.
  void read(Span& span, Lsn at, Timestamp time, Chunk& into) const FORELOG_EXCLUDES(mutex_);

  // Keeps what is seen now until release. Returns where that is; `time` becomes no earlier than what
  // the commands told.
  Lsn pin(Timestamp& time) FORELOG_EXCLUDES(mutex_);
  void release(Lsn at) noexcept FORELOG_EXCLUDES(mutex_);

  std::optional<Timestamp> next_expiry() const FORELOG_EXCLUDES(mutex_);
  // False: it does not matter what time it is. Takes no lock.
  bool expires_anything() const noexcept { return expiring_.load(std::memory_order_relaxed) > 0; }
  TableStats stats() const FORELOG_EXCLUDES(mutex_);

 private:
  struct Pinned {
    std::uint64_t users = 0;
    Version* kept = nullptr;
  };
  struct Change;

  bool meets(const Command& command, Outcome& outcome) const FORELOG_REQUIRES(mutex_);
  void put(Change& change, Keys::iterator staged, Lsn lsn) FORELOG_REQUIRES(mutex_);
  void expire(Lsn lsn, std::size_t limit, Garbage& garbage) FORELOG_REQUIRES(mutex_);
  void end_newest(Keys::iterator place, Lsn lsn, Garbage& garbage) FORELOG_REQUIRES(mutex_);
  void drop(Version* version, Garbage& garbage) noexcept FORELOG_REQUIRES(mutex_);
  void drop_if_empty(Keys::iterator place, Garbage& garbage) noexcept FORELOG_REQUIRES(mutex_);
  void count(const std::string& key, const Version& version) FORELOG_REQUIRES(mutex_);

  mutable base::SharedMutex mutex_;
  Keys keys_ FORELOG_GUARDED_BY(mutex_);
  Expiries expiries_ FORELOG_GUARDED_BY(mutex_);
  std::map<Lsn, Pinned> pins_ FORELOG_GUARDED_BY(mutex_);
  TableStats stats_ FORELOG_GUARDED_BY(mutex_);
  Lsn applied_ FORELOG_GUARDED_BY(mutex_);
  Timestamp time_ FORELOG_GUARDED_BY(mutex_){};
  std::atomic<std::size_t> expiring_{0};  // How many are in expiries_; written with the lock held.
};

}  // namespace forelog::kv
