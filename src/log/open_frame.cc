#include "log/open_frame.h"

#include <chrono>

#include "base/check.h"
#include "base/thread.h"

namespace forelog::log {

Lsn OpenFrame::appended() const {
  while (true) {
    const std::uint64_t word = word_.load(std::memory_order_acquire);
    if (bytes_of(word) == kClosed) return Lsn(appended_.load(std::memory_order_acquire));
    const std::uint64_t first = first_.load(std::memory_order_acquire);
    // Else `first` may be that of the next opening: it is there while the word still says closed.
    const std::uint64_t now = word_.load(std::memory_order_acquire);
    if (now >> kOpeningShift == word >> kOpeningShift && bytes_of(now) != kClosed) {
      return Lsn(first + records_of(word) - 1);
    }
  }
}

void OpenFrame::open(std::byte* at, std::uint64_t bytes, Lsn next) {
  const std::uint64_t closed = word_.load(std::memory_order_relaxed);
  FORELOG_CHECK(bytes_of(closed) == kClosed && bytes <= kBytesMax);
  filled_.store(0, std::memory_order_relaxed);
  at_.store(at, std::memory_order_relaxed);
  limit_.store(bytes, std::memory_order_relaxed);
  first_.store(next.value, std::memory_order_release);
  const std::uint64_t opening = (closed >> kOpeningShift) + 1;
  word_.store(opening << kOpeningShift, std::memory_order_release);
}

OpenFrame::Taken OpenFrame::close() {
  std::uint64_t word = word_.load(std::memory_order_acquire);
  if (bytes_of(word) == kClosed) return {};
  const std::uint64_t first = first_.load(std::memory_order_relaxed);
  do {
    appended_.store(first + records_of(word) - 1, std::memory_order_release);
  } while (!word_.compare_exchange_weak(word, (word >> kOpeningShift << kOpeningShift) | kClosed,
                                        std::memory_order_acq_rel, std::memory_order_acquire));
  // They copy a record, and that is all: they are done at once, or were preempted. Why a sleep in the
  // end: yielding lets no thread of a lower priority run.
  constexpr unsigned kYields = 64;
  for (unsigned tries = 0; filled_.load(std::memory_order_acquire) != bytes_of(word); ++tries) {
    if (tries < kYields) {
      base::yield();
    } else {
      base::sleep_for(std::chrono::microseconds(20));
    }
  }
  return {bytes_of(word), records_of(word)};
}

}  // namespace forelog::log
