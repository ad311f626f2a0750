// docs/recovery.md, "What open does": a crash at any step of recovery, and after it a power cut,
// leaves a log that the next open recovers with the same records.
#include <gtest/gtest.h>

#include <random>

#include "log/test_disk.h"

namespace forelog::testing {
namespace {

enum class Ending { killed, power_lost_everything, power_lost_something };

struct Scenario {
  std::string name;
  RecoveryPolicy policy = RecoveryPolicy::strict;
  std::map<std::uint64_t, std::string> acknowledged;  // These must come back.
  std::map<std::uint64_t, std::string> appended;      // Nothing else may.
};

class RecoveryCrashTest : public TestDisk {
 protected:
  // Recovers a copy of the disk once for every operation, each time cut short there.
  void crash_everywhere(const Scenario& scenario) {
    disk_.kill_process();
    log_.reset();
    std::uint64_t operations = 0;
    for (std::uint64_t n = 1; n == 1 || n <= operations; ++n) {
      for (const Ending ending :
           {Ending::killed, Ending::power_lost_everything, Ending::power_lost_something}) {
        SCOPED_TRACE(scenario.name + ", operation " + std::to_string(n) + ", ending " +
                     std::to_string(static_cast<int>(ending)));
        const auto copy = disk_.clone();
        const std::uint64_t counted = crash_at(*copy, scenario.policy, n);
        if (n == 1) operations = count_operations(*disk_.clone(), scenario.policy);
        ASSERT_GE(counted, std::min(n, operations));
        end(*copy, ending, n);
        check(*copy, scenario);
        if (HasFailure()) return;
      }
    }
    EXPECT_GT(operations, 10u);
  }

 private:
  static std::uint64_t count_operations(MemoryFileSystem& disk, RecoveryPolicy policy) {
    return crash_at(disk, policy, UINT64_MAX);
  }

  // The nth operation and all behind it do not happen; a write there happens by half.
  static std::uint64_t crash_at(MemoryFileSystem& disk, RecoveryPolicy policy, std::uint64_t n) {
    FaultFileSystem faults(disk);
    std::uint64_t count = 0;
    faults.set_hook(
        [&](const FaultFileSystem::Call& call) -> std::optional<FaultFileSystem::Fault> {
          if (++count < n) return std::nullopt;
          return FaultFileSystem::Fault{Status(Code::io_error, "the process has died"),
                                        count == n ? call.bytes / 1024 * 512 : 0};
        });
    Options options = test_options(faults);
    options.recovery = policy;
    const auto log = Log::open(kLogDir, options);
    EXPECT_EQ(log.has_value(), n == UINT64_MAX);
    return count;
  }

  static void end(MemoryFileSystem& disk, Ending ending, std::uint64_t seed) {
    if (ending == Ending::killed) return disk.kill_process();
    if (ending == Ending::power_lost_everything) return disk.power_cut();
    std::mt19937_64 dice(seed);
    disk.power_cut([&](std::uint64_t choices) { return dice() % choices; });
  }

  static void check(MemoryFileSystem& disk, const Scenario& scenario) {
    Options options = test_options(disk);
    options.recovery = scenario.policy;
    std::map<std::uint64_t, std::string> kept;
    {
      auto log = Log::open(kLogDir, options);
      ASSERT_TRUE(log) << log.error().message();
      if (scenario.policy == RecoveryPolicy::strict) {
        EXPECT_NE(log->recovery().verdict, Verdict::rot);
      }
      const Reading reading = read_from(*log, {.skip_holes = true});
      EXPECT_TRUE(reading.end.ok()) << reading.end.message();
      kept = reading.records;
      for (const auto& [lsn, record] : scenario.acknowledged) {
        EXPECT_EQ(kept[lsn], record) << "LSN " << lsn;
      }
      for (const auto& [lsn, record] : kept) {
        const auto wanted = scenario.appended.find(lsn);
        ASSERT_NE(wanted, scenario.appended.end()) << "LSN " << lsn;
        EXPECT_EQ(record, wanted->second) << "LSN " << lsn;
      }
      if (scenario.policy == RecoveryPolicy::strict && !kept.empty()) {
        EXPECT_EQ(kept.rbegin()->first - kept.begin()->first + 1, kept.size()) << "a hole";
      }
      for (int i = 0; i < 3; ++i) {
        const auto lsn = log->commit("after");
        ASSERT_TRUE(lsn) << lsn.error().message();
        EXPECT_EQ(kept.count(lsn->value), 0u);
        kept[lsn->value] = "after";
      }
      disk.power_cut();
    }
    options.recovery = RecoveryPolicy::strict;
    auto log = Log::open(kLogDir, options);
    ASSERT_TRUE(log) << log.error().message();
    EXPECT_NE(log->recovery().verdict, Verdict::rot) << log->recovery().to_string();
    EXPECT_TRUE(read_from(*log, {.skip_holes = true}).records == kept);
  }

 protected:
  Scenario scenario(std::string name, std::uint64_t acknowledged_through,
                    RecoveryPolicy policy = RecoveryPolicy::strict) const {
    Scenario made;
    made.name = std::move(name);
    made.policy = policy;
    made.appended = expected_;
    made.acknowledged = {expected_.begin(), expected_.upper_bound(acknowledged_through)};
    return made;
  }
};

TEST_F(RecoveryCrashTest, OfANewLog) { crash_everywhere(scenario("new", 0)); }

TEST_F(RecoveryCrashTest, OfAClosedLog) {
  open();
  commit(5);
  close();
  crash_everywhere(scenario("closed", 5));
}

TEST_F(RecoveryCrashTest, OfAnUnsyncedTail) {
  open();
  commit(5);
  write(5, 3000);
  crash_everywhere(scenario("unsynced", 5));
}

TEST_F(RecoveryCrashTest, OfATornTail) {
  open();
  commit(5);
  write(5, 3000);
  end_process();
  damage_.flip(damage_.segment(1), damage_.frames(1)[7].offset + 1000);
  crash_everywhere(scenario("torn", 5));
}

TEST_F(RecoveryCrashTest, OfSeveralSegmentsWithoutTheWatermarkFile) {
  fill_three_segments();
  write(2);
  end_process();
  damage_.drop_marks();
  crash_everywhere(scenario("several", expected_.rbegin()->first - 2));
}

TEST_F(RecoveryCrashTest, OfWhatATruncationLeftBehind) {
  fill_three_segments();
  const auto second = damage_.bytes(damage_.segment(2));
  const auto third = damage_.bytes(damage_.segment(3));
  ASSERT_TRUE(log_->keep_through(Lsn(4)).ok());
  expected_.erase(expected_.upper_bound(4), expected_.end());
  end_process();
  damage_.put(damage_.segment(2), second);
  damage_.put(damage_.segment(3), third);
  damage_.put("spare-1.tmp", std::vector<std::byte>(4096));
  crash_everywhere(scenario("truncated", 4));
}

TEST_F(RecoveryCrashTest, OfWhatATrimLeftBehind) {
  fill_three_segments();
  const auto first = damage_.bytes(damage_.segment(1));
  const Lsn kept = damage_.header(2).first_lsn;
  ASSERT_TRUE(log_->keep_from(kept).ok());
  expected_.erase(expected_.begin(), expected_.lower_bound(kept.value));
  end_process();
  damage_.put(damage_.segment(1), first);
  crash_everywhere(scenario("trimmed", UINT64_MAX));
}

// What says that the segment was trimmed is in the page cache, and not on the disk.
TEST_F(RecoveryCrashTest, OfATrimWhoseMarkWasNotSynced) {
  fill_three_segments();
  const Lsn kept = damage_.header(2).first_lsn;
  faults_.set_hook([](const FaultFileSystem::Call& call) -> std::optional<FaultFileSystem::Fault> {
    if (call.name != "WATERMARK" || call.operation != FileOperation::sync_data) return std::nullopt;
    return FaultFileSystem::Fault{Status(Code::io_error, "died")};
  });
  ASSERT_FALSE(log_->keep_from(kept).ok());
  faults_.fail_nothing();
  Scenario trimmed = scenario("trimmed, not durably", UINT64_MAX);
  trimmed.acknowledged.erase(trimmed.acknowledged.begin(),
                             trimmed.acknowledged.lower_bound(kept.value));
  crash_everywhere(trimmed);
}

TEST_F(RecoveryCrashTest, OfASalvage) {
  open();
  commit(20);
  end_process();
  const auto frames = damage_.frames(1);
  damage_.flip(damage_.segment(1), frames[3].offset);
  damage_.zero(damage_.segment(1), frames[18].offset, frames[19].end());
  for (const std::uint64_t lost : {4u, 19u, 20u}) expected_.erase(lost);
  crash_everywhere(scenario("salvage", UINT64_MAX, RecoveryPolicy::salvage));
}

// A segment is published in steps; its name may be there and not yet be durable. Whoever opens the
// log then must not acknowledge anything in a file whose name a power cut takes away.
TEST_F(RecoveryCrashTest, ANameThatWasNotSyncedIsSyncedBeforeTheLogIsUsed) {
  for (std::uint64_t n = 1; n <= 4; ++n) {
    SCOPED_TRACE(n);
    for (const auto& file : disk_.list_files()) ASSERT_TRUE(disk_.remove_file(file).ok());
    expected_.clear();
    open();
    commit(11, 5000);
    faults_.reset_counts();
    faults_.fail_from_nth(FileOperation::sync_directory, n, Status(Code::io_error, "died"));
    for (int i = 0; i < 30 && log_->commit(std::string(5000, 'x')).has_value(); ++i) {
    }
    faults_.fail_nothing();
    end_process();
    open();
    const auto before = read_from(*log_).records;
    const auto lsn = log_->commit("acknowledged");
    ASSERT_TRUE(lsn);
    cut_power();
    open();
    const auto after = read_from(*log_).records;
    EXPECT_EQ(after.size(), before.size() + 1);
    EXPECT_EQ(after.at(lsn->value), "acknowledged");
  }
}

}  // namespace
}  // namespace forelog::testing
