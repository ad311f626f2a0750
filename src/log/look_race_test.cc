// verify() beside a writer that goes on to a new segment while the directory is being looked at.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "forelog/fault_file_system.h"
#include "forelog/log.h"
#include "forelog/maintain.h"
#include "forelog/memory_file_system.h"

namespace forelog {
namespace {

TEST(LookRaceTest, ASegmentThatComesBehindTheListIsNotMissing) {
  MemoryFileSystem disk;
  FaultFileSystem watched(disk);
  Options options;
  options.file_system = &disk;
  options.segment_bytes = 64 * KiB;
  options.preallocate = false;
  Result<Log> log = Log::open("/log", options);
  ASSERT_TRUE(log) << log.error().message();
  ASSERT_TRUE(log->commit("first"));
  // Each look lists the directory, and then reads a header: the first two find the log gone on.
  int listed = 0;
  bool going_on = false;
  watched.set_hook([&](const FaultFileSystem::Call& call) -> std::optional<FaultFileSystem::Fault> {
    if (call.operation == FileOperation::list) {
      going_on = ++listed <= 2;
    } else if (going_on) {
      going_on = false;
      for (int i = 0; i < 4; ++i) EXPECT_TRUE(log->commit(std::string(30'000, 'r')));
    }
    return std::nullopt;
  });
  InspectOptions inspect;
  inspect.file_system = &watched;
  const auto report = verify("/log", inspect);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->recovery.verdict, Verdict::clean) << report->recovery.to_string();
  EXPECT_GT(listed, 1);
}

}  // namespace
}  // namespace forelog
