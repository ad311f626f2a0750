#include "log/sync_method.h"

#include <gtest/gtest.h>

namespace forelog::log {
namespace {

using std::chrono::microseconds;

constexpr std::size_t kSmall = 200, kLarge = 130'000;
constexpr unsigned kTrialGroups = 64;

class SyncMethodTest : public ::testing::Test {
 protected:
  // Groups of `bytes`, which take so long either way.
  void sync(unsigned groups, std::size_t bytes, microseconds through_cache, microseconds direct) {
    for (unsigned i = 0; i < groups; ++i) {
      const bool directly = method.direct(bytes);
      directs += directly ? 1 : 0;
      method.took(bytes, directly ? direct : through_cache);
    }
  }

  SyncMethod method;
  unsigned directs = 0;
};

TEST_F(SyncMethodTest, TriesBothWaysEquallyOften) {
  EXPECT_FALSE(method.direct(kSmall));
  EXPECT_TRUE(method.trying(kSmall));
  sync(kTrialGroups, kSmall, microseconds(9), microseconds(8));
  EXPECT_EQ(directs, kTrialGroups / 2);
  EXPECT_FALSE(method.trying(kSmall));
}

TEST_F(SyncMethodTest, TakesTheFasterOne) {
  sync(kTrialGroups, kSmall, microseconds(9), microseconds(8));
  EXPECT_TRUE(method.direct(kSmall));
  SyncMethod other;
  std::swap(method, other);
  sync(kTrialGroups, kSmall, microseconds(8), microseconds(9));
  EXPECT_FALSE(method.direct(kSmall));
}

TEST_F(SyncMethodTest, JudgesSmallAndLargeGroupsApart) {
  sync(kTrialGroups, kSmall, microseconds(8), microseconds(9));
  sync(kTrialGroups, kLarge, microseconds(90), microseconds(60));
  EXPECT_FALSE(method.direct(kSmall));
  EXPECT_TRUE(method.direct(kLarge));
}

TEST_F(SyncMethodTest, OnePauseOfTheDiskDecidesNothing) {
  for (unsigned i = 0; i < kTrialGroups; ++i) {
    const bool directly = method.direct(kSmall);
    const bool pause = i == 12;  // In a direct run.
    method.took(kSmall, microseconds(pause ? 1'000'000 : directly ? 8 : 9));
  }
  EXPECT_TRUE(method.direct(kSmall));
}

TEST_F(SyncMethodTest, WhatTheChangeItselfCostsDoesNotCount) {
  bool before = false;
  for (unsigned i = 0; i < kTrialGroups; ++i) {
    const bool directly = method.direct(kSmall);
    const bool changed = directly != before;
    before = directly;
    method.took(kSmall, microseconds(changed && directly ? 500 : directly ? 8 : 9));
  }
  EXPECT_TRUE(method.direct(kSmall));
}

TEST_F(SyncMethodTest, LooksAgainLater) {
  sync(kTrialGroups, kSmall, microseconds(9), microseconds(8));
  sync((1 << 14) - kTrialGroups, kSmall, microseconds(9), microseconds(8));
  EXPECT_TRUE(method.trying(kSmall));
  sync(kTrialGroups, kSmall, microseconds(8), microseconds(9));
  EXPECT_FALSE(method.direct(kSmall));
}

TEST_F(SyncMethodTest, LooksAgainWhenAsked) {
  sync(kTrialGroups, kSmall, microseconds(9), microseconds(8));
  method.try_again();
  EXPECT_TRUE(method.trying(kSmall));
  sync(5, kSmall, microseconds(9), microseconds(8));
  method.try_again();  // A trial under way goes on.
  sync(kTrialGroups - 5, kSmall, microseconds(9), microseconds(8));
  EXPECT_FALSE(method.trying(kSmall));
}

TEST_F(SyncMethodTest, PausesForSoManyGroups) {
  EXPECT_FALSE(method.paused());
  method.pause();
  unsigned paused = 0;
  while (method.paused()) ++paused;
  EXPECT_EQ(paused, 64u);
}

}  // namespace
}  // namespace forelog::log
