// Readers, most of them in another process, while a writer takes away what they look at, at the
// worst moments: each is brought about by a hook on the reader's own calls.
#include <gtest/gtest.h>

#include "log/test_disk.h"

namespace forelog::testing {
namespace {

class ReaderRaceTest : public TestDisk {
 protected:
  ReaderRaceTest() {
    reader_options_ = test_options(reader_calls_);
    reader_options_.recovery = RecoveryPolicy::read_only;
  }

  // Before the reader opens that file for the nth time, everything before the last segment goes.
  void trim_before_open_of(const std::string& file, int nth = 1) {
    reader_calls_.set_hook(
        [this, file,
         nth](const FaultFileSystem::Call& call) mutable -> std::optional<FaultFileSystem::Fault> {
          if (call.operation == FileOperation::open && call.name == file && --nth == 0) {
            EXPECT_TRUE(log_->keep_from(log_->watermarks().appended).ok());
          }
          return std::nullopt;
        });
  }

  // Before the writer's process opens that file the next time.
  void before_own_open_of(const std::string& file, std::function<void()> act) {
    faults_.set_hook([this, file, act = std::move(act)](const FaultFileSystem::Call& call)
                         -> std::optional<FaultFileSystem::Fault> {
      if (call.operation != FileOperation::open || call.name != file) return std::nullopt;
      const auto now = act;
      faults_.fail_nothing();
      now();
      return std::nullopt;
    });
  }

  FaultFileSystem reader_calls_{disk_};
  Options reader_options_;
};

// A writer does not mark each write for other processes.
TEST_F(ReaderRaceTest, WhatIsWrittenIsReadAtOnceWhetherItIsMarkedOrNot) {
  open();
  commit(1);
  const auto reader = Log::open(kLogDir, reader_options_);
  ASSERT_TRUE(reader) << reader.error().message();
  for (std::uint64_t lsn = 2; lsn < 300; ++lsn) {
    write(1, 10 + lsn * 37 % 900);  // In several segments.
    Cursor cursor = reader->read({.from = Lsn(lsn), .at_least = Durability::written});
    const auto entry = cursor.next();
    ASSERT_TRUE(entry) << entry.error().message();
    ASSERT_TRUE(*entry) << "LSN " << lsn;
    ASSERT_EQ((*entry)->payload.text(), expected_[lsn]);
    ASSERT_EQ(reader->watermarks().written, Lsn(lsn));
    ASSERT_LT(reader->watermarks().synced, Lsn(lsn));
    ASSERT_FALSE(*cursor.next());
  }
  commit(1);
  EXPECT_EQ(reader->watermarks().synced, Lsn(300));
  expect_records(1, 300, read_from(*reader));
}

// What keep_through dropped lies behind the mark as well.
TEST_F(ReaderRaceTest, WhatWasDroppedIsNotFoundBehindTheMark) {
  open();
  commit(1);
  write(20);
  const auto reader = Log::open(kLogDir, reader_options_);
  ASSERT_TRUE(reader) << reader.error().message();
  ASSERT_EQ(reader->watermarks().written, Lsn(21));
  ASSERT_TRUE(log_->keep_through(Lsn(10)).ok());
  EXPECT_EQ(reader->watermarks().written, Lsn(10));
  expected_.erase(expected_.upper_bound(10), expected_.end());
  expect_records(1, 10, read_from(*reader, {.at_least = Durability::written}));
  write(1);
  expect_records(1, 11, read_from(*reader, {.at_least = Durability::written}));
}

TEST_F(ReaderRaceTest, ASegmentIsTrimmedBetweenBeingListedAndBeingOpened) {
  fill_three_segments();
  trim_before_open_of(damage_.segment(1));
  const auto reader = Log::open(kLogDir, reader_options_);
  ASSERT_TRUE(reader) << reader.error().message();
  EXPECT_EQ(reader->recovery().verdict, Verdict::clean) << reader->recovery().to_string();
  EXPECT_EQ(reader->first_lsn(), log_->first_lsn());
}

TEST_F(ReaderRaceTest, ASegmentIsTrimmedBetweenBeingFoundAndBeingRead) {
  fill_three_segments();
  const auto reader = Log::open(kLogDir, reader_options_);
  ASSERT_TRUE(reader) << reader.error().message();
  trim_before_open_of(damage_.segment(1));
  Cursor cursor = reader->read();
  const auto entry = cursor.next();
  ASSERT_FALSE(entry);
  EXPECT_EQ(entry.error().code(), Code::trimmed) << entry.error().message();
}

// In the writer's own process it is the same.
TEST_F(ReaderRaceTest, ASegmentIsTruncatedAwayBetweenBeingFoundAndBeingOpened) {
  fill_three_segments();
  const Lsn first = damage_.header(2).first_lsn;
  before_own_open_of(damage_.segment(2), [&] { EXPECT_TRUE(log_->keep_through(Lsn(2)).ok()); });
  Cursor cursor = log_->read({.from = first});
  const auto entry = cursor.next();
  ASSERT_TRUE(entry) << entry.error().message();
  EXPECT_FALSE(*entry);
  EXPECT_EQ(cursor.next().error().code(), Code::not_found);
}

TEST_F(ReaderRaceTest, ASegmentIsTrimmedWhileATimeIsLookedForInIt) {
  fill_three_segments();
  before_own_open_of(damage_.segment(1),
                     [&] { EXPECT_TRUE(log_->keep_from(log_->watermarks().appended).ok()); });
  const auto found = log_->find(Timestamp());
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(*found, log_->first_lsn());
  EXPECT_GT(*found, Lsn(1));
}

// The first record of the watermark file is torn, and stays so: its writer is dead.
TEST_F(ReaderRaceTest, ATornMarkIsNotLookedAtWithoutEnd) {
  open();
  commit(3);
  end_process();
  damage_.change("WATERMARK", [](std::vector<std::byte>& file) { file.at(0) ^= std::byte{1}; });
  const auto reader = Log::open(kLogDir, reader_options_);
  ASSERT_TRUE(reader) << reader.error().message();
  int waits = 0;
  std::stop_source stop;
  Cursor tail = reader->tail({.from = Lsn(4), .stop = stop.get_token()});
  // Each time round asks whether a writer lives, which reads the file once or a few times; between
  // two of them it sleeps for tens of milliseconds, or not at all.
  reader_calls_.set_hook(
      [&](const FaultFileSystem::Call& call) -> std::optional<FaultFileSystem::Fault> {
        if (call.operation == FileOperation::read && call.name == "WATERMARK") {
          if (++waits == 200) stop.request_stop();
        }
        return std::nullopt;
      });
  const auto started = std::chrono::steady_clock::now();
  ASSERT_TRUE(tail.next());
  // 200 looks, at most 25 a round: eight rounds of 50 ms at the very least.
  EXPECT_GE(std::chrono::steady_clock::now() - started, std::chrono::milliseconds(100));
}

}  // namespace
}  // namespace forelog::testing
