// Latencies without keeping them: a histogram of high dynamic range, as Gil Tene's HdrHistogram is one
// (hdrhistogram.org). Buckets are exact up to 255 ns, and above that each power of two has 128 of
// them, so that what is read from it is at most 1/128 too high, whatever its size. Its memory does
// not grow with what is recorded.
//
// Threading: one thread at a time; each thread of a measurement has its own, and they are added up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace forelog::bench {

class Histogram {
 public:
  // What is longer than this (18 minutes) counts as this.
  static constexpr std::uint64_t kNanosecondsMax = (std::uint64_t{1} << 40) - 1;

  void record(std::uint64_t nanoseconds) {
    if (counts_.empty()) counts_.resize(kBuckets);
    if (nanoseconds > kNanosecondsMax) nanoseconds = kNanosecondsMax;
    if (nanoseconds > max_) max_ = nanoseconds;
    ++counts_[bucket_of(nanoseconds)];
    ++count_;
  }
  void add(const Histogram& other);

  std::uint64_t count() const { return count_; }
  std::uint64_t max() const { return max_; }  // Exact.
  // Nearest rank: the smallest value that `share` of all do not exceed, as the highest value of its
  // bucket. 0 when empty.
  std::uint64_t at(double share) const;

  // The buckets that are not empty, in order: to be sent to another process, and put together there.
  using Buckets = std::vector<std::pair<std::size_t, std::uint64_t>>;
  Buckets buckets() const;
  // What does not fit is left out.
  static Histogram of(const Buckets& buckets, std::uint64_t max);

 private:
  static constexpr std::size_t kPerPowerOfTwo = 128, kExact = 2 * kPerPowerOfTwo;
  static constexpr std::size_t kBuckets = kExact + (40 - 8) * kPerPowerOfTwo;

  static std::size_t bucket_of(std::uint64_t nanoseconds);
  static std::uint64_t highest_of(std::size_t bucket);

  std::vector<std::uint64_t> counts_;  // Empty until something is recorded.
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace forelog::bench
