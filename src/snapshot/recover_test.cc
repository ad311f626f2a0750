#include <gtest/gtest.h>

#include <string>

#include "forelog/fault_file_system.h"
#include "forelog/log.h"
#include "forelog/memory_file_system.h"
#include "forelog/snapshot.h"
#include "snapshot/replay.h"
#include "snapshot/snapshots.h"
#include "snapshot/test_state.h"

namespace forelog {
namespace {

using testing::Ledger;
using testing::Sums;

class RecoverTest : public ::testing::Test {
 protected:
  RecoverTest() { open(); }

  Options log_options() {
    Options options;
    options.file_system = &disk_;
    options.segment_bytes = 64 * KiB;
    return options;
  }
  void open() {
    snapshots_.reset();
    log_.reset();
    auto log = Log::open("/log", log_options());
    ASSERT_TRUE(log) << log.error().message();
    log_.emplace(*std::move(log));
    auto snapshots = Snapshots::open("/snapshots", {.kind = "ledger", .file_system = &disk_});
    ASSERT_TRUE(snapshots) << snapshots.error().message();
    snapshots_.emplace(*std::move(snapshots));
  }
  // Logs and applies.
  void post(int count, std::string_view command = "alice 1") {
    for (int i = 0; i < count; ++i) {
      const auto lsn = log_->append(command);
      ASSERT_TRUE(lsn);
      ASSERT_TRUE(ledger_.apply(*lsn, command).ok());
      last_ = *lsn;
    }
    ASSERT_TRUE(log_->wait(last_).ok());
  }
  Lsn checkpoint() {
    const auto covered = forelog::checkpoint(*log_, *snapshots_, ledger_, last_);
    EXPECT_TRUE(covered) << covered.error().message();
    return covered ? *covered : Lsn();
  }
  std::filesystem::path file(Lsn lsn) {
    const auto list = snapshots_->list();
    EXPECT_TRUE(list);
    for (const SnapshotInfo& info : *list) {
      if (info.lsn == lsn) return std::filesystem::path("/snapshots") / info.file;
    }
    ADD_FAILURE() << "no snapshot of LSN " << lsn.value;
    return {};
  }
  void damage(Lsn lsn, std::size_t from_end = 1) {
    auto bytes = disk_.read_file(file(lsn));
    ASSERT_TRUE(bytes);
    bytes->at(bytes->size() - from_end) ^= std::byte{4};
    ASSERT_TRUE(disk_.write_file(file(lsn), ByteView(std::span<const std::byte>(*bytes))).ok());
  }
  void make_directory(std::string_view name) {
    const auto made =
        disk_.open_directory(std::filesystem::path("/snapshots") / name, /*create=*/true);
    ASSERT_TRUE(made) << made.error().message();
  }
  // Expects that a fresh state comes out as the live one.
  Recovered recover_well(const RecoverOptions& options = {}) {
    Ledger ledger;
    const auto recovered = recover(*log_, *snapshots_, ledger, options);
    EXPECT_TRUE(recovered) << recovered.error().message();
    EXPECT_EQ(ledger.data(), ledger_.data());
    return recovered ? *recovered : Recovered();
  }
  Status recover_error() {
    Ledger ledger;
    const auto recovered = recover(*log_, *snapshots_, ledger);
    EXPECT_FALSE(recovered);
    return recovered ? Status() : recovered.error();
  }
  static bool says(const Status& status, std::string_view text) {
    return status.message().find(text) != std::string_view::npos;
  }

  MemoryFileSystem disk_;
  std::optional<Log> log_;
  std::optional<Snapshots> snapshots_;
  Ledger ledger_;
  Lsn last_;
};

TEST_F(RecoverTest, AnEmptyLogGivesTheStateAsItWasMade) {
  const Recovered recovered = recover_well();
  EXPECT_EQ(recovered.snapshot, Lsn());
  EXPECT_EQ(recovered.applied, Lsn());
}

TEST_F(RecoverTest, FromTheLogAlone) {
  post(10);
  const Recovered recovered = recover_well();
  EXPECT_EQ(recovered.applied, Lsn(10));
  EXPECT_EQ(recovered.records, 10u);
  EXPECT_EQ(recovered.bytes, 70u);
}

TEST_F(RecoverTest, FromTheNewestSnapshotAndTheLogBehindIt) {
  post(10);
  EXPECT_EQ(checkpoint(), Lsn(10));
  post(5);
  EXPECT_EQ(checkpoint(), Lsn(10));  // Of two that are kept, the oldest.
  post(1);
  const Recovered recovered = recover_well();
  EXPECT_EQ(recovered.snapshot, Lsn(15));
  EXPECT_EQ(recovered.records, 1u);
  EXPECT_GT(recovered.snapshot_bytes, 0u);
}

TEST_F(RecoverTest, ADamagedSnapshotIsPassedOver) {
  post(10);
  checkpoint();
  post(5);
  checkpoint();
  damage(Lsn(15));
  const Recovered recovered = recover_well();
  EXPECT_EQ(recovered.snapshot, Lsn(10));
  EXPECT_EQ(recovered.records, 5u);
  ASSERT_EQ(recovered.damaged.size(), 1u);
  EXPECT_NE(recovered.to_string().find(recovered.damaged.front().file), std::string::npos);
}

TEST_F(RecoverTest, ADirectoryUnderASnapshotsNameIsADamagedSnapshot) {
  post(10);
  checkpoint();
  make_directory(snapshot::snapshot_name(Lsn(5)));
  make_directory(snapshot::snapshot_name(Lsn(15)));
  post(5);
  open();
  const Recovered recovered = recover_well();
  EXPECT_EQ(recovered.snapshot, Lsn(10));
  ASSERT_EQ(recovered.damaged.size(), 2u);
  EXPECT_NE(recovered.to_string().find("000f.snapshot: at offset 0, 0 bytes: not a regular file, "
                                       "but a directory"),
            std::string::npos)
      << recovered.to_string();
  // No later checkpoint stumbles over them, old or new.
  for (const int lsn : {16, 17, 18}) {
    post(1);
    checkpoint();
    EXPECT_EQ(recover_well().snapshot, Lsn(static_cast<std::uint64_t>(lsn)));
  }
}

TEST_F(RecoverTest, NamesThatAreNoSnapshotsArePassedOver) {
  post(10);
  checkpoint();
  for (const char* name : {"old.snapshot", "0000000000000000.snapshot", "000000000000000F.snapshot",
                           "0000000000000010.snapshot.bak"}) {
    make_directory(name);
    ASSERT_TRUE(disk_.write_file("/snapshots/file-" + std::string(name), ByteView("x")).ok());
  }
  open();
  EXPECT_TRUE(recover_well().damaged.empty());
}

TEST_F(RecoverTest, AllSnapshotsDamagedAndTheLogWhole) {
  post(10);
  checkpoint();
  post(5);
  checkpoint();
  damage(Lsn(10));
  damage(Lsn(15));
  const Recovered recovered = recover_well();
  EXPECT_EQ(recovered.snapshot, Lsn());
  EXPECT_EQ(recovered.records, 15u);
  EXPECT_EQ(recovered.damaged.size(), 2u);
}

TEST_F(RecoverTest, RefusesWhereTheLogNoLongerReachesBackToAGoodSnapshot) {
  post(20'000);
  checkpoint();
  post(20'000);
  checkpoint();
  const Lsn last = last_;
  ASSERT_TRUE(log_->release("snapshots").ok());
  ASSERT_TRUE(log_->keep_from(last.next()).ok());
  recover_well();
  damage(last);
  const Status refused = recover_error();
  EXPECT_EQ(refused.code(), Code::corrupt);
  EXPECT_TRUE(says(refused, "LSNs 20001 to 40000 are missing")) << refused.message();
  EXPECT_TRUE(says(refused, file(last).filename().string() + ", offset ")) << refused.message();
  EXPECT_FALSE(says(refused, "no record")) << refused.message();
}

TEST_F(RecoverTest, RefusesWhereThereIsNoSnapshotAndTheLogBeginsLater) {
  post(20'000);
  ASSERT_TRUE(log_->keep_from(last_.next()).ok());
  const Status refused = recover_error();
  EXPECT_EQ(refused.code(), Code::trimmed);
  EXPECT_TRUE(says(refused, "LSNs 1 to 20000 are missing")) << refused.message();
}

TEST_F(RecoverTest, NamesTheOneRecordThatIsMissing) {
  const std::string long_name(40'000, 'a');  // For each to have a segment of its own.
  post(1, long_name + " 1");
  post(1, long_name + " 1");
  ASSERT_TRUE(log_->keep_from(Lsn(2)).ok());
  const Status refused = recover_error();
  EXPECT_EQ(refused.code(), Code::trimmed);
  EXPECT_TRUE(says(refused, ": LSN 1 is missing: the log begins at LSN 2,")) << refused.message();
}

TEST_F(RecoverTest, RefusesASnapshotThatIsAheadOfTheLog) {
  post(10);
  checkpoint();
  ASSERT_TRUE(log_->keep_through(Lsn(5)).ok());
  const Status refused = recover_error();
  EXPECT_EQ(refused.code(), Code::corrupt);
  EXPECT_TRUE(says(refused, "LSN 10")) << refused.message();
  EXPECT_TRUE(says(refused, "LSN 5")) << refused.message();
}

TEST_F(RecoverTest, RefusesASnapshotOfAnotherHistory) {
  post(10);
  checkpoint();
  ASSERT_TRUE(log_->keep_through(Lsn(5)).ok());
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(log_->commit("bob 1"));
  const Status refused = recover_error();
  EXPECT_EQ(refused.code(), Code::corrupt);
  EXPECT_TRUE(says(refused, "another record at LSN 10")) << refused.message();
}

TEST_F(RecoverTest, RefusesSnapshotsOfAnotherLog) {
  post(10);
  checkpoint();
  auto other = Log::open("/other", log_options());
  ASSERT_TRUE(other);
  Ledger ledger;
  const auto recovered = recover(*other, *snapshots_, ledger);
  ASSERT_FALSE(recovered);
  EXPECT_EQ(recovered.error().code(), Code::invalid_argument);
  EXPECT_TRUE(says(recovered.error(), log_->id())) << recovered.error().message();
}

TEST_F(RecoverTest, RotInTheLogIsNotReadOver) {
  post(10);
  checkpoint();
  post(10'000);
  const auto files = disk_.list_files();
  std::filesystem::path segment;
  for (const auto& path : files) {
    if (path.extension() == ".segment") {
      segment = path;
      break;
    }
  }
  auto bytes = disk_.read_file(segment);
  ASSERT_TRUE(bytes);
  bytes->at(40'000) ^= std::byte{1};
  ASSERT_TRUE(disk_.write_file(segment, ByteView(std::span<const std::byte>(*bytes))).ok());
  const Status refused = recover_error();
  EXPECT_EQ(refused.code(), Code::corrupt);
}

TEST_F(RecoverTest, StopsBeforeACommandThatCannotBeApplied) {
  post(10);
  const auto bad = log_->append("nonsense");
  ASSERT_TRUE(bad);
  ASSERT_TRUE(log_->commit("alice 1"));
  Ledger ledger;
  const auto recovered = recover(*log_, *snapshots_, ledger);
  ASSERT_FALSE(recovered);
  EXPECT_EQ(recovered.error().code(), Code::unsupported);
  EXPECT_TRUE(says(recovered.error(), "LSN 11")) << recovered.error().message();
  EXPECT_EQ(ledger.data(), ledger_.data());
}

TEST_F(RecoverTest, TellsHowFarItIs) {
  post(50'000);
  std::vector<ReplayProgress> told;
  recover_well({.on_progress = [&](const ReplayProgress& progress) { told.push_back(progress); }});
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back().lsn, Lsn(50'000));
  EXPECT_EQ(told.back().last, Lsn(50'000));
  EXPECT_EQ(told.back().records, 50'000u);
  EXPECT_EQ(told.back().bytes, 350'000u);
}

TEST_F(RecoverTest, StopsWhenAsked) {
  post(50'000);
  std::stop_source stop;
  stop.request_stop();
  Ledger ledger;
  const auto recovered = recover(*log_, *snapshots_, ledger, {.stop = stop.get_token()});
  ASSERT_FALSE(recovered);
  EXPECT_EQ(recovered.error().code(), Code::cancelled);
}

// Beside a process that writes the log and makes snapshots.
TEST_F(RecoverTest, AReaderComesToTheSameState) {
  post(100);
  checkpoint();
  post(7);
  Options reading = log_options();
  reading.recovery = RecoveryPolicy::read_only;
  auto log = Log::open("/log", reading);
  ASSERT_TRUE(log);
  auto snapshots = Snapshots::open("/snapshots", {.read_only = true, .file_system = &disk_});
  ASSERT_TRUE(snapshots) << snapshots.error().message();
  Ledger ledger;
  const auto recovered = recover(*log, *snapshots, ledger);
  ASSERT_TRUE(recovered) << recovered.error().message();
  EXPECT_EQ(ledger.data(), ledger_.data());
}

class ConcurrentReplayTest : public RecoverTest {
 protected:
  // Commands of many keys, and now and then one of all of them.
  void post_by_key(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string key =
          i % 5000 == 4999 ? "*" : std::string(1, static_cast<char>('A' + i % 50));
      const std::string command = key + " " + std::to_string(i);
      const auto lsn = log_->append(command);
      ASSERT_TRUE(lsn);
      ASSERT_TRUE(sums_.apply(*lsn, command).ok());
      last_ = *lsn;
    }
    ASSERT_TRUE(log_->wait(last_).ok());
  }
  Sums sums_;
};

TEST_F(ConcurrentReplayTest, SeveralThreadsComeToTheSameStateAsOne) {
  post_by_key(40'000);
  for (const std::size_t threads : {1u, 2u, 3u, 8u}) {
    Sums sums;
    const auto recovered = recover(*log_, *snapshots_, sums, {.threads = threads});
    ASSERT_TRUE(recovered) << recovered.error().message();
    EXPECT_EQ(sums.digests(), sums_.digests()) << threads << " threads";
    EXPECT_EQ(recovered->records, 40'000u);
    EXPECT_EQ(recovered->applied, Lsn(40'000));
  }
}

TEST_F(ConcurrentReplayTest, NothingBehindAFailureIsAppliedByAnyThread) {
  post_by_key(10'000);
  const auto bad = log_->append("C is nonsense");
  ASSERT_TRUE(bad);
  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(log_->append("D 1"));
  ASSERT_TRUE(log_->wait(log_->watermarks().appended).ok());
  Sums sums;
  const auto recovered = recover(*log_, *snapshots_, sums, {.threads = 4});
  ASSERT_FALSE(recovered);
  EXPECT_TRUE(says(recovered.error(), "LSN 10001")) << recovered.error().message();
  EXPECT_EQ(sums.digests(), sums_.digests());
}

TEST_F(ConcurrentReplayTest, OneThreadReadsAheadOfTheOneThatApplies) {
  post(20'000);
  ASSERT_EQ(snapshot::replay_threads(ledger_, {}), 1u);
  recover_well();
}

}  // namespace
}  // namespace forelog
