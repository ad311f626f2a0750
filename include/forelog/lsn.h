// Positions in a log, the levels of durability, the watermarks that tie the two together, and epochs.
// Implements docs/durability.md.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string_view>

#include "forelog/export.h"

namespace forelog {

// Log sequence number: the position of one record. Dense: the next record is next(). Zero means
// "none". No implicit conversion in either direction, and no Lsn + Lsn.
struct Lsn {
  std::uint64_t value = 0;

  constexpr Lsn() = default;
  constexpr explicit Lsn(std::uint64_t v) : value(v) {}
  constexpr Lsn next() const { return Lsn(value + 1); }
  friend constexpr auto operator<=>(const Lsn&, const Lsn&) = default;
};

struct LsnRange {
  Lsn first, last;  // Inclusive, never empty.

  constexpr std::uint64_t count() const { return last.value - first.value + 1; }
  friend constexpr bool operator==(const LsnRange&, const LsnRange&) = default;
};

// A log that was restored from a copy goes on in a new epoch: from `first_lsn` on its LSNs are of other
// records than those of the log that it is a copy of, and of every other copy.
struct Epoch {
  std::uint32_t number = 0;  // One more with each restore; 0: of a log that never was.
  std::uint64_t branch = 0;  // Random, for epochs of the same number to differ; 0 in epoch 0.
  std::uint64_t parent = 0;  // The branch of the epoch before.
  Lsn first_lsn;             // Of the epoch; Lsn{} in epoch 0.
  friend constexpr bool operator==(const Epoch&, const Epoch&) = default;
};

// Wall-clock time, UTC. Within a log it never goes back, whatever the machine's clock does.
using Timestamp = std::chrono::sys_time<std::chrono::nanoseconds>;

// Each level names the crash that a record which reached it survives.
enum class Durability : std::uint8_t {
  buffered = 0,  // None: it is in this process's memory.
  written = 1,   // This process dying: it is in the kernel's page cache.
  synced = 2,    // Power loss: the file system and the device said that it is on stable storage.
  // 3 is kept for `replicated`.
};

FORELOG_EXPORT std::string_view to_string(Durability level) noexcept;

// The last LSN that reached each level; Lsn{} before the first.
// Invariant, checked on every change: synced <= written <= appended.
struct Watermarks {
  Lsn appended, written, synced;

  constexpr Lsn at(Durability level) const {
    return level == Durability::synced ? synced : level == Durability::written ? written : appended;
  }
  friend constexpr bool operator==(const Watermarks&, const Watermarks&) = default;
};

}  // namespace forelog
