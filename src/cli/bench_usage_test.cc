#include "cli/bench_usage.h"

#include <unistd.h>

#include <vector>

#include <gtest/gtest.h>

namespace forelog::bench {
namespace {

TEST(BenchUsage, TheSeventhFieldOfABlockDeviceIsItsSectorsWritten) {
  EXPECT_EQ(bytes_written_in("  100 2 300 4 500 6 700 8 0 9 10 0 0 0 0 11 12\n"), 700 * 512u);
  // Kernels before 4.18 end after eleven.
  EXPECT_EQ(bytes_written_in("1 1 1 1 1 1 9000000000 1 1 1 1"), 9'000'000'000 * 512u);
}

TEST(BenchUsage, NoFigureOfADeviceThatIsNotWhole) {
  EXPECT_EQ(bytes_written_in(""), std::nullopt);
  EXPECT_EQ(bytes_written_in("1 2 3 4 5 6"), std::nullopt);
  EXPECT_EQ(bytes_written_in("1 2 3 4 5 6 x"), std::nullopt);
}

TEST(BenchUsage, ADirectoryOfNoBlockDeviceHasNone) {
  EXPECT_FALSE(Device::of("/proc").has_value());
  EXPECT_FALSE(Device::of("/this/is/nowhere").has_value());
}

TEST(BenchUsage, FieldsOfAStatusAreFoundByTheirWholeName) {
  const std::string status = "Name:\tx\nVmHWM:\t    1234 kB\nPss_Anon: 5 kB\nPss: 6 kB\n";
  EXPECT_EQ(bytes_of_field(status, "VmHWM"), 1234 * 1024u);
  EXPECT_EQ(bytes_of_field(status, "Pss"), 6 * 1024u);
  EXPECT_EQ(bytes_of_field(status, "VmRSS"), 0u);
}

TEST(BenchUsage, MemoryAndTimeOfThisProcessGrowWithWhatItDoes) {
  const Usage before = usage();
  const std::uint64_t memory = memory_peak_bytes();
  std::vector<char> much(std::size_t{64} << 20, 'x');
  EXPECT_GE(memory_peak_bytes(), memory + much.size() / 2);
  const Usage after = usage();
  EXPECT_GE(after.own_seconds, before.own_seconds);
  EXPECT_GE(after.context_switches, before.context_switches);
}

TEST(BenchUsage, WhatOthersTookIsAShareOfAllProcessors) {
  EXPECT_EQ(others_share({}, {.own_seconds = 5, .machine_seconds = 5}, 10), 0);
  EXPECT_EQ(others_share({}, {.own_seconds = 0, .machine_seconds = 1e9}, 1), 1);
}

}  // namespace
}  // namespace forelog::bench
