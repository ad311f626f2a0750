#include "cli/units.h"

#include <gtest/gtest.h>

#include "forelog/bytes.h"

namespace forelog::cli {
namespace {

const Timestamp kNow = Timestamp(std::chrono::seconds(1'000'000'000));  // 2001-09-09T01:46:40Z.

std::string read_time(std::string_view text) {
  const Result<Timestamp> time = parse_time(text, kNow);
  return time ? time_text(*time) : "refused";
}

TEST(Bytes, TakesUnits) {
  EXPECT_EQ(parse_bytes("0").value(), 0u);
  EXPECT_EQ(parse_bytes("4096").value(), 4096u);
  EXPECT_EQ(parse_bytes("64K").value(), 64 * KiB);
  EXPECT_EQ(parse_bytes("64KiB").value(), 64 * KiB);
  EXPECT_EQ(parse_bytes("1M").value(), MiB);
  EXPECT_EQ(parse_bytes("64mib").value(), 64 * MiB);
  EXPECT_EQ(parse_bytes("2 GiB").value(), 2 * GiB);
  EXPECT_EQ(parse_bytes("10kB").value(), 10'000u);
  EXPECT_EQ(parse_bytes("1GB").value(), 1'000'000'000u);
}

TEST(Bytes, RefusesTheRest) {
  for (const char* text :
       {"", "K", "-1", "1.5M", "1X", "1MM", "0x10", " 1", "18446744073709551616", "17179869184G"}) {
    const Result<std::uint64_t> bytes = parse_bytes(text);
    ASSERT_FALSE(bytes) << text;
    EXPECT_EQ(bytes.error().code(), Code::invalid_argument);
  }
}

TEST(LsnArgument, IsAWholeNumberFromOne) {
  EXPECT_EQ(parse_lsn("1").value(), Lsn(1));
  EXPECT_EQ(parse_lsn("18446744073709551615").value(), Lsn(UINT64_MAX));
  for (const char* text : {"", "0", "-1", "+1", "1a", "1.0", "18446744073709551616"}) {
    EXPECT_FALSE(parse_lsn(text)) << text;
  }
  EXPECT_EQ(parse_lsn_or_zero("0").value(), Lsn());
  EXPECT_FALSE(parse_count("0"));
  EXPECT_EQ(parse_count_or_zero("0").value(), 0u);
}

TEST(Level, HasThreeNames) {
  EXPECT_EQ(parse_level("buffered").value(), Durability::buffered);
  EXPECT_EQ(parse_level("written").value(), Durability::written);
  EXPECT_EQ(parse_level("synced").value(), Durability::synced);
  EXPECT_FALSE(parse_level("sync"));
}

TEST(Time, ReadsRfc3339) {
  EXPECT_EQ(read_time("2026-01-02T03:04:05Z"), "2026-01-02T03:04:05.000000000Z");
  EXPECT_EQ(read_time("2026-01-02t03:04:05.25z"), "2026-01-02T03:04:05.250000000Z");
  EXPECT_EQ(read_time("2026-01-02T03:04:05.1234567899Z"), "2026-01-02T03:04:05.123456789Z");
  EXPECT_EQ(read_time("2026-01-02T03:04:05+02:00"), "2026-01-02T01:04:05.000000000Z");
  EXPECT_EQ(read_time("2026-01-02T23:04:05-0130"), "2026-01-03T00:34:05.000000000Z");
  EXPECT_EQ(read_time("2024-02-29T00:00:00Z"), "2024-02-29T00:00:00.000000000Z");
  EXPECT_EQ(read_time("2016-12-31T23:59:60Z"), "2017-01-01T00:00:00.000000000Z");
}

TEST(Time, ReadsWhatPeopleType) {
  EXPECT_EQ(read_time("2026-01-02 03:04:05"), "2026-01-02T03:04:05.000000000Z");
  EXPECT_EQ(read_time("2026-01-02 03:04"), "2026-01-02T03:04:00.000000000Z");
  EXPECT_EQ(read_time("2026-01-02"), "2026-01-02T00:00:00.000000000Z");
  EXPECT_EQ(read_time("@0"), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(read_time("@1767323045.5"), "2026-01-02T03:04:05.500000000Z");
}

TEST(Time, ReadsHowLongAgo) {
  EXPECT_EQ(read_time("40s"), "2001-09-09T01:46:00.000000000Z");
  EXPECT_EQ(read_time("10m"), "2001-09-09T01:36:40.000000000Z");
  EXPECT_EQ(read_time("10m ago"), "2001-09-09T01:36:40.000000000Z");
  EXPECT_EQ(read_time("1h46m40s"), "2001-09-09T00:00:00.000000000Z");
  EXPECT_EQ(read_time("3d"), "2001-09-06T01:46:40.000000000Z");
  EXPECT_EQ(read_time("1w"), "2001-09-02T01:46:40.000000000Z");
  EXPECT_EQ(read_time("9999w"), "1970-01-01T00:00:00.000000000Z");
}

TEST(Time, RefusesTheRest) {
  for (const char* text : {"",
                           "now",
                           "yesterday",
                           "10",
                           "10x",
                           "m",
                           "ago",
                           " ago",
                           "10mago",
                           "@",
                           "@x",
                           "@1.",
                           "2026-1-2",
                           "2026-13-01",
                           "2026-02-29",
                           "2026-01-02T",
                           "2026-01-02T3:04:05Z",
                           "2026-01-02T24:00:00Z",
                           "2026-01-02T03:60:00Z",
                           "2026-01-02T03:04:61Z",
                           "2026-01-02T03:04:05X",
                           "2026-01-02T03:04:05Z ",
                           "2026-01-02T03:04:05+2"}) {
    EXPECT_EQ(read_time(text), "refused") << text;
  }
}

TEST(Time, TellsWhatIsOutOfRangeFromWhatIsNoTime) {
  for (const char* text :
       {"1969-12-31", "2262-01-01", "9999-12-31T23:59:59Z", "@9223372036", "@99999999999999999999",
        "9223372036w", "99999999999999999999s", "9223372036s1s"}) {
    const Result<Timestamp> time = parse_time(text, kNow);
    ASSERT_FALSE(time) << text;
    EXPECT_NE(time.error().message().find("out of range"), std::string_view::npos)
        << time.error().message();
  }
}

TEST(Text, IsShortAndExact) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(64 * MiB), "64.0 MiB");
  EXPECT_EQ(bytes_text(1536), "1.50 KiB");
  EXPECT_EQ(bytes_text(300 * GiB), "300 GiB");
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(1234567), "1,234,567");
  EXPECT_EQ(count_of(1, "record"), "1 record");
  EXPECT_EQ(count_of(1000, "record"), "1,000 records");
  EXPECT_EQ(duration_text(std::chrono::nanoseconds(17)), "17 ns");
  EXPECT_EQ(duration_text(std::chrono::microseconds(1500)), "1.50 ms");
  EXPECT_EQ(duration_text(std::chrono::seconds(12)), "12.0 s");
  EXPECT_EQ(per_second(5, std::chrono::nanoseconds(0)), 0);
  EXPECT_EQ(per_second(5, std::chrono::milliseconds(500)), 10);
}

}  // namespace
}  // namespace forelog::cli
