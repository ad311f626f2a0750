#include "segment/segment_name.h"

#include <gtest/gtest.h>

namespace forelog::segment {
namespace {

TEST(SegmentNameTest, RoundTripAndOrder) {
  std::string before;
  for (const std::uint64_t number :
       {std::uint64_t{1}, std::uint64_t{9}, std::uint64_t{10}, std::uint64_t{255},
        std::uint64_t{256}, std::uint64_t{1} << 32, UINT64_MAX}) {
    const std::string name = segment_name(number);
    EXPECT_EQ(parse_segment_name(name), number);
    EXPECT_LT(before, name);
    before = name;
  }
  EXPECT_EQ(segment_name(10), "000000000000000a.segment");
}

TEST(SegmentNameTest, NothingElseIsASegment) {
  for (const char* name :
       {"", "segment", ".segment", "a.segment", "000000000000000a", "000000000000000A.segment",
        "00000000000000000a.segment", "000000000000000g.segment", "000000000000000a.segment.tmp",
        "000000000000000a.Segment", "0000000000000000.segment", " 00000000000000a.segment",
        "-00000000000000a.segment", "0x0000000000000a.segment"}) {
    EXPECT_FALSE(parse_segment_name(name)) << name;
  }
}

}  // namespace
}  // namespace forelog::segment
