#include "forelog/durable.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <new>
#include <string>
#include <thread>

#include "forelog/fault_file_system.h"
#include "forelog/memory_file_system.h"
#include "snapshot/test_state.h"

namespace forelog {
namespace {

using testing::Ledger;
using testing::PlainLedger;

const std::filesystem::path kDir = "/bank";

template <typename State>
class DurableTest : public ::testing::Test {
 protected:
  DurableTest() {
    options_.log.file_system = &calls_;
    options_.log.segment_bytes = 64 * KiB;
    options_.checkpoints.automatic = false;
  }
  void open() {
    auto opened = Durable<State>::open(kDir, options_);
    ASSERT_TRUE(opened) << opened.error().message();
    bank_.emplace(*std::move(opened));
  }
  Status open_error() {
    auto opened = Durable<State>::open(kDir, options_);
    return opened ? Status() : opened.error();
  }
  void kill() {
    disk_.kill_process();
    bank_.reset();
  }
  void kill_and_open() {
    kill();
    open();
  }
  Lsn post(std::string_view command, Durability level = Durability::synced) {
    const auto lsn = bank_->update(command, level);
    EXPECT_TRUE(lsn) << lsn.error().message();
    return lsn ? *lsn : Lsn();
  }
  void post_many(int count) {
    for (int i = 0; i < count; ++i) {
      post("many 1", i + 1 == count ? Durability::synced : Durability::buffered);
    }
  }
  std::int64_t sum(std::string_view name) {
    return bank_->read([&](const State& state) { return state.sum(name); });
  }

  MemoryFileSystem disk_;
  FaultFileSystem calls_{disk_};
  DurableOptions options_;
  std::optional<Durable<State>> bank_;
};
using States = ::testing::Types<Ledger, PlainLedger>;
TYPED_TEST_SUITE(DurableTest, States);

TYPED_TEST(DurableTest, AnUpdateIsSeenAndSurvives) {
  this->open();
  this->post("alice 500");
  this->post("alice -200");
  EXPECT_EQ(this->sum("alice"), 300);
  this->kill_and_open();
  EXPECT_EQ(this->sum("alice"), 300);
  EXPECT_EQ(this->bank_->recovered().records, 2u);
  EXPECT_EQ(this->bank_->applied(), Lsn(2));
}

TYPED_TEST(DurableTest, WhatBecameOfAnUpdateIsSeenBeforeTheNext) {
  this->open();
  std::int64_t seen = 0;
  const auto lsn = this->bank_->update_then(
      "alice 7", [&](const TypeParam& state) { seen = state.sum("alice"); });
  ASSERT_TRUE(lsn);
  EXPECT_EQ(seen, 7);
}

TYPED_TEST(DurableTest, ReopensFromACheckpointAndWhatCameBehindIt) {
  this->open();
  this->post_many(1000);
  const auto made = this->bank_->checkpoint();
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(*made, Lsn(1000));
  this->post("bob 1");
  this->kill_and_open();
  EXPECT_EQ(this->bank_->recovered().snapshot, Lsn(1000));
  EXPECT_EQ(this->bank_->recovered().records, 1u);
  EXPECT_EQ(this->sum("many"), 1000);
  EXPECT_EQ(this->sum("bob"), 1);
}

TYPED_TEST(DurableTest, TheLogKeepsWhatTheOldestSnapshotNeeds) {
  this->options_.snapshots.keep = 2;
  this->open();
  for (int i = 0; i < 3; ++i) {
    this->post_many(5000);
    ASSERT_TRUE(this->bank_->checkpoint());
  }
  EXPECT_GT(this->bank_->log().first_lsn(), Lsn(5000));
  EXPECT_LE(this->bank_->log().first_lsn(), Lsn(10'001));
  const auto holders = this->bank_->log().holders();
  ASSERT_TRUE(holders);
  ASSERT_EQ(holders->size(), 1u);
  EXPECT_EQ(holders->front().name, "snapshots");
  EXPECT_EQ(holders->front().keep_from, Lsn(10'001));
  const auto kept = this->bank_->snapshots().list();
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->size(), 2u);
}

TYPED_TEST(DurableTest, ADamagedSnapshotIsPassedOverToldOfAndReplaced) {
  this->open();
  this->post_many(100);
  ASSERT_TRUE(this->bank_->checkpoint());
  this->post_many(100);
  ASSERT_TRUE(this->bank_->checkpoint());
  const auto newest = this->bank_->snapshots().list();
  ASSERT_TRUE(newest);
  const std::filesystem::path file = kDir / "snapshots" / newest->front().file;
  this->kill();
  auto bytes = this->disk_.read_file(file);
  ASSERT_TRUE(bytes);
  bytes->back() ^= std::byte{1};
  ASSERT_TRUE(this->disk_.write_file(file, ByteView(std::span<const std::byte>(*bytes))).ok());
  this->open();
  EXPECT_EQ(this->sum("many"), 200);
  EXPECT_EQ(this->bank_->recovered().snapshot, Lsn(100));
  ASSERT_EQ(this->bank_->recovered().damaged.size(), 1u);
  EXPECT_EQ(this->bank_->recovered().damaged.front().file, newest->front().file);
  // Of the same LSN as the damaged one.
  ASSERT_TRUE(this->bank_->checkpoint());
  this->kill_and_open();
  EXPECT_EQ(this->bank_->recovered().snapshot, Lsn(200));
  EXPECT_TRUE(this->bank_->recovered().damaged.empty());
}

TYPED_TEST(DurableTest, NothingIsAppliedBehindACommandThatCannotBe) {
  this->open();
  this->post("alice 1");
  const auto bad = this->bank_->update("bad");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code(), Code::unsupported);
  EXPECT_NE(bad.error().message().find("LSN 2"), std::string::npos) << bad.error().message();
  const auto behind = this->bank_->update("alice 1");
  ASSERT_FALSE(behind);
  EXPECT_EQ(this->sum("alice"), 1);
  EXPECT_FALSE(this->bank_->health().ok());
  this->kill();
  const Status reopened = this->open_error();
  EXPECT_EQ(reopened.code(), Code::unsupported);
  EXPECT_NE(reopened.message().find("LSN 2"), std::string::npos) << reopened.message();
}

TYPED_TEST(DurableTest, AfterAFailedSyncNothingIsAppliedAndReadsGoOn) {
  this->open();
  this->post("alice 1");
  this->calls_.set_hook([](const FaultFileSystem::Call& call) {
    return call.operation == FileOperation::sync_data || call.operation == FileOperation::write
               ? std::optional<FaultFileSystem::Fault>({Status(Code::io_error, "made to fail"), 0})
               : std::nullopt;
  });
  const auto failed = this->bank_->update("alice 1");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), Code::outcome_unknown);
  EXPECT_EQ(this->sum("alice"), 1);
  EXPECT_FALSE(this->bank_->update("alice 1"));
  this->calls_.fail_nothing();
  this->kill_and_open();
  EXPECT_GE(this->sum("alice"), 1);
  EXPECT_LE(this->sum("alice"), 2);
}

TYPED_TEST(DurableTest, AnUpdateThatIsWaitedForNoLongerIsAppliedAllTheSame) {
  this->open();
  const auto late = this->bank_->update("alice 1", Durability::synced,
                                        std::chrono::steady_clock::now() - std::chrono::hours(1));
  if (!late) {
    EXPECT_EQ(late.error().code(), Code::timed_out);
  }
  this->post("alice 1");
  EXPECT_EQ(this->sum("alice"), 2);
  EXPECT_EQ(this->bank_->applied(), Lsn(2));
}

TYPED_TEST(DurableTest, TheLastUpdateIsAppliedThoughItsCallerLeft) {
  this->open();
  (void)this->bank_->update("alice 1", Durability::synced,
                            std::chrono::steady_clock::now() - std::chrono::hours(1));
  while (this->bank_->applied() < Lsn(1)) std::this_thread::yield();
  EXPECT_EQ(this->sum("alice"), 1);
  EXPECT_TRUE(this->bank_->close().ok());
}

TYPED_TEST(DurableTest, ABufferedUpdateIsAppliedAtOnce) {
  this->open();
  this->post("alice 1", Durability::buffered);
  EXPECT_EQ(this->sum("alice"), 1);
}

TYPED_TEST(DurableTest, MakesSnapshotsByItself) {
  this->options_.checkpoints.automatic = true;
  this->options_.checkpoints.log_bytes_max = 1000;
  this->open();
  this->post_many(1000);
  while (this->bank_->stats().checkpoints == 0) {
    this->post("more 1");
    std::this_thread::yield();
  }
  EXPECT_NE(this->bank_->stats().snapshot, Lsn());
  EXPECT_TRUE(this->bank_->stats().last_checkpoint_status.ok());
  EXPECT_TRUE(this->bank_->close().ok());
}

TYPED_TEST(DurableTest, AFailedCheckpointLeavesAllAsItWas) {
  this->open();
  this->post_many(100);
  this->calls_.set_hook([](const FaultFileSystem::Call& call) {
    return call.operation == FileOperation::rename
               ? std::optional<FaultFileSystem::Fault>({Status(Code::io_error, "made to fail"), 0})
               : std::nullopt;
  });
  EXPECT_FALSE(this->bank_->checkpoint());
  EXPECT_EQ(this->bank_->stats().checkpoints_failed, 1u);
  this->calls_.fail_nothing();
  this->post("alice 1");
  ASSERT_TRUE(this->bank_->checkpoint());
  this->kill_and_open();
  EXPECT_EQ(this->sum("many"), 100);
  EXPECT_EQ(this->bank_->recovered().snapshot, Lsn(101));
}

TYPED_TEST(DurableTest, ALogIsNotTakenForAState) {
  this->open();
  this->post("alice 1");
  this->kill();
  const auto opened = Durable<TypeParam>::open(kDir / "log", this->options_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), Code::invalid_argument);
}

TYPED_TEST(DurableTest, ALogThatIsLostIsNotMadeAnew) {
  this->open();
  this->post_many(10);
  ASSERT_TRUE(this->bank_->checkpoint());
  this->kill();
  const auto remove_all = [&](const char* name) {
    auto dir = this->disk_.open_directory(kDir / name, false);
    ASSERT_TRUE(dir);
    const auto entries = (*dir)->list();
    ASSERT_TRUE(entries);
    for (const FileEntry& entry : *entries) {
      if (entry.kind != FileKind::regular) continue;
      EXPECT_TRUE((*dir)->remove(entry.name).ok());
    }
  };
  remove_all("log");
  const Status refused = this->open_error();
  EXPECT_EQ(refused.code(), Code::corrupt);
  EXPECT_NE(refused.message().find("LSN 10"), std::string::npos) << refused.message();
  EXPECT_EQ(this->open_error().code(), Code::corrupt) << "nothing was made";
  remove_all("snapshots");
  EXPECT_TRUE(this->open_error().ok()) << "as a crash leaves it that comes before the first record";
}

TYPED_TEST(DurableTest, IsReadBesideTheOneThatWrites) {
  this->open();
  this->post("alice 1");
  DurableOptions reading = this->options_;
  reading.log.recovery = RecoveryPolicy::read_only;
  auto reader = Durable<TypeParam>::open(kDir, reading);
  ASSERT_TRUE(reader) << reader.error().message();
  EXPECT_EQ(reader->read([](const TypeParam& state) { return state.sum("alice"); }), 1);
  EXPECT_FALSE(reader->update("alice 1"));
  EXPECT_FALSE(reader->checkpoint());
  this->post("alice 1");
}

TYPED_TEST(DurableTest, NothingIsMadeWhereNothingWasToBe) {
  this->options_.log.create_if_missing = false;
  EXPECT_EQ(this->open_error().code(), Code::not_found);
  EXPECT_TRUE(this->disk_.list_files().empty());
}

TYPED_TEST(DurableTest, OneThatIsClosedIsInNobodysWay) {
  this->open();
  this->post("alice 1");
  ASSERT_TRUE(this->bank_->close().ok());
  EXPECT_EQ(this->sum("alice"), 1);
  EXPECT_TRUE(this->open_error().ok());
}

TYPED_TEST(DurableTest, OneThatIsClosedMakesNoSnapshot) {
  this->open();
  this->post("alice 1");
  ASSERT_TRUE(this->bank_->close().ok());
  const auto made = this->bank_->checkpoint();
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), Code::cancelled);
  EXPECT_TRUE(this->bank_->snapshots().list()->empty());
}

TYPED_TEST(DurableTest, ACheckpointThatCannotTrimIsMadeAndCountsOnce) {
  this->options_.snapshots.keep = 1;
  this->open();
  this->post_many(10'000);
  this->calls_.set_hook([](const FaultFileSystem::Call& call) {
    return call.operation == FileOperation::remove
               ? std::optional<FaultFileSystem::Fault>({Status(Code::io_error, "made to fail"), 0})
               : std::nullopt;
  });
  EXPECT_FALSE(this->bank_->checkpoint());
  this->calls_.fail_nothing();
  const DurableStats stats = this->bank_->stats();
  EXPECT_EQ(stats.checkpoints + stats.checkpoints_failed, 1u);
  EXPECT_FALSE(stats.last_checkpoint_status.ok());
}

// A state that finds no memory for its image.
class Starving final : public PlainLedger {
 public:
  std::unique_ptr<Image> freeze() const override { throw std::bad_alloc(); }
};

TEST(DurableMemoryTest, AnImageThatFindsNoMemoryKeepsNobodyWaiting) {
  MemoryFileSystem disk;
  DurableOptions options;
  options.log.file_system = &disk;
  options.checkpoints.automatic = false;
  auto bank = Durable<Starving>::open(kDir, options);
  ASSERT_TRUE(bank) << bank.error().message();
  ASSERT_TRUE(bank->update("alice 1"));
  const auto made = bank->checkpoint();
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), Code::no_space);
  EXPECT_TRUE(bank->update("alice 1"));
}

TYPED_TEST(DurableTest, ASecondOneIsBusy) {
  this->open();
  EXPECT_EQ(this->open_error().code(), Code::busy);
}

}  // namespace
}  // namespace forelog
