// Writing a segment, sealing it, and reading back what its seal and index say.
#include "segment/segment_writer.h"

#include <gtest/gtest.h>

#include "forelog/memory_file_system.h"
#include "format/record.h"
#include "segment/frame_scanner.h"
#include "segment/new_segment.h"

namespace forelog::segment {
namespace {

class SegmentWriterTest : public testing::Test {
 protected:
  SegmentWriterTest() {
    dir_ = *disk_.open_directory("/dir", true);
    format::SegmentHeader header;
    header.number = 5;
    header.salt = 99;
    header.first_lsn = Lsn(100);
    header.created = 1;
    Spare spare = *make_spare(*dir_, "x.tmp", kCapacity, Blocks::reserved, false);
    segment_ = *publish_segment(*dir_, std::move(spare), header);
    writer_.emplace(segment_, SegmentTail::of_empty(header));
  }

  // One frame of one record of `bytes` bytes.
  void write(std::size_t bytes, std::uint64_t time) {
    const auto body = static_cast<std::size_t>(format::record_bytes(bytes));
    std::vector<std::byte> buffer(static_cast<std::size_t>(format::frame_bytes(body)));
    format::put_record(buffer.data() + format::kFrameHeaderBytes, std::string(bytes, 'p'));
    const PendingFrame frame{0, static_cast<std::uint32_t>(body), writer_->tail().next_lsn, 1};
    ASSERT_TRUE(
        writer_->write(buffer, {&frame, 1}, Lsn(writer_->tail().next_lsn.value - 1), time).ok());
  }

  static constexpr std::uint64_t kCapacity = 1 * MiB;
  MemoryFileSystem disk_;
  std::unique_ptr<Directory> dir_;
  std::shared_ptr<SegmentFile> segment_;
  std::optional<SegmentWriter> writer_;
};

TEST_F(SegmentWriterTest, WhatAScanAddsUpIsWhatTheWriterKept) {
  for (int i = 0; i < 20; ++i) write(static_cast<std::size_t>(i) * 37, 10);
  FrameScanner scanner(*segment_->file, segment_->key, format::kSegmentHeaderBytes, kCapacity);
  SegmentTail tail = SegmentTail::of_empty(segment_->header);
  ScannedFrame frame;
  while (*scanner.next(frame) == ScanStep::frame) {
    tail.add(frame.header, frame.header_bytes, frame.offset);
  }
  EXPECT_EQ(tail.offset, writer_->tail().offset);
  EXPECT_EQ(tail.digest, writer_->tail().digest);
  EXPECT_EQ(tail.next_lsn, Lsn(120));
  EXPECT_EQ(tail.frame_count, 20u);
}

TEST_F(SegmentWriterTest, TheSealSaysWhatTheSegmentHolds) {
  for (std::uint64_t i = 0; i < 30; ++i) write(20'000, 1000 + i);
  const format::SegmentEnd end = writer_->end(true);
  ASSERT_TRUE(writer_->write_seal(Lsn(129)).ok());
  const auto seal = read_seal(*segment_, end.offset);
  ASSERT_TRUE(seal && *seal);
  EXPECT_EQ((*seal)->first_lsn, Lsn(100));
  EXPECT_EQ((*seal)->last_lsn, Lsn(129));
  EXPECT_EQ((*seal)->first_time, 1000u);
  EXPECT_EQ((*seal)->last_time, 1029u);
  EXPECT_EQ((*seal)->frame_count, 30u);
  EXPECT_EQ((*seal)->digest, end.digest);
  const auto index = read_index(*segment_, end.offset, **seal);
  ASSERT_TRUE(index && *index);
  EXPECT_EQ(**index, segment_->index.entries());
  // Every record is found at or behind an entry that is at most two spacings away.
  for (std::uint64_t lsn = 100; lsn < 130; ++lsn) {
    const auto offset = find_in_index(**index, Lsn(lsn));
    ASSERT_TRUE(offset);
    FrameScanner scanner(*segment_->file, segment_->key, *offset, end.offset);
    ScannedFrame frame;
    int steps = 0;
    do {
      ASSERT_EQ(*scanner.next(frame), ScanStep::frame);
      ++steps;
    } while (frame.header.next_lsn() <= Lsn(lsn));
    EXPECT_EQ(frame.header.first_lsn, Lsn(lsn));
    EXPECT_LE(steps, 5);
  }
  EXPECT_FALSE(find_in_index(**index, Lsn(99)));
}

TEST_F(SegmentWriterTest, TheIndexFindsTimes) {
  for (std::uint64_t i = 0; i < 30; ++i) write(20'000, 1000 + i / 3 * 10);
  const auto index = segment_->index.entries();
  ASSERT_GT(index.size(), 3u);
  EXPECT_FALSE(find_time_in_index(index, 1000));  // Nothing is older.
  EXPECT_EQ(find_time_in_index(index, 1001), index.front().offset);
  EXPECT_EQ(find_time_in_index(index, 9999), index.back().offset);
  EXPECT_EQ(segment_->index.find_time(9999), index.back().offset);
}

TEST_F(SegmentWriterTest, TheFooterFitsTheRoomThatIsKeptForIt) {
  const std::uint64_t room = footer_bytes(kCapacity);
  while (writer_->tail().offset + format::frame_bytes(format::record_bytes(3)) <=
         kCapacity - room) {
    write(3, 1);
  }
  ASSERT_TRUE(writer_->write_close_mark(2).ok());  // A log that was closed here, and went on.
  ASSERT_TRUE(writer_->write_seal(Lsn(writer_->tail().next_lsn.value - 1)).ok());
  EXPECT_EQ(*segment_->file->size(), kCapacity);
}

TEST_F(SegmentWriterTest, ADamagedSealOrIndexIsNotBelieved) {
  for (int i = 0; i < 5; ++i) write(30'000, 7);
  const std::uint64_t at = writer_->tail().offset;
  ASSERT_TRUE(writer_->write_seal(Lsn(104)).ok());
  const auto seal = read_seal(*segment_, at);
  ASSERT_TRUE(seal && *seal);
  const auto flip = [&](std::uint64_t offset) {
    std::byte byte{};
    ASSERT_TRUE(segment_->file->read_at(offset, {&byte, 1}));
    byte ^= std::byte{4};
    ASSERT_TRUE(segment_->file->write_at(offset, ByteView(&byte, 1)).ok());
  };
  const std::uint64_t seal_end = at + format::frame_bytes(format::kSealBodyBytes);
  for (std::uint64_t offset = at; offset < seal_end; ++offset) {
    flip(offset);
    EXPECT_FALSE(*read_seal(*segment_, at)) << offset;
    flip(offset);
  }
  for (std::uint64_t offset = seal_end; offset < seal_end + (*seal)->index_bytes; ++offset) {
    flip(offset);
    EXPECT_FALSE(*read_index(*segment_, at, **seal)) << offset;
    flip(offset);
  }
  EXPECT_FALSE(*read_seal(*segment_, at + 8));
  EXPECT_FALSE(*read_seal(*segment_, kCapacity));
  format::Seal wrong = **seal;
  wrong.index_bytes = UINT64_MAX - 7;
  EXPECT_FALSE(*read_index(*segment_, at, wrong));
}

TEST_F(SegmentWriterTest, ACloseMarkIsOneUntilSomethingFollows) {
  write(10, 1);
  ASSERT_TRUE(writer_->write_close_mark(2).ok());
  EXPECT_TRUE(writer_->tail().closed);
  EXPECT_EQ(writer_->tail().next_lsn, Lsn(101));
  write(10, 3);
  EXPECT_FALSE(writer_->tail().closed);
}

}  // namespace
}  // namespace forelog::segment
