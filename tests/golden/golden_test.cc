// Directories of format version 1, made once (make_golden.cc) and frozen: what they hold must stay
// readable for ever. If this test fails, the code is wrong, never the files.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "forelog/forelog.h"
#include "forelog/maintain.h"
#include "forelog/memory_file_system.h"
#include "golden/golden_record.h"

namespace forelog {
namespace {

struct Expected {
  std::int64_t time = 0;
  std::size_t bytes = 0;
};

class GoldenTest : public testing::Test {
 protected:
  // A copy of tests/golden/<name> on a disk in memory, and the list of its records.
  void load(const std::string& name) {
    const std::filesystem::path from =
        std::filesystem::path(FORELOG_SOURCE_DIR) / "tests" / "golden" / name;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(from)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string bytes((std::istreambuf_iterator<char>(file)), {});
      const auto path = "/log" / entry.path().lexically_relative(from);
      ASSERT_TRUE(disk_.write_file(path, bytes).ok());
    }
    std::ifstream list(from.string() + ".records");
    ASSERT_TRUE(list.is_open());
    std::uint64_t lsn = 0;
    for (Expected each; list >> lsn >> each.time >> each.bytes;) expected_[lsn] = each;
    ASSERT_FALSE(expected_.empty());
  }

  Log open(RecoveryPolicy policy) {
    Options options;
    options.file_system = &disk_;
    options.segment_bytes = 64 * KiB;
    options.preallocate = false;
    options.recovery = policy;
    Result<Log> log = Log::open("/log", options);
    EXPECT_TRUE(log) << log.error().message();
    return *std::move(log);
  }

  void expect_records(const Log& log) {
    Cursor cursor = log.read({.skip_holes = true});
    auto wanted = expected_.begin();
    while (true) {
      const auto entry = cursor.next();
      ASSERT_TRUE(entry) << entry.error().message();
      if (!*entry) break;
      ASSERT_NE(wanted, expected_.end());
      EXPECT_EQ((*entry)->lsn.value, wanted->first);
      EXPECT_EQ((*entry)->time.time_since_epoch().count(), wanted->second.time);
      EXPECT_EQ((*entry)->payload.text(), golden_record(wanted->first, wanted->second.bytes));
      ++wanted;
    }
    EXPECT_EQ(wanted, expected_.end());
  }

  void expect_kept(Verdict verdict, Verdict verify_verdict) {
    {
      const Log log = open(RecoveryPolicy::read_only);
      EXPECT_EQ(log.recovery().verdict, verdict);
      expect_records(log);
    }
    const auto report = verify("/log", {.file_system = &disk_});
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_EQ(report->recovery.verdict, verify_verdict) << report->recovery.to_string();
    EXPECT_EQ(report->records, expected_.size());
    Log log = open(RecoveryPolicy::strict);
    EXPECT_EQ(log.recovery().verdict, verdict);
    expect_records(log);
    const auto lsn = log.commit("and on");
    ASSERT_TRUE(lsn) << lsn.error().message();
    EXPECT_EQ(lsn->value, expected_.rbegin()->first + 1);
    EXPECT_TRUE(log.close().ok());
  }

  MemoryFileSystem disk_;
  std::map<std::uint64_t, Expected> expected_;
};

TEST_F(GoldenTest, AClosedLogOfThreeSegments) {
  load("v1-closed");
  const auto info = inspect("/log", {.file_system = &disk_});
  ASSERT_TRUE(info);
  EXPECT_EQ(info->format_version, 1u);
  EXPECT_EQ(info->segments.size(), 3u);
  EXPECT_TRUE(info->recovery.closed_cleanly);
  expect_kept(Verdict::clean, Verdict::clean);
}

TEST_F(GoldenTest, ATornTail) {
  load("v1-torn");
  expect_kept(Verdict::torn_tail, Verdict::torn_tail);
}

TEST_F(GoldenTest, ALogThatWasTrimmedTruncatedHeldAndSalvaged) {
  load("v1-worn");
  const auto info = inspect("/log", {.file_system = &disk_});
  ASSERT_TRUE(info);
  ASSERT_EQ(info->holders.size(), 1u);
  EXPECT_EQ(info->holders[0].name, "archive");
  EXPECT_EQ(info->holders[0].keep_from, Lsn(25));
  EXPECT_EQ(info->holders[0].bytes_max, 1 * GiB);
  EXPECT_GT(info->first_lsn, Lsn(1));
  expect_kept(Verdict::clean, Verdict::clean);
}

}  // namespace
}  // namespace forelog
