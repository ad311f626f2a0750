#include "base/check.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "forelog/check.h"

namespace forelog {
namespace {

TEST(CheckTest, HoldingInvariantsGoUnnoticed) { FORELOG_CHECK(1 + 1 == 2); }

TEST(CheckDeathTest, ABrokenInvariantStopsTheProcess) {
  EXPECT_DEATH(FORELOG_CHECK(1 + 1 == 3), "broken invariant 1 \\+ 1 == 3");
}

TEST(CheckDeathTest, TheHostMayLeaveInItsOwnWay) {
  set_check_handler([](const char*, const char*, int) { std::_Exit(7); });
  EXPECT_EXIT(FORELOG_CHECK(false), testing::ExitedWithCode(7), "");
  set_check_handler(nullptr);
}

}  // namespace
}  // namespace forelog
