// OpenFrame: the frame that takes records now, and with it their order. A thread that appends
// reserves its place and its LSN in one atomic step, copies its record there, and says that it has;
// it takes no lock, so that threads do not queue for one, nor wait for one that was preempted with
// it. The writer closes the frame before it looks at what is in it.
//
// Threading: reserve(), filled() and appended() from any thread; the others under the writer's lock.
// Invariant: what reserve() gave out has the LSNs behind those given out before, without a gap.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "forelog/lsn.h"

namespace forelog::log {

class OpenFrame {
 public:
  // Closed. `appended`: the last LSN that was given out.
  explicit OpenFrame(Lsn appended) : appended_(appended.value) {}

  // A place for `records` records, encoded in `bytes` bytes. Whoever gets one must fill it without
  // fail, and say so.
  struct Place {
    std::byte* at = nullptr;  // Null: no frame is open, or this one has no room.
    Lsn first;
  };
  Place reserve(std::uint64_t bytes, std::uint64_t records) {
    std::uint64_t word = word_.load(std::memory_order_acquire);
    while (true) {
      const std::uint64_t used = bytes_of(word);
      if (used + bytes > limit_.load(std::memory_order_relaxed)) return {};
      // Of this frame or, when it was closed meanwhile, of a later one: then the exchange fails.
      std::byte* const at = at_.load(std::memory_order_relaxed) + used;
      const Lsn first(first_.load(std::memory_order_relaxed) + records_of(word));
      if (word_.compare_exchange_weak(word, word + bytes + (records << kRecordsShift),
                                      std::memory_order_acq_rel, std::memory_order_acquire)) {
        return {at, first};
      }
    }
  }
  void filled(std::uint64_t bytes) { filled_.fetch_add(bytes, std::memory_order_release); }

  // The last LSN that was given out. Never goes back, but by set_appended().
  Lsn appended() const;

  // Takes records from `next` on in the `bytes` bytes from `at`: as many as fit, kBytesMax at most.
  void open(std::byte* at, std::uint64_t bytes, Lsn next);

  // Gives out no more, and waits for those who still copy. What was given out since open().
  struct Taken {
    std::uint64_t bytes = 0, records = 0;
  };
  Taken close();

  // While closed: records that the writer placed itself, or dropped.
  void set_appended(Lsn lsn) { appended_.store(lsn.value, std::memory_order_release); }

  static constexpr std::uint64_t kBytesMax = std::uint64_t{128} << 10;

 private:
  // The word: how many bytes and records are given out, and which opening this is. A record takes
  // a byte at least, so that there are never more records than bytes. A thread could only mistake
  // one opening for another if it slept through 2^28 of them between two instructions.
  static constexpr unsigned kRecordsShift = 18, kOpeningShift = 36;
  static constexpr std::uint64_t kCountMask = (std::uint64_t{1} << kRecordsShift) - 1;
  static constexpr std::uint64_t kClosed = kCountMask;  // In the place of bytes: more than fit.
  static_assert(2 * kBytesMax <= kCountMask + 1);

  static std::uint64_t bytes_of(std::uint64_t word) { return word & kCountMask; }
  static std::uint64_t records_of(std::uint64_t word) {
    return (word >> kRecordsShift) & kCountMask;
  }

  // Apart, so that those who copy do not take the line from those who reserve.
  alignas(64) std::atomic<std::uint64_t> word_{kClosed};
  alignas(64) std::atomic<std::uint64_t> filled_{0};
  alignas(64) std::atomic<std::byte*> at_{nullptr};
  std::atomic<std::uint64_t> limit_{0};
  std::atomic<std::uint64_t> first_{0};
  std::atomic<std::uint64_t> appended_;  // While closed.
};

}  // namespace forelog::log
