// What a table is made of: keys in order, and for each the versions of its value that someone may
// still look at, newest first.
//
// A version is seen by those who look at the state as of an LSN from `lsn` up to, but not including,
// `until`. The bytes of the value lie behind it, in the same block of memory.
// Threading: guarded by the table's lock, but for what is not yet, or no more, in a table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "forelog/bytes.h"
#include "forelog/lsn.h"

namespace forelog::kv {

struct Version;

// Owns the versions of a key.
struct Slot {
  Slot() = default;
  explicit Slot(Version* version) noexcept : newest(version) {}
  Slot(Slot&& other) noexcept : newest(std::exchange(other.newest, nullptr)) {}
  Slot& operator=(Slot&&) = delete;
  ~Slot();

  Version* newest = nullptr;
};

// Why std::map: docs/adr/0011.
using Keys = std::map<std::string, Slot, std::less<>>;
// What expires, soonest first. The keys are those in Keys.
using Expiries = std::set<std::pair<Timestamp, std::string_view>>;

inline constexpr Lsn kOpen = Lsn(UINT64_MAX);

struct Version {
  // Throws bad_alloc.
  static Version* make(ByteView value, Timestamp expires);
  static void remove(Version* version) noexcept;

  ByteView value() const noexcept {
    return {reinterpret_cast<const std::byte*>(this + 1), value_bytes};
  }
  bool live() const noexcept { return until == kOpen; }
  std::size_t memory_bytes() const noexcept;

  Lsn lsn;
  Lsn until = kOpen;
  Timestamp expires;
  Version* older = nullptr;
  std::size_t value_bytes = 0;

  // Of one that is kept for a pin: the next one of the same pin, and where its slot is.
  Version* next_kept = nullptr;
  Keys::iterator place;
};

// What is seen at `at` when it is `time`; null: nothing.
const Version* visible(const Slot& slot, Lsn at, Timestamp time) noexcept;

// About what the allocator gives for a key and its place among the others.
std::size_t key_memory_bytes(const std::string& key) noexcept;
inline constexpr std::size_t kExpiryMemoryBytes = 64;

// What was taken out of a table, to be destroyed when its lock has been let go of.
struct Garbage {
  Garbage() = default;
  Garbage(const Garbage&) = delete;
  Garbage& operator=(const Garbage&) = delete;
  ~Garbage();
  void add(Version* version) noexcept {
    version->older = versions;
    versions = version;
  }

  Version* versions = nullptr;
  Keys keys;
};

}  // namespace forelog::kv
