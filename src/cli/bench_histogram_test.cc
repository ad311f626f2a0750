#include "cli/bench_histogram.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace forelog::bench {
namespace {

Histogram of(const std::vector<std::uint64_t>& values) {
  Histogram histogram;
  for (const std::uint64_t value : values) histogram.record(value);
  return histogram;
}

// Nearest rank, from the values themselves.
std::uint64_t exact(std::vector<std::uint64_t> values, double share) {
  std::sort(values.begin(), values.end());
  const double rank = std::ceil(share * static_cast<double>(values.size()));
  return values[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

// Latencies as they are: from a hundred nanoseconds to seconds, most of them short.
std::vector<std::uint64_t> latencies(std::size_t count) {
  std::mt19937_64 random(42);
  std::lognormal_distribution<double> distribution(10.0, 2.0);
  std::vector<std::uint64_t> values;
  for (std::size_t i = 0; i < count; ++i) {
    values.push_back(static_cast<std::uint64_t>(distribution(random)));
  }
  return values;
}

TEST(Histogram, PercentilesAreExactToOnePerCent) {
  const std::vector<std::uint64_t> values = latencies(100'000);
  const Histogram histogram = of(values);
  for (const double share : {0.0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
    const auto wanted = static_cast<double>(exact(values, share));
    const auto found = static_cast<double>(histogram.at(share));
    EXPECT_GE(found, wanted) << share;
    EXPECT_LE(found, wanted * 1.01) << share;
  }
  EXPECT_EQ(histogram.count(), values.size());
  EXPECT_EQ(histogram.max(), exact(values, 1.0));
}

TEST(Histogram, EveryPowerOfTwoIsInABucketThatReachesItByOnePerCent) {
  for (unsigned bit = 0; bit < 40; ++bit) {
    for (const std::uint64_t below : {1U, 0U}) {
      const std::uint64_t value = (std::uint64_t{1} << bit) - below;
      Histogram histogram = of({value, Histogram::kNanosecondsMax});
      EXPECT_GE(histogram.at(0.5), value);
      EXPECT_LE(static_cast<double>(histogram.at(0.5)), static_cast<double>(value) * 1.01);
    }
  }
}

TEST(Histogram, WhatIsTooLongCountsAsTheLongest) {
  const Histogram histogram = of({UINT64_MAX});
  EXPECT_EQ(histogram.max(), Histogram::kNanosecondsMax);
  EXPECT_EQ(histogram.at(0.5), Histogram::kNanosecondsMax);
}

TEST(Histogram, NothingRecordedIsZero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.at(0.99), 0u);
  EXPECT_TRUE(histogram.buckets().empty());
}

TEST(Histogram, HalvesAddUpToTheWhole) {
  const std::vector<std::uint64_t> values = latencies(10'000);
  const auto middle = values.begin() + 5'000;
  Histogram sum;
  sum.add(of({values.begin(), middle}));
  sum.add(Histogram());
  sum.add(of({middle, values.end()}));
  EXPECT_EQ(sum.buckets(), of(values).buckets());
  EXPECT_EQ(sum.max(), of(values).max());
  EXPECT_EQ(sum.count(), values.size());
}

TEST(Histogram, BucketsMakeTheSameHistogramElsewhere) {
  const Histogram here = of(latencies(10'000));
  const Histogram there = Histogram::of(here.buckets(), here.max());
  EXPECT_EQ(there.buckets(), here.buckets());
  EXPECT_EQ(there.count(), here.count());
  EXPECT_EQ(there.at(0.999), here.at(0.999));
  EXPECT_EQ(Histogram::of({{std::size_t{1} << 40, 1}}, 1).count(), 0u);
}

}  // namespace
}  // namespace forelog::bench
