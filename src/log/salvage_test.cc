// The policies of docs/recovery.md beside `strict`: read_only, salvage, and repair.
#include <gtest/gtest.h>

#include "log/test_disk.h"

namespace forelog::testing {
namespace {

class SalvageTest : public TestDisk {
 protected:
  // What the tests below all end with: the log goes on, keeps what it kept, and stays that way.
  void expect_it_goes_on(std::uint64_t lost_through) {
    EXPECT_GE(log_->watermarks().appended.value, lost_through);
    commit(3);
    close();
    for (int again = 0; again < 2; ++again) {
      open();
      EXPECT_EQ(report_.verdict, Verdict::clean) << report_.to_string();
      EXPECT_TRUE(report_.quarantined.empty());
      const Reading all = read_from(*log_, {.skip_holes = true});
      EXPECT_TRUE(all.end.ok()) << all.end.message();
      EXPECT_TRUE(all.records == expected_);
      commit(2);
      end_process();
    }
    const auto found = verify(kLogDir, {.file_system = &disk_});
    ASSERT_TRUE(found);
    EXPECT_NE(found->recovery.verdict, Verdict::rot) << found->recovery.to_string();
  }
  void lose(std::uint64_t first, std::uint64_t last) {
    expected_.erase(expected_.lower_bound(first), expected_.upper_bound(last));
  }
  std::vector<Damage> accepted() const {
    std::vector<Damage> all;
    for (const Damage& damage : report_.damage) {
      if (damage.accepted) all.push_back(damage);
    }
    return all;
  }
};

// ── read_only ────────────────────────────────────────────────────────────────

TEST_F(SalvageTest, ReadOnlyChangesNothing) {
  fill_three_segments();
  write(2);
  end_process();
  damage_.put("spare-1.tmp", std::vector<std::byte>(5));
  const auto look = [&](Verdict verdict) {
    const auto names = disk_.list_files();
    const auto before = damage_.everything();
    {
      const auto log = try_open(RecoveryPolicy::read_only);
      ASSERT_TRUE(log) << log.error().message();
      EXPECT_EQ(log->recovery().verdict, verdict);
      (void)read_from(*log);
      (void)read_from(*log, {.at_least = Durability::buffered});
    }
    EXPECT_TRUE(verify(kLogDir, {.file_system = &disk_}));
    EXPECT_TRUE(repair(kLogDir, {.dry_run = true, .file_system = &disk_}));
    EXPECT_TRUE(damage_.everything() == before);
    EXPECT_EQ(disk_.list_files(), names);
  };
  look(Verdict::clean);
  const auto frames = damage_.frames(3);
  damage_.flip(damage_.segment(3), frames.back().offset + 60);
  look(Verdict::torn_tail);
  damage_.flip(damage_.segment(3), frames.front().offset + 60);
  look(Verdict::rot);
}

TEST_F(SalvageTest, ReadOnlyShowsWhatAWriterWouldKeep) {
  open();
  commit(5);
  write(3);
  end_process();
  damage_.flip(damage_.segment(1), damage_.frames(1)[6].offset);  // LSN 7.
  const auto log = try_open(RecoveryPolicy::read_only);
  ASSERT_TRUE(log);
  EXPECT_EQ(log->recovery().verdict, Verdict::torn_tail);
  expect_records(1, 6, read_from(*log));
}

TEST_F(SalvageTest, ReadOnlyShowsThePrefixOfALogWithRotAndThenTheError) {
  open();
  commit(10);
  end_process();
  const FrameAt bad = damage_.frames(1)[6];
  damage_.flip(damage_.segment(1), bad.offset);
  const auto log = try_open(RecoveryPolicy::read_only);
  ASSERT_TRUE(log);
  EXPECT_EQ(log->recovery().verdict, Verdict::rot);
  const Reading reading = read_from(*log);
  EXPECT_EQ(reading.records.size(), 6u);
  EXPECT_EQ(reading.end.code(), Code::corrupt);
  EXPECT_NE(reading.end.message().find(std::to_string(bad.offset)), std::string_view::npos);
}

TEST_F(SalvageTest, ReadOnlyShowsWhatLiesBehindALostSegmentOnRequest) {
  fill_three_segments();
  end_process();
  const std::uint64_t first = damage_.header(2).first_lsn.value;
  const std::uint64_t next = damage_.header(3).first_lsn.value;
  damage_.remove(damage_.segment(2));
  const auto log = try_open(RecoveryPolicy::read_only);
  ASSERT_TRUE(log);
  EXPECT_EQ(read_from(*log).end.code(), Code::corrupt);
  EXPECT_EQ(read_from(*log).records.size(), first - 1);
  lose(first, next - 1);
  const Reading rest = read_from(*log, {.skip_holes = true});
  EXPECT_TRUE(rest.end.ok());
  EXPECT_TRUE(rest.records == expected_);
  ASSERT_EQ(rest.holes.size(), 1u);
  EXPECT_EQ(rest.holes[0].first_lsn.value, first);
  EXPECT_EQ(rest.holes[0].last_lsn.value, next - 1);
}

TEST_F(SalvageTest, ReadOnlyDoesNotTakeAMissingLastSegmentForTheEnd) {
  fill_three_segments();
  end_process();
  const std::uint64_t first = damage_.header(3).first_lsn.value;
  const std::uint64_t last = expected_.rbegin()->first;
  damage_.remove(damage_.segment(3));
  const auto log = try_open(RecoveryPolicy::read_only);
  ASSERT_TRUE(log);
  EXPECT_EQ(log->recovery().verdict, Verdict::rot);
  const Reading stops = read_from(*log);
  EXPECT_EQ(stops.records.size(), first - 1);
  EXPECT_EQ(stops.end.code(), Code::corrupt);
  const Reading rest = read_from(*log, {.skip_holes = true});
  EXPECT_EQ(rest.records.size(), first - 1);
  EXPECT_TRUE(rest.end.ok()) << rest.end.message();
  ASSERT_EQ(rest.holes.size(), 1u);
  EXPECT_EQ(rest.holes[0].last_lsn.value, last);
}

// ── salvage ──────────────────────────────────────────────────────────────────

TEST_F(SalvageTest, OfAHealthyLogDoesNothing) {
  open();
  commit(5);
  close();
  open(RecoveryPolicy::salvage);
  EXPECT_TRUE(report_.damage.empty());
  EXPECT_TRUE(report_.quarantined.empty());
  EXPECT_FALSE(damage_.has("HOLES"));
  expect_it_goes_on(0);
}

TEST_F(SalvageTest, ReportsEachHoleAndKeepsTheRest) {
  open();
  commit(20);
  end_process();
  const auto frames = damage_.frames(1);
  damage_.flip(damage_.segment(1), frames[3].offset);
  damage_.zero(damage_.segment(1), frames[9].offset, frames[11].end());
  const auto before = damage_.bytes(damage_.segment(1));
  open(RecoveryPolicy::salvage);
  ASSERT_EQ(report_.quarantined.size(), 2u) << report_.to_string();
  const auto copy = damage_.bytes(report_.quarantined[0]);
  EXPECT_TRUE(std::equal(copy.begin(), copy.end(),
                         before.begin() + static_cast<std::ptrdiff_t>(frames[3].offset)));
  EXPECT_EQ(copy.size(), frames[3].end() - frames[3].offset);
  EXPECT_EQ(damage_.bytes(report_.quarantined[1]).size(), frames[11].end() - frames[9].offset);
  const Reading stops = read_from(*log_);
  EXPECT_EQ(stops.end.code(), Code::corrupt);
  EXPECT_EQ(stops.records.size(), 3u);
  lose(4, 4);
  lose(10, 12);
  expect_it_goes_on(20);
}

TEST_F(SalvageTest, DoesNotGiveLostLsnsOutAgain) {
  open();
  commit(10);
  end_process();
  const auto frames = damage_.frames(1);
  damage_.zero(damage_.segment(1), frames[7].offset, frames[9].end());
  open(RecoveryPolicy::salvage);
  EXPECT_EQ(report_.last_lsn, Lsn(10)) << report_.to_string();
  lose(8, 10);
  commit(1);
  EXPECT_EQ(expected_.rbegin()->first, 11u);
  expect_it_goes_on(10);
}

TEST_F(SalvageTest, OfASegmentThatWasCutOffBetweenTwoFrames) {
  open();
  commit(10);
  end_process();
  damage_.shorten(damage_.segment(1), damage_.frames(1)[7].offset);
  open(RecoveryPolicy::salvage);
  lose(8, 10);
  expect_it_goes_on(10);
}

TEST_F(SalvageTest, OfASegmentThatWasCutOffInsideAFrame) {
  open();
  commit(10);
  end_process();
  damage_.shorten(damage_.segment(1), damage_.frames(1)[7].offset + 60);
  open(RecoveryPolicy::salvage);
  lose(8, 10);
  expect_it_goes_on(10);
}

TEST_F(SalvageTest, OfAMissingMiddleSegment) {
  fill_three_segments();
  end_process();
  const std::uint64_t first = damage_.header(2).first_lsn.value;
  const std::uint64_t next = damage_.header(3).first_lsn.value;
  damage_.remove(damage_.segment(2));
  open(RecoveryPolicy::salvage);
  lose(first, next - 1);
  expect_it_goes_on(0);
  ASSERT_EQ(accepted().size(), 1u);
  EXPECT_EQ(accepted()[0].first_lsn.value, first);
  EXPECT_EQ(accepted()[0].last_lsn.value, next - 1);
}

TEST_F(SalvageTest, OfAMissingFirstSegment) {
  fill_three_segments();
  end_process();
  const std::uint64_t next = damage_.header(2).first_lsn.value;
  damage_.remove(damage_.segment(1));
  open(RecoveryPolicy::salvage);
  lose(1, next - 1);
  expect_it_goes_on(0);
}

TEST_F(SalvageTest, OfAMissingLastSegment) {
  fill_three_segments();
  end_process();
  const std::uint64_t first = damage_.header(3).first_lsn.value;
  const std::uint64_t last = expected_.rbegin()->first;
  damage_.remove(damage_.segment(3));
  open(RecoveryPolicy::salvage);
  lose(first, last);
  expect_it_goes_on(last);
}

TEST_F(SalvageTest, OfADamagedHeader) {
  for (std::uint64_t number = 1; number <= 3; ++number) {
    SCOPED_TRACE(number);
    disk_.kill_process();
    for (const auto& file : disk_.list_files()) ASSERT_TRUE(disk_.remove_file(file).ok());
    expected_.clear();
    fill_three_segments();
    end_process();
    const std::uint64_t first = damage_.header(number).first_lsn.value;
    const std::uint64_t last =
        number == 3 ? expected_.rbegin()->first : damage_.header(number + 1).first_lsn.value - 1;
    damage_.flip(damage_.segment(number), 50);
    const auto before = damage_.bytes(damage_.segment(number));
    open(RecoveryPolicy::salvage);
    lose(first, last);
    ASSERT_EQ(report_.quarantined.size(), 1u);
    EXPECT_TRUE(std::equal(before.begin(), before.begin() + 4096,
                           damage_.bytes(report_.quarantined[0]).begin()));
    expect_it_goes_on(last);
  }
}

TEST_F(SalvageTest, OfALogWithoutAnySegmentLeft) {
  open();
  commit(5);
  end_process();
  damage_.remove(damage_.segment(1));
  open(RecoveryPolicy::salvage);
  lose(1, 5);
  expect_it_goes_on(5);
}

TEST_F(SalvageTest, OfALogWithoutAnyReadableSegmentNorWatermarkFile) {
  open();
  commit(5);
  end_process();
  damage_.drop_marks();
  damage_.flip(damage_.segment(1), 1000);
  open(RecoveryPolicy::salvage);
  lose(1, 5);
  expect_it_goes_on(0);
}

TEST_F(SalvageTest, WhenOnlyATrimmedSegmentIsLeft) {
  fill_three_segments();
  const auto second = damage_.bytes(damage_.segment(2));
  const std::uint64_t kept = damage_.header(3).first_lsn.value;
  ASSERT_TRUE(log_->keep_from(Lsn(kept)).ok());
  end_process();
  damage_.put(damage_.segment(2), second);
  damage_.remove(damage_.segment(3));
  expect_refusal(damage_.segment(3));
  open(RecoveryPolicy::salvage);
  const std::uint64_t last = expected_.rbegin()->first;
  expected_.clear();
  expect_it_goes_on(last);
}

TEST_F(SalvageTest, OfAWatermarkFileOfAnotherLog) {
  fill_three_segments();
  end_process();
  format::WatermarkRecord mark = *damage_.mark(0);
  mark.log_id.bytes[0] ^= std::byte{1};
  for (std::uint64_t block = 0; block < 3; ++block) damage_.put_mark(block, mark);
  const auto foreign = damage_.bytes("WATERMARK");
  open(RecoveryPolicy::salvage);
  ASSERT_EQ(report_.quarantined.size(), 1u);
  EXPECT_TRUE(damage_.bytes(report_.quarantined[0]) == foreign);
  expect_it_goes_on(0);
}

TEST_F(SalvageTest, OfAnUnacknowledgedTailBehindRot) {
  open();
  commit(10);
  write(3);
  end_process();
  const auto frames = damage_.frames(1);
  damage_.flip(damage_.segment(1), frames[4].offset);
  damage_.flip(damage_.segment(1), frames[12].offset);
  open(RecoveryPolicy::salvage);
  lose(5, 5);
  lose(13, 13);
  expect_it_goes_on(0);
}

TEST_F(SalvageTest, OfAFileThatWasCutInTheMiddleOfAFrame) {
  open();
  commit(10);
  end_process();
  damage_.shorten(damage_.segment(1), damage_.frames(1)[2].offset + 51);
  ASSERT_TRUE(repair(kLogDir, {.salvage = true, .file_system = &disk_}));
  const auto verified = verify(kLogDir, {.file_system = &disk_});
  ASSERT_TRUE(verified);
  EXPECT_NE(verified->recovery.verdict, Verdict::rot) << verified->recovery.to_string();
  const auto info = inspect(kLogDir, {.file_system = &disk_});
  ASSERT_TRUE(info);
  ASSERT_EQ(info->recovery.damage.size(), 1u) << info->recovery.to_string();
  EXPECT_TRUE(info->recovery.damage[0].accepted);
  EXPECT_EQ(info->recovery.damage[0].first_lsn, Lsn(3));
  EXPECT_EQ(info->recovery.damage[0].last_lsn, Lsn(10));
}

TEST_F(SalvageTest, TwiceInARow) {
  open();
  commit(20);
  end_process();
  const auto frames = damage_.frames(1);
  damage_.flip(damage_.segment(1), frames[3].offset);
  open(RecoveryPolicy::salvage);
  end_process();
  damage_.flip(damage_.segment(1), frames[9].offset);
  expect_refusal(damage_.segment(1), Lsn(10), Lsn(10));
  open(RecoveryPolicy::salvage);
  lose(4, 4);
  lose(10, 10);
  expect_it_goes_on(20);
}

// ── repair ───────────────────────────────────────────────────────────────────

TEST_F(SalvageTest, RepairDoesToATornTailWhatOpenWould) {
  open();
  commit(5);
  write(1);
  end_process();
  damage_.flip(damage_.segment(1), damage_.frames(1).back().offset);
  const auto before = damage_.everything();
  const auto plan = repair(kLogDir, {.dry_run = true, .file_system = &disk_});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->verdict, Verdict::torn_tail);
  EXPECT_TRUE(damage_.everything() == before);
  const auto done = repair(kLogDir, {.file_system = &disk_});
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(done->verdict, Verdict::torn_tail);
  EXPECT_EQ(done->quarantined.size(), 1u);
  lose(6, 6);
  open();
  EXPECT_EQ(report_.verdict, Verdict::clean);
  expect_it_goes_on(0);
}

TEST_F(SalvageTest, RepairFindsWhatOpenDoesNotRead) {
  fill_three_segments();
  end_process();
  const auto frames = damage_.frames(1);
  damage_.flip(damage_.segment(1), frames[2].offset + 1000);
  damage_.flip(damage_.segment(2), damage_.frames(2)[0].offset + 1000);
  const std::uint64_t second = damage_.header(2).first_lsn.value;
  const auto before = damage_.everything();
  const auto refused = repair(kLogDir, {.file_system = &disk_});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::corrupt);
  EXPECT_TRUE(damage_.everything() == before);
  const auto done = repair(kLogDir, {.salvage = true, .file_system = &disk_});
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(done->verdict, Verdict::rot);
  EXPECT_EQ(done->quarantined.size(), 2u) << done->to_string();
  EXPECT_EQ(done->damage.size(), 2u) << done->to_string();
  lose(3, 3);
  lose(second, second);
  open();
  expect_it_goes_on(0);
}

TEST_F(SalvageTest, RepairOfNothing) {
  EXPECT_EQ(repair(kLogDir, {.file_system = &disk_}).error().code(), Code::not_found);
  EXPECT_EQ(verify(kLogDir, {.file_system = &disk_}).error().code(), Code::not_found);
  EXPECT_EQ(inspect(kLogDir, {.file_system = &disk_}).error().code(), Code::not_found);
  EXPECT_TRUE(disk_.list_files().empty());
}

}  // namespace
}  // namespace forelog::testing
