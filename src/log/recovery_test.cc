// Every case of the decision table in docs/recovery.md; each test names the case it stands for.
#include <gtest/gtest.h>

#include "base/checksum.h"
#include "base/endian.h"
#include "format/holes.h"
#include "log/test_disk.h"

namespace forelog::testing {
namespace {

class RecoveryTest : public TestDisk {
 protected:
  // Five records that were waited for, and a sixth, which nobody waited for, with a byte flipped.
  FrameAt tear_the_sixth() {
    open();
    commit(5);
    write(1, 1000);
    end_process();
    const FrameAt last = damage_.frames(1).back();
    damage_.flip(damage_.segment(1), last.offset + 500);
    return last;
  }

  std::string last_segment() const { return damage_.files(".segment").back(); }
};

// ── The end of the log ───────────────────────────────────────────────────────

TEST_F(RecoveryTest, R1_NothingThereMakesANewLog) {
  open();
  EXPECT_TRUE(report_.created);
  EXPECT_EQ(report_.verdict, Verdict::clean);
  EXPECT_EQ(report_.first_lsn, Lsn(1));
  EXPECT_EQ(report_.last_lsn, Lsn(0));
}

TEST_F(RecoveryTest, R1_NothingThereIsNotFoundWhenNoneIsToBeMade) {
  options_.create_if_missing = false;
  EXPECT_EQ(try_open().error().code(), Code::not_found);
  EXPECT_TRUE(disk_.list_files().empty());
  EXPECT_EQ(try_open(RecoveryPolicy::read_only).error().code(), Code::not_found);
}

TEST_F(RecoveryTest, R2_OnlyZerosFollowTheLastFrame) {
  open();
  commit(10);
  open();
  EXPECT_EQ(report_.verdict, Verdict::clean);
  EXPECT_FALSE(report_.created);
  EXPECT_FALSE(report_.closed_cleanly);
  EXPECT_EQ(report_.last_lsn, Lsn(10));
  EXPECT_EQ(report_.proven_synced, Lsn(10));
  EXPECT_TRUE(report_.quarantined.empty());
  commit(1);
  EXPECT_EQ(damage_.files(".segment").size(), 1u);  // It goes on where it was.
  expect_records(1, 11);
}

TEST_F(RecoveryTest, R2_NothingFollowsTheLastFrame) {
  open();
  commit(10);
  end_process();
  damage_.shorten(damage_.segment(1), damage_.frames(1).back().end());
  open();
  EXPECT_EQ(report_.verdict, Verdict::clean);
  commit(3);
  open();
  expect_records(1, 13);
}

TEST_F(RecoveryTest, R2_UnsyncedRecordsThatReachedTheDiskAreKept) {
  open();
  commit(3);
  write(4);
  open();
  EXPECT_EQ(report_.last_lsn, Lsn(7));
  expect_records(1, 7);
  cut_power();  // Recovery made durable what it kept.
  open();
  expect_records(1, 7);
}

TEST_F(RecoveryTest, R3_ACloseMarkSaysThatNothingIsMissing) {
  open();
  commit(5);
  close();
  open();
  EXPECT_TRUE(report_.closed_cleanly);
  EXPECT_EQ(report_.verdict, Verdict::clean);
  EXPECT_EQ(report_.last_lsn, Lsn(5));
  commit(1);
  open();
  EXPECT_FALSE(report_.closed_cleanly);
  expect_records(1, 6);
}

TEST_F(RecoveryTest, R4_ATornTailIsCutAndCopied) {
  const FrameAt last = tear_the_sixth();
  const auto torn = damage_.bytes(damage_.segment(1));
  open();
  EXPECT_EQ(report_.verdict, Verdict::torn_tail);
  EXPECT_EQ(report_.last_lsn, Lsn(5));
  EXPECT_EQ(report_.torn_file, damage_.segment(1));
  EXPECT_EQ(report_.torn_offset, last.offset);
  EXPECT_LE(last.offset + report_.torn_bytes, last.end());
  EXPECT_GT(last.offset + report_.torn_bytes, last.end() - 8);
  ASSERT_EQ(report_.quarantined.size(), 1u);
  const auto copy = damage_.bytes(report_.quarantined[0]);
  ASSERT_EQ(copy.size(), report_.torn_bytes);
  EXPECT_TRUE(std::equal(copy.begin(), copy.end(),
                         torn.begin() + static_cast<std::ptrdiff_t>(last.offset)));
  expected_.erase(6);
  commit(2);
  expect_records(1, 7);
  open();
  EXPECT_EQ(report_.verdict, Verdict::clean);  // Once cut, it is told once.
  expect_records(1, 7);
}

TEST_F(RecoveryTest, R4_TheCopyOfATornTailIsDurableBeforeTheTailIsCut) {
  const FrameAt last = tear_the_sixth();
  const auto torn = damage_.bytes(damage_.segment(1));
  open();
  ASSERT_EQ(report_.quarantined.size(), 1u);
  cut_power();
  ASSERT_TRUE(damage_.has(report_.quarantined[0]));
  const auto copy = damage_.bytes(report_.quarantined[0]);
  ASSERT_EQ(copy.size(), report_.torn_bytes);
  EXPECT_TRUE(std::equal(copy.begin(), copy.end(),
                         torn.begin() + static_cast<std::ptrdiff_t>(last.offset)));
}

TEST_F(RecoveryTest, R4_AHeaderOfATornFrameWithoutItsBody) {
  open();
  commit(5);
  write(1, 1000);
  end_process();
  const FrameAt last = damage_.frames(1).back();
  damage_.zero(damage_.segment(1), last.offset + 56, last.end());
  open();
  EXPECT_EQ(report_.verdict, Verdict::torn_tail);
  EXPECT_EQ(report_.last_lsn, Lsn(5));
}

TEST_F(RecoveryTest, R4_ATornFrameWithoutItsHeader) {
  open();
  commit(5);
  write(1, 1000);
  end_process();
  const FrameAt last = damage_.frames(1).back();
  damage_.zero(damage_.segment(1), last.offset, last.offset + 512);
  open();
  EXPECT_EQ(report_.verdict, Verdict::torn_tail);
  EXPECT_EQ(report_.last_lsn, Lsn(5));
}

TEST_F(RecoveryTest, R4_GarbageBehindTheEnd) {
  open();
  commit(5);
  end_process();
  damage_.change(damage_.segment(1), [](auto& file) { file[50000] = std::byte{1}; });
  open();
  EXPECT_EQ(report_.verdict, Verdict::torn_tail);
  EXPECT_EQ(report_.last_lsn, Lsn(5));
  expect_records(1, 5);
}

TEST_F(RecoveryTest, R5_UnacknowledgedFramesBehindATornOneGoToo) {
  open();
  commit(5);
  write(4, 300);
  end_process();
  const std::vector<FrameAt> frames = damage_.frames(1);
  ASSERT_EQ(frames.size(), 9u);
  damage_.zero(damage_.segment(1), frames[6].offset, frames[6].end());  // LSN 7.
  open();
  EXPECT_EQ(report_.verdict, Verdict::torn_tail);
  EXPECT_EQ(report_.last_lsn, Lsn(6));
  EXPECT_GE(report_.torn_offset + report_.torn_bytes, frames[8].end() - 8);
  expected_.erase(expected_.find(7), expected_.end());
  // The LSNs are given out again, and the old records never come back.
  commit(1, 40);
  open();
  expect_records(1, 7);
}

TEST_F(RecoveryTest, R6_ASealWithoutASuccessor) {
  fill_three_segments();
  end_process();
  const std::uint64_t last_of_second = damage_.header(3).first_lsn.value - 1;
  damage_.remove(damage_.segment(3));  // As if the rotation had been cut short behind the seal.
  format::WatermarkRecord mark = *damage_.mark(0);
  mark.segment = 2;
  mark.salt = damage_.header(2).salt;
  mark.synced = mark.written = Lsn(last_of_second);
  for (std::uint64_t block = 0; block < 3; ++block) damage_.put_mark(block, mark);
  expected_.erase(expected_.upper_bound(last_of_second), expected_.end());
  open();
  EXPECT_EQ(report_.verdict, Verdict::clean);
  EXPECT_EQ(report_.last_lsn, Lsn(last_of_second));
  commit(3);
  open();
  EXPECT_EQ(report_.verdict, Verdict::clean);
  expect_records(1, last_of_second + 3);
}

TEST_F(RecoveryTest, R6_AnUnsyncedSealDoesNotProveTheFramesBeforeIt) {
  // The seal and what precedes it are one write to the disk, which may reorder it.
  open();
  commit(2, 5000);
  write(9, 5000);
  end_process();
  damage_.drop_marks();
  const std::vector<FrameAt> frames = damage_.frames(1);
  format::FrameHeader seal;
  seal.first_lsn = Lsn(12);
  seal.synced = Lsn(2);
  seal.time = frames.back().header.time;
  seal.kind = format::FrameKind::seal;
  damage_.put_frame(1, frames.back().end(), seal);
  damage_.flip(damage_.segment(1), frames[5].offset + 100);
  open();
  EXPECT_EQ(report_.verdict, Verdict::torn_tail);
  EXPECT_EQ(report_.last_lsn, Lsn(5));
}

// ── Rot in the last segment ──────────────────────────────────────────────────

TEST_F(RecoveryTest, R7_ALaterFrameProvesThatDamagedRecordsHadBeenSynced) {
  open();
  commit(10);
  end_process();
  damage_.drop_marks();
  const std::vector<FrameAt> frames = damage_.frames(1);
  damage_.flip(damage_.segment(1), frames[3].offset + 70);
  expect_refusal(damage_.segment(1), Lsn(4), Lsn(4));
  EXPECT_EQ(damage_found_.offset, frames[3].offset);
  EXPECT_EQ(damage_found_.bytes, frames[3].end() - frames[3].offset);
}

TEST_F(RecoveryTest, R7_ZeroedFramesBeforeAProvingOne) {
  open();
  commit(10);
  end_process();
  damage_.drop_marks();
  const std::vector<FrameAt> frames = damage_.frames(1);
  damage_.zero(damage_.segment(1), frames[3].offset, frames[6].end());
  expect_refusal(damage_.segment(1), Lsn(4), Lsn(7));
}

TEST_F(RecoveryTest, R7_ADamagedFrameWithoutRecordsBeforeProvenOnes) {
  open();
  commit(3);
  close();
  open();
  commit(3);
  close();
  const FrameAt mark = damage_.frames(1)[3];
  ASSERT_EQ(mark.header.kind, format::FrameKind::close);
  damage_.flip(damage_.segment(1), mark.offset + 40);
  expect_refusal(damage_.segment(1));
  EXPECT_EQ(damage_found_.offset, mark.offset);
  EXPECT_EQ(damage_found_.first_lsn, Lsn());
  open(RecoveryPolicy::salvage);
  const Reading reading = read_from(*log_, {.skip_holes = true});
  EXPECT_TRUE(reading.end.ok()) << reading.end.message();
  EXPECT_EQ(reading.records, expected_);
}

TEST_F(RecoveryTest, R7_EachDamagedStretchIsReported) {
  open();
  commit(20);
  end_process();
  const std::vector<FrameAt> frames = damage_.frames(1);
  damage_.flip(damage_.segment(1), frames[3].offset);
  damage_.flip(damage_.segment(1), frames[9].end() - 9);
  const auto info = inspect(kLogDir, {.file_system = &disk_});
  ASSERT_TRUE(info);
  ASSERT_EQ(info->recovery.damage.size(), 2u) << info->recovery.to_string();
  EXPECT_EQ(info->recovery.damage[0].first_lsn, Lsn(4));
  EXPECT_EQ(info->recovery.damage[0].last_lsn, Lsn(4));
  EXPECT_EQ(info->recovery.damage[1].first_lsn, Lsn(10));
  EXPECT_EQ(info->recovery.damage[1].last_lsn, Lsn(10));
}

TEST_F(RecoveryTest, R8_TheWatermarkFileProvesTheLastGroup) {
  open();
  commit(10);
  end_process();
  damage_.flip(damage_.segment(1), damage_.frames(1).back().offset + 60);
  expect_refusal(damage_.segment(1), Lsn(10), Lsn(10));
}

TEST_F(RecoveryTest, R8_TheWatermarkFileProvesRecordsThatBecameZeros) {
  open();
  commit(10);
  end_process();
  const std::vector<FrameAt> frames = damage_.frames(1);
  damage_.zero(damage_.segment(1), frames[7].offset, frames[9].end());
  expect_refusal(damage_.segment(1), Lsn(8), Lsn(10));
}

TEST_F(RecoveryTest, R8_TheWatermarkFileProvesRecordsThatWereCutOff) {
  open();
  commit(10);
  end_process();
  damage_.shorten(damage_.segment(1), damage_.frames(1)[7].offset);
  expect_refusal(damage_.segment(1), Lsn(8), Lsn(10));
}

TEST_F(RecoveryTest, R9_ACloseMarkProvesAllBeforeIt) {
  open();
  commit(10);
  close();
  damage_.drop_marks();
  damage_.flip(damage_.segment(1), damage_.frames(1)[9].offset + 60);  // The last record.
  expect_refusal(damage_.segment(1), Lsn(10), Lsn(10));
}

TEST_F(RecoveryTest, R9_ASealProvesWhatWasSyncedBeforeIt) {
  open();
  commit(11, 5000);
  end_process();
  const std::vector<FrameAt> frames = damage_.frames(1);
  format::FrameHeader seal;
  seal.first_lsn = Lsn(12);
  seal.synced = Lsn(11);
  seal.time = frames.back().header.time;
  seal.kind = format::FrameKind::seal;
  damage_.put_frame(1, frames.back().end(), seal);
  damage_.drop_marks();
  damage_.flip(damage_.segment(1), frames.back().offset + 60);
  expect_refusal(damage_.segment(1), Lsn(11), Lsn(11));
}

// ── Rot before the last segment ──────────────────────────────────────────────

TEST_F(RecoveryTest, R10_DamageInsideAnEndedSegmentIsFoundByReadingAndByVerify) {
  fill_three_segments();
  end_process();
  const std::vector<FrameAt> frames = damage_.frames(1);
  damage_.flip(damage_.segment(1), frames[2].offset + 1000);
  open();  // Open does not read ended segments: its time does not grow with the log.
  const Reading reading = read_from(*log_);
  EXPECT_EQ(reading.end.code(), Code::corrupt);
  EXPECT_NE(reading.end.message().find(damage_.segment(1)), std::string_view::npos);
  EXPECT_NE(reading.end.message().find(std::to_string(frames[2].offset)), std::string_view::npos);
  EXPECT_EQ(reading.records.size(), 2u);
  const Reading rest = read_from(*log_, {.skip_holes = true});
  EXPECT_TRUE(rest.end.ok());
  EXPECT_EQ(rest.records.size(), expected_.size() - 1);
  ASSERT_EQ(rest.holes.size(), 1u);
  EXPECT_EQ(rest.holes[0].first_lsn, Lsn(3));
  EXPECT_EQ(rest.holes[0].last_lsn, Lsn(3));

  const auto found = verify(kLogDir, {.file_system = &disk_});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->recovery.verdict, Verdict::rot);
  ASSERT_EQ(found->recovery.damage.size(), 1u) << found->recovery.to_string();
  EXPECT_EQ(found->recovery.damage[0].offset, frames[2].offset);
  EXPECT_EQ(found->recovery.damage[0].first_lsn, Lsn(3));
  EXPECT_EQ(found->recovery.damage[0].last_lsn, Lsn(3));
}

TEST_F(RecoveryTest, R11_AMissingMiddleSegment) {
  fill_three_segments();
  end_process();
  const Lsn first = damage_.header(2).first_lsn;
  const Lsn last(damage_.header(3).first_lsn.value - 1);
  damage_.remove(damage_.segment(2));
  expect_refusal(damage_.segment(2), first, last);
}

TEST_F(RecoveryTest, R11_AMissingMiddleSegmentWithoutTheWatermarkFile) {
  fill_three_segments();
  end_process();
  damage_.drop_marks();
  const Lsn first = damage_.header(2).first_lsn;
  const Lsn last(damage_.header(3).first_lsn.value - 1);
  damage_.remove(damage_.segment(2));
  expect_refusal(damage_.segment(2), first, last);
  EXPECT_TRUE(damage_.has(damage_.segment(1)));
}

TEST_F(RecoveryTest, R12_AMissingFirstSegment) {
  fill_three_segments();
  end_process();
  const Lsn last(damage_.header(2).first_lsn.value - 1);
  damage_.remove(damage_.segment(1));
  expect_refusal(damage_.segment(1), Lsn(1), last);
}

TEST_F(RecoveryTest, R12_WithoutTheWatermarkFileAMissingFirstSegmentLooksTrimmed) {
  fill_three_segments();
  end_process();
  damage_.drop_marks();
  const Lsn first = damage_.header(2).first_lsn;
  damage_.remove(damage_.segment(1));
  open();
  EXPECT_EQ(report_.first_lsn, first);
  ASSERT_FALSE(report_.notes.empty());
  EXPECT_NE(report_.notes[0].find("WATERMARK is missing"), std::string::npos);
}

TEST_F(RecoveryTest, R13_AMissingLastSegment) {
  fill_three_segments();
  end_process();
  const Lsn first = damage_.header(3).first_lsn;
  damage_.remove(damage_.segment(3));
  expect_refusal(damage_.segment(3), first, Lsn(expected_.rbegin()->first));
}

TEST_F(RecoveryTest, R13_AllSegmentsMissing) {
  open();
  commit(5);
  end_process();
  damage_.remove(damage_.segment(1));
  expect_refusal(damage_.segment(1), Lsn(1), Lsn(5));
}

TEST_F(RecoveryTest, R14_AShortenedSegment) {
  fill_three_segments();
  end_process();
  const std::uint64_t end = damage_.header(2).predecessor.offset;
  damage_.shorten(damage_.segment(1), end - 1);
  expect_refusal(damage_.segment(1));
  EXPECT_EQ(damage_found_.last_lsn, Lsn(damage_.header(2).first_lsn.value - 1));
}

TEST_F(RecoveryTest, R14_ASegmentThatOnlyLostItsSeal) {
  fill_three_segments();
  end_process();
  damage_.shorten(damage_.segment(1), damage_.header(2).predecessor.offset);
  open();  // No record is lost; readers scan instead.
  EXPECT_FALSE(report_.notes.empty());
  expect_records(1, expected_.rbegin()->first);
  EXPECT_EQ(verify(kLogDir, {.file_system = &disk_})->recovery.verdict, Verdict::rot);
}

TEST_F(RecoveryTest, R15_SwappedSegments) {
  fill_three_segments();
  end_process();
  const auto first = damage_.bytes(damage_.segment(1));
  damage_.put(damage_.segment(1), damage_.bytes(damage_.segment(2)));
  damage_.put(damage_.segment(2), first);
  expect_refusal(damage_.segment(2));
  EXPECT_NE(damage_found_.what.find("holds segment 1"), std::string::npos);
}

TEST_F(RecoveryTest, R15_ASegmentUnderTheNameOfTheNextOne) {
  fill_three_segments();
  end_process();
  damage_.put(damage_.segment(4), damage_.bytes(damage_.segment(3)));
  expect_refusal(damage_.segment(4));
}

TEST_F(RecoveryTest, R16_ASegmentOfAnotherLog) {
  fill_three_segments();
  end_process();
  const auto other = [&](std::uint64_t number) {
    format::SegmentHeader header = damage_.header(number);
    header.log_id.bytes[0] ^= std::byte{1};
    damage_.put_header(number, header);
  };
  const auto before = damage_.bytes(damage_.segment(2));
  other(2);
  expect_refusal(damage_.segment(2));
  EXPECT_NE(damage_found_.what.find("another log"), std::string::npos);
  damage_.put(damage_.segment(2), before);
  other(3);
  expect_refusal(damage_.segment(3));
}

TEST_F(RecoveryTest, R17_ASegmentOfAnEarlierLife) {
  fill_three_segments();
  end_process();
  const auto before = damage_.bytes(damage_.segment(2));
  format::SegmentHeader header = damage_.header(2);
  ++header.salt;
  damage_.put_header(2, header);
  expect_refusal(damage_.segment(2));
  EXPECT_NE(damage_found_.what.find("earlier life"), std::string::npos);
  damage_.put(damage_.segment(2), before);

  header = damage_.header(3);
  ++header.salt;
  damage_.put_header(3, header);
  expect_refusal(damage_.segment(3));  // The last one: the watermark file tells.
}

TEST_F(RecoveryTest, R18_ADamagedHeader) {
  fill_three_segments();
  end_process();
  for (std::uint64_t number = 1; number <= 3; ++number) {
    damage_.flip(damage_.segment(number), 3000);
    expect_refusal(damage_.segment(number));
    damage_.flip(damage_.segment(number), 3000);
  }
  open();
  expect_records(1, expected_.rbegin()->first);
}

TEST_F(RecoveryTest, R18_AnEmptyOrHalfSegmentFile) {
  fill_three_segments();
  end_process();
  const auto before = damage_.bytes(damage_.segment(3));
  for (const std::uint64_t size : {0u, 1u, 4095u}) {
    damage_.shorten(damage_.segment(3), size);
    expect_refusal(damage_.segment(3));
    damage_.put(damage_.segment(3), before);
  }
  damage_.put(damage_.segment(4), {});  // One too many.
  expect_refusal(damage_.segment(4));
}

// ── What is no longer part of the log ────────────────────────────────────────

TEST_F(RecoveryTest, R19_SegmentsThatATruncationLeftBehindAreRemoved) {
  fill_three_segments();
  const auto second = damage_.bytes(damage_.segment(2));
  const auto third = damage_.bytes(damage_.segment(3));
  ASSERT_TRUE(log_->keep_through(Lsn(4)).ok());
  expected_.erase(expected_.upper_bound(4), expected_.end());
  commit(1);
  end_process();
  damage_.put(damage_.segment(2), second);  // As if the crash had come before they were removed.
  damage_.put(damage_.segment(3), third);
  open();
  EXPECT_EQ(report_.verdict, Verdict::clean);
  EXPECT_FALSE(damage_.has(damage_.segment(2)));
  EXPECT_FALSE(damage_.has(damage_.segment(3)));
  expect_records(1, 5);
}

TEST_F(RecoveryTest, R19_ADamagedSegmentThatATruncationLeftBehind) {
  fill_three_segments();
  auto third = damage_.bytes(damage_.segment(3));
  ASSERT_TRUE(log_->keep_through(Lsn(4)).ok());
  end_process();
  std::fill(third.begin(), third.end(), std::byte{0});  // A recycled file whose rename was lost.
  damage_.put(damage_.segment(3), third);
  open();
  EXPECT_EQ(report_.verdict, Verdict::clean);
  EXPECT_FALSE(damage_.has(damage_.segment(3)));
  expect_records(1, 4);
}

TEST_F(RecoveryTest, R19_SegmentsThatATrimLeftBehindAreRemoved) {
  fill_three_segments();
  const auto first = damage_.bytes(damage_.segment(1));
  auto second = damage_.bytes(damage_.segment(2));
  const Lsn kept = damage_.header(3).first_lsn;
  ASSERT_TRUE(log_->keep_from(kept).ok());
  ASSERT_FALSE(damage_.has(damage_.segment(2)));
  end_process();
  damage_.put(damage_.segment(1), first);
  std::fill(second.begin(), second.end(), std::byte{0});
  damage_.put(damage_.segment(2), second);
  open();
  EXPECT_EQ(report_.verdict, Verdict::clean);
  EXPECT_EQ(report_.first_lsn, kept);
  EXPECT_EQ(damage_.files(".segment").size(), 1u);
  expect_records(kept.value, expected_.rbegin()->first);
}

TEST_F(RecoveryTest, R20_TemporaryFilesAreRemovedAndOthersLeftAlone) {
  open();
  commit(3);
  end_process();
  damage_.put("spare-7.tmp", std::vector<std::byte>(100));
  damage_.put("first-2.tmp", {});
  for (const char* name :
       {"README", "1.segment", "000000000000000A.segment", "0000000000000000.segment", ".hidden",
        "backup/0000000000000001.segment"}) {
    damage_.put(name, std::vector<std::byte>(10));
  }
  open();
  EXPECT_EQ(report_.verdict, Verdict::clean);
  EXPECT_TRUE(damage_.files(".tmp").empty());
  EXPECT_TRUE(damage_.has("README"));
  EXPECT_TRUE(damage_.has("1.segment"));
  EXPECT_TRUE(damage_.has("backup/0000000000000001.segment"));
  expect_records(1, 3);
}

TEST_F(RecoveryTest, R21_BytesBehindAnEndThatASuccessorNamesAreDead) {
  open();
  commit(5);
  write(3);
  end_process();
  const auto torn = damage_.bytes(damage_.segment(1));
  damage_.flip(damage_.segment(1), damage_.frames(1)[5].offset);
  open();
  ASSERT_EQ(report_.verdict, Verdict::torn_tail);
  expected_.erase(expected_.upper_bound(5), expected_.end());
  commit(2);
  end_process();
  damage_.put(damage_.segment(1), torn);  // With three whole frames behind its end.
  open();
  EXPECT_EQ(report_.verdict, Verdict::clean);
  expect_records(1, 7);
  EXPECT_EQ(verify(kLogDir, {.file_system = &disk_})->recovery.verdict, Verdict::clean);
}

TEST_F(RecoveryTest, R21_FramesOfAnotherPlaceDoNotCount) {
  // Copies of good frames behind the end: of the same file, and so of another offset.
  open();
  commit(5);
  end_process();
  const std::vector<FrameAt> frames = damage_.frames(1);
  damage_.change(damage_.segment(1), [&](auto& file) {
    std::copy(file.begin() + static_cast<std::ptrdiff_t>(frames[2].offset),
              file.begin() + static_cast<std::ptrdiff_t>(frames[4].end()),
              file.begin() + static_cast<std::ptrdiff_t>(frames[4].end()));
  });
  open();
  EXPECT_EQ(report_.verdict, Verdict::torn_tail);
  EXPECT_EQ(report_.last_lsn, Lsn(5));
}

// ── Witnesses that are damaged themselves ────────────────────────────────────

TEST_F(RecoveryTest, R22_WithoutAWatermarkFileTheSegmentsSpeak) {
  fill_three_segments();
  end_process();
  damage_.drop_marks();
  open();
  EXPECT_EQ(report_.verdict, Verdict::clean);
  expect_records(1, expected_.rbegin()->first);
  EXPECT_TRUE(damage_.has("WATERMARK"));
}

TEST_F(RecoveryTest, R22_ATornWatermarkBlockFallsBackOnAnother) {
  open();
  commit(3);
  end_process();
  for (std::uint64_t block = 0; block < 3; ++block) damage_.flip("WATERMARK", block * 4096 + 40);
  open();
  EXPECT_EQ(report_.verdict, Verdict::clean);
  close();
  damage_.flip("WATERMARK", 40);
  open();
  expect_records(1, 3);
}

TEST_F(RecoveryTest, R22_TheOtherBlocksAreWitnessesToo) {
  open();
  commit(3);
  close();
  const auto frames = damage_.frames(1);
  damage_.zero(damage_.segment(1), frames[2].offset, frames.back().end());
  damage_.flip("WATERMARK", 40);
  expect_refusal(damage_.segment(1), Lsn(3), Lsn(3));
}

TEST_F(RecoveryTest, R22_TheFilesNameIsDurableOnceTheLogIsOpen) {
  open();
  cut_power();
  EXPECT_TRUE(damage_.has("WATERMARK"));
}

TEST_F(RecoveryTest, R22_TheNewestSavedRecordIsNeverTheOneThatIsOverwritten) {
  // A power cut may ruin both blocks that are being written; the third one must be the newest saved.
  for (int life = 0; life < 6; ++life) {
    open();
    if (life % 2 == 0) commit(1);
    close();
    std::uint64_t newest = 0;
    for (const std::uint64_t block : {1u, 2u}) {
      if (const auto mark = damage_.mark(block)) newest = std::max(newest, mark->sequence);
    }
    int staged = 0;
    faults_.set_hook([&](const FaultFileSystem::Call& call) {
      if (call.name == "WATERMARK" && call.operation == FileOperation::write &&
          call.offset >= format::kWatermarkBlockBytes && staged++ == 0) {
        EXPECT_LT(damage_.mark(call.offset / format::kWatermarkBlockBytes)
                      .value_or(format::WatermarkRecord())
                      .sequence,
                  newest);
      }
      return std::optional<FaultFileSystem::Fault>();
    });
    open();
    faults_.fail_nothing();
    EXPECT_EQ(staged, 1);
  }
}

TEST_F(RecoveryTest, R22_NorByLaterSavesOfTheSameLife) {
  open();
  std::uint64_t newest = 0;  // Of what the last sync brought to the disk.
  int staged = 0;
  faults_.set_hook([&](const FaultFileSystem::Call& call) {
    const auto sequence_in = [&](std::uint64_t block) {
      return damage_.mark(block).value_or(format::WatermarkRecord()).sequence;
    };
    if (call.name == "WATERMARK" && call.operation == FileOperation::sync_data) {
      newest = std::max(sequence_in(1), sequence_in(2));
    }
    if (call.name == "WATERMARK" && call.operation == FileOperation::write &&
        call.offset >= format::kWatermarkBlockBytes && staged++ > 0) {
      EXPECT_LT(sequence_in(call.offset / format::kWatermarkBlockBytes), newest) << staged;
    }
    return std::optional<FaultFileSystem::Fault>();
  });
  for (int i = 0; i < 5; ++i) {
    commit(2);
    ASSERT_TRUE(log_->keep_through(log_->first_lsn()).ok());
    expected_.erase(std::next(expected_.begin()), expected_.end());
  }
  faults_.fail_nothing();
  EXPECT_EQ(staged, 5);
}

TEST_F(RecoveryTest, R22_AShortWatermarkFile) {
  open();
  commit(3);
  end_process();
  for (const std::uint64_t size : {0u, 100u, 4096u, 8191u}) {
    damage_.shorten("WATERMARK", size);
    open();
    EXPECT_EQ(report_.verdict, Verdict::clean);
    expect_records(1, 3);
    end_process();
  }
}

TEST_F(RecoveryTest, R23_AWatermarkFileOfAnotherLog) {
  fill_three_segments();
  end_process();
  format::WatermarkRecord mark = *damage_.mark(0);
  mark.log_id.bytes[0] ^= std::byte{1};
  for (std::uint64_t block = 0; block < 3; ++block) damage_.put_mark(block, mark);
  expect_refusal("WATERMARK");
}

TEST_F(RecoveryTest, R24_ADamagedHolesFileIsNotBelieved) {
  open();
  commit(10);
  end_process();
  damage_.flip(damage_.segment(1), damage_.frames(1)[3].offset);
  open(RecoveryPolicy::salvage);
  end_process();
  open();  // Accepted.
  end_process();
  damage_.flip("HOLES", 40);
  expect_refusal(damage_.segment(1), Lsn(4), Lsn(4));
}

TEST_F(RecoveryTest, R24_AHolesFileOfAnotherLogIsNotBelieved) {
  open();
  commit(10);
  end_process();
  damage_.flip(damage_.segment(1), damage_.frames(1)[3].offset);
  format::LogId other = damage_.header(1).log_id;
  other.bytes[5] ^= std::byte{0x80};
  const FrameAt lost = damage_.frames(1).back();
  damage_.put("HOLES",
              format::encode_holes(other, {{1, lost.end(), lost.end() + 1000, Lsn(4), Lsn(5)}}));
  expect_refusal(damage_.segment(1), Lsn(4), Lsn(4));
}

// ── What is neither a torn tail nor rot ──────────────────────────────────────

TEST_F(RecoveryTest, R25_AnErrorOfReadingIsItself) {
  fill_three_segments();
  end_process();
  faults_.reset_counts();
  open();
  const std::uint64_t reads = faults_.count(FileOperation::read);
  ASSERT_GT(reads, 3u);
  const auto before = damage_.everything();
  for (std::uint64_t n = 1; n <= reads; ++n) {
    end_process();
    faults_.reset_counts();
    faults_.fail_nth(FileOperation::read, n, Status(Code::io_error, "bad sector"));
    const auto log = try_open();
    faults_.fail_nothing();
    ASSERT_FALSE(log) << n;
    EXPECT_EQ(log.error().code(), Code::io_error) << n << ": " << log.error().message();
  }
  end_process();
  open();
  EXPECT_EQ(report_.verdict, Verdict::clean);
  expect_records(1, expected_.rbegin()->first);
  // While the log is read, too; and then it is read on.
  faults_.reset_counts();
  faults_.fail_nth(FileOperation::read, 1, Status(Code::io_error, "bad sector"));
  Cursor cursor = log_->read({.from = Lsn(2)});
  EXPECT_EQ(cursor.next().error().code(), Code::io_error);
  const auto entry = cursor.next();
  ASSERT_TRUE(entry && *entry);
  EXPECT_EQ((*entry)->lsn, Lsn(2));
}

TEST_F(RecoveryTest, R26_ANewerVersionOfASegment) {
  fill_three_segments();
  end_process();
  for (std::uint64_t number = 1; number <= 3; ++number) {
    const auto file = damage_.bytes(damage_.segment(number));
    damage_.change(damage_.segment(number), [](auto& bytes) {
      bytes[8] = std::byte{2};
      const std::span<std::byte> header = std::span(bytes).first(format::kSegmentHeaderBytes);
      base::store_le(header.data() + 4088, base::checksum(header.first(4088), 0));
    });
    const auto before = damage_.everything();
    for (const auto policy :
         {RecoveryPolicy::strict, RecoveryPolicy::read_only, RecoveryPolicy::salvage}) {
      EXPECT_EQ(try_open(policy).error().code(), Code::unsupported);
    }
    EXPECT_EQ(verify(kLogDir, {.file_system = &disk_}).error().code(), Code::unsupported);
    EXPECT_TRUE(damage_.everything() == before);
    damage_.put(damage_.segment(number), file);
  }
}

TEST_F(RecoveryTest, R26_AFrameWithARequiredFlagThatIsUnknown) {
  open();
  commit(5);
  end_process();
  FrameAt next;
  next.offset = damage_.frames(1).back().end();
  next.header.first_lsn = Lsn(6);
  next.header.synced = Lsn(5);
  next.header.flags = 0x0001;
  damage_.put_frame(1, next.offset, next.header);
  const auto before = damage_.everything();
  const auto log = try_open();
  EXPECT_EQ(log.error().code(), Code::unsupported);
  EXPECT_NE(log.error().message().find(damage_.segment(1)), std::string_view::npos);
  EXPECT_EQ(try_open(RecoveryPolicy::salvage).error().code(), Code::unsupported);
  EXPECT_TRUE(damage_.everything() == before);
  next.header.flags = 0;
  next.header.kind = static_cast<format::FrameKind>(9);
  damage_.put_frame(1, next.offset, next.header);
  EXPECT_EQ(try_open().error().code(), Code::unsupported);
}

TEST_F(RecoveryTest, R26_AnIgnorableFlagIsIgnored) {
  open();
  commit(5);
  end_process();
  FrameAt next;
  next.offset = damage_.frames(1).back().end();
  next.header.first_lsn = Lsn(6);
  next.header.synced = Lsn(5);
  next.header.kind = format::FrameKind::close;
  next.header.flags = 0x0100;
  damage_.put_frame(1, next.offset, next.header);
  open();
  EXPECT_TRUE(report_.closed_cleanly);
  expect_records(1, 5);
}

TEST_F(RecoveryTest, R27_AnotherWriter) {
  open();
  commit(2);
  EXPECT_EQ(try_open().error().code(), Code::busy);
  EXPECT_EQ(repair(kLogDir, {.file_system = &disk_}).error().code(), Code::busy);
  const auto reader = try_open(RecoveryPolicy::read_only);
  ASSERT_TRUE(reader);
  expect_records(1, 2, read_from(*reader));
}

TEST_F(RecoveryTest, R28_ADirectoryUnderASegmentsName) {
  open();
  commit(2);
  end_process();
  damage_.put(damage_.segment(2) + "/file", {});
  EXPECT_EQ(try_open().error().code(), Code::invalid_argument);
}

}  // namespace
}  // namespace forelog::testing
