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

  // A buffer in which a frame of one record of `bytes` bytes lies as in its block of the file.
  struct Buffer {
    std::vector<std::byte> bytes;
    std::span<std::byte> blocks;
    PendingFrame frame;
  };
  Buffer frame_of(std::size_t bytes) {
    const auto body = static_cast<std::size_t>(format::record_bytes(bytes));
    const auto lead = static_cast<std::size_t>(writer_->tail().offset % File::kBlockBytes);
    const auto end = lead + static_cast<std::size_t>(format::frame_bytes(body));
    const std::size_t size = (end / File::kBlockBytes + 1) * File::kBlockBytes;
    Buffer made{std::vector<std::byte>(size + File::kBlockBytes), {}, {}};
    void* at = made.bytes.data();
    std::size_t space = made.bytes.size();
    std::align(File::kBlockBytes, size, at, space);
    made.blocks = {static_cast<std::byte*>(at), size};
    format::put_record(made.blocks.data() + lead + format::kFrameHeaderBytes,
                       std::string(bytes, 'p'));
    made.frame = {lead, static_cast<std::uint32_t>(body), writer_->tail().next_lsn, 1};
    return made;
  }
  Lsn last() const { return Lsn(writer_->tail().next_lsn.value - 1); }
  void write(std::size_t bytes, std::uint64_t time) {
    const Buffer buffer = frame_of(bytes);
    ASSERT_TRUE(writer_->write(buffer.blocks, {&buffer.frame, 1}, last(), time).ok());
  }
  Status write_synced(std::size_t bytes, std::uint64_t time) {
    const Buffer buffer = frame_of(bytes);
    return writer_->write_synced(buffer.blocks, {&buffer.frame, 1}, last(), time);
  }
  // What the frames in the file add up to.
  SegmentTail scanned() const {
    FrameScanner scanner(*segment_->file, segment_->key, format::kSegmentHeaderBytes, kCapacity);
    SegmentTail tail = SegmentTail::of_empty(segment_->header);
    ScannedFrame frame;
    while (*scanner.next(frame) == ScanStep::frame) {
      tail.add(frame.header, frame.header_bytes, frame.offset);
    }
    return tail;
  }

  static constexpr std::uint64_t kCapacity = 1 * MiB;
  MemoryFileSystem disk_;
  std::unique_ptr<Directory> dir_;
  std::shared_ptr<SegmentFile> segment_;
  std::optional<SegmentWriter> writer_;
};

TEST_F(SegmentWriterTest, WhatAScanAddsUpIsWhatTheWriterKept) {
  for (int i = 0; i < 20; ++i) write(static_cast<std::size_t>(i) * 37, 10);
  const SegmentTail tail = scanned();
  EXPECT_EQ(tail.offset, writer_->tail().offset);
  EXPECT_EQ(tail.digest, writer_->tail().digest);
  EXPECT_EQ(tail.next_lsn, Lsn(120));
  EXPECT_EQ(tail.frame_count, 20u);
}

TEST_F(SegmentWriterTest, FramesLieBehindOneAnotherWhicheverWayTheyAreWritten) {
  for (std::size_t i = 0; i < 60; ++i) {
    const std::size_t bytes = i * 397 % 9000;
    if (i % 3 == 0) {
      write(bytes, 10);
    } else {
      ASSERT_TRUE(write_synced(bytes, 10).ok());
    }
  }
  const SegmentTail tail = scanned();
  EXPECT_EQ(tail.offset, writer_->tail().offset);
  EXPECT_EQ(tail.digest, writer_->tail().digest);
  EXPECT_EQ(tail.next_lsn, Lsn(160));
}

TEST_F(SegmentWriterTest, ADirectWriteIsOnTheDiskOnReturn) {
  write(3000, 10);
  ASSERT_TRUE(writer_->sync().ok());
  for (std::size_t i = 0; i < 20; ++i) {
    ASSERT_TRUE(write_synced(500 + i, 10).ok());
    const SegmentTail before = writer_->tail();
    disk_.power_cut([](std::uint64_t) { return std::uint64_t{0}; });
    dir_ = *disk_.open_directory("/dir", false);
    segment_ = open_segment(*dir_, segment_->name, OpenMode::read_write)->segment;
    EXPECT_EQ(scanned().digest, before.digest);
    writer_.emplace(segment_, before);
  }
}

TEST_F(SegmentWriterTest, AFileThatWasCutByAnotherIsNotGoneOnIn) {
  write(3000, 10);
  ASSERT_TRUE(segment_->file->truncate(2000).ok());
  const Status status = write_synced(100, 10);
  EXPECT_EQ(status.code(), Code::io_error);
  EXPECT_NE(status.message().find("cut by another"), std::string::npos) << status.message();
}

TEST_F(SegmentWriterTest, ADirectWriteNeedsRoomForItsLastBlock) {
  write(3000, 10);
  const std::uint64_t offset = writer_->tail().offset;
  const std::uint64_t rest = File::kBlockBytes - offset % File::kBlockBytes;
  EXPECT_TRUE(writer_->writes_directly(rest, offset + rest));
  EXPECT_FALSE(writer_->writes_directly(rest + 1, offset + rest + File::kBlockBytes - 1));
  EXPECT_TRUE(writer_->writes_directly(rest + 1, offset + rest + File::kBlockBytes));
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
