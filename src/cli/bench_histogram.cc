#include "cli/bench_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace forelog::bench {

// The highest eight bits of a value, and how far they were shifted to the right: 128 buckets for
// each shift, since the first of the eight bits is always set (but below 256, where nothing is
// shifted).
std::size_t Histogram::bucket_of(std::uint64_t nanoseconds) {
  if (nanoseconds < kExact) return nanoseconds;
  const auto shift = static_cast<std::size_t>(std::bit_width(nanoseconds)) - 8;
  return shift * kPerPowerOfTwo + (nanoseconds >> shift);
}

std::uint64_t Histogram::highest_of(std::size_t bucket) {
  if (bucket < kExact) return bucket;
  const std::size_t shift = bucket / kPerPowerOfTwo - 1;
  const std::uint64_t bits = bucket - shift * kPerPowerOfTwo;
  return ((bits + 1) << shift) - 1;
}

void Histogram::add(const Histogram& other) {
  if (other.counts_.empty()) return;
  if (counts_.empty()) counts_.resize(kBuckets);
  for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

std::uint64_t Histogram::at(double share) const {
  const auto rank = std::clamp<std::uint64_t>(
      static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_))), 1,
      std::max<std::uint64_t>(count_, 1));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::min(highest_of(i), max_);
  }
  return max_;
}

Histogram::Buckets Histogram::buckets() const {
  Buckets filled;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] != 0) filled.emplace_back(i, counts_[i]);
  }
  return filled;
}

Histogram Histogram::of(const Buckets& buckets, std::uint64_t max) {
  Histogram histogram;
  if (buckets.empty()) return histogram;
  histogram.counts_.resize(kBuckets);
  for (const auto& [bucket, count] : buckets) {
    if (bucket >= kBuckets) continue;
    histogram.counts_[bucket] += count;
    histogram.count_ += count;
  }
  histogram.max_ = max;
  return histogram;
}

}  // namespace forelog::bench
