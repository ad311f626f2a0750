// The scanner and its resync, on a file of frames made by hand.
#include "segment/frame_scanner.h"

#include <gtest/gtest.h>

#include "base/endian.h"
#include "forelog/fault_file_system.h"
#include "forelog/memory_file_system.h"

namespace forelog::segment {
namespace {

using format::FrameKind;

class FrameScannerTest : public testing::Test {
 protected:
  FrameScannerTest() {
    auto dir = faults_.open_directory("/dir", true);
    EXPECT_TRUE(dir);
    dir_ = *std::move(dir);
    auto file = dir_->open("frames", OpenMode::create_new);
    EXPECT_TRUE(file);
    file_ = *std::move(file);
  }

  // A frame of one record at the end of the file; returns its offset.
  std::uint64_t add(std::size_t body_bytes, FrameKind kind = FrameKind::data) {
    std::vector<std::byte> frame(static_cast<std::size_t>(format::frame_bytes(body_bytes)),
                                 std::byte{0});
    std::fill_n(frame.begin() + format::kFrameHeaderBytes, body_bytes, std::byte{0x5a});
    format::FrameHeader header;
    header.body_bytes = static_cast<std::uint32_t>(body_bytes);
    header.first_lsn = Lsn(next_lsn_);
    header.synced = Lsn(next_lsn_ - 1);
    header.record_count = kind == FrameKind::data ? 1 : 0;
    header.kind = kind;
    const std::span<std::byte> all(frame);
    format::encode_frame_header(header, ByteView(all.subspan(format::kFrameHeaderBytes)),
                                kKey + end_, all.first<format::kFrameHeaderBytes>());
    EXPECT_TRUE(file_->write_at(end_, ByteView(std::span(frame))).ok());
    next_lsn_ += header.record_count;
    const std::uint64_t offset = end_;
    end_ += frame.size();
    return offset;
  }
  void pad(std::uint64_t bytes) {
    EXPECT_TRUE(file_->truncate(end_ + bytes).ok());
    limit_ = end_ + bytes;
  }
  void flip(std::uint64_t offset) {
    std::byte byte{};
    ASSERT_TRUE(file_->read_at(offset, {&byte, 1}));
    byte ^= std::byte{1};
    ASSERT_TRUE(file_->write_at(offset, ByteView(&byte, 1)).ok());
  }
  FrameScanner scanner(std::uint64_t offset = 0) {
    return {*file_, kKey, offset, limit_ != 0 ? limit_ : end_};
  }

  static constexpr std::uint64_t kKey = 0xfeedface12345678;
  MemoryFileSystem disk_;
  FaultFileSystem faults_{disk_};
  std::unique_ptr<Directory> dir_;
  std::unique_ptr<File> file_;
  std::uint64_t end_ = 0, limit_ = 0, next_lsn_ = 1;
  ScannedFrame frame_;
};

TEST_F(FrameScannerTest, ShowsFramesInOrderAndStopsAtTheLimit) {
  const std::size_t sizes[] = {0, 1, 8, 100, 300'000, 5};  // One is larger than a chunk.
  std::vector<std::uint64_t> offsets;
  for (const std::size_t size : sizes) offsets.push_back(add(size));
  FrameScanner scan = scanner();
  for (std::size_t i = 0; i < std::size(sizes); ++i) {
    ASSERT_EQ(*scan.next(frame_), ScanStep::frame);
    EXPECT_EQ(frame_.offset, offsets[i]);
    EXPECT_EQ(frame_.body.size(), sizes[i]);
    EXPECT_EQ(frame_.header.first_lsn, Lsn(i + 1));
    EXPECT_EQ(frame_.end(), scan.offset());
  }
  EXPECT_EQ(*scan.next(frame_), ScanStep::limit);
}

TEST_F(FrameScannerTest, ZerosAreNotDamage) {
  add(10);
  pad(4096);
  FrameScanner scan = scanner();
  ASSERT_EQ(*scan.next(frame_), ScanStep::frame);
  EXPECT_EQ(*scan.next(frame_), ScanStep::zeros);
  EXPECT_EQ(*scan.next(frame_), ScanStep::zeros);  // It stays.
  const auto resync = scan.resync();
  ASSERT_TRUE(resync);
  EXPECT_FALSE(resync->found);
  EXPECT_FALSE(resync->saw_bytes);
  EXPECT_EQ(scan.offset(), limit_);
}

TEST_F(FrameScannerTest, AFlippedBitAnywhereIsDamage) {
  add(20);
  const std::uint64_t second = add(20);
  for (std::uint64_t at = second; at < end_; ++at) {
    flip(at);
    FrameScanner scan = scanner();
    ASSERT_EQ(*scan.next(frame_), ScanStep::frame);
    EXPECT_EQ(*scan.next(frame_), ScanStep::damaged) << at;
    EXPECT_EQ(scan.offset(), second);
    flip(at);
  }
}

TEST_F(FrameScannerTest, ALengthIsNotBelievedPastTheLimitOrTheFile) {
  add(1000);
  limit_ = 500;
  EXPECT_EQ(*scanner().next(frame_), ScanStep::damaged);
  limit_ = end_;
  ASSERT_TRUE(file_->truncate(500).ok());
  EXPECT_EQ(*scanner().next(frame_), ScanStep::damaged);
  ASSERT_TRUE(file_->truncate(20).ok());
  EXPECT_EQ(*scanner().next(frame_), ScanStep::damaged);
  limit_ = 20;
  EXPECT_EQ(*scanner().next(frame_), ScanStep::limit);
}

TEST_F(FrameScannerTest, ResyncFindsTheNextWholeFrame) {
  add(100);
  const std::uint64_t bad = add(100);
  const std::uint64_t worse = add(3000);
  const std::uint64_t good = add(7);
  add(7);
  flip(bad + 3);
  flip(worse + 2000);
  FrameScanner scan = scanner(bad);
  ASSERT_EQ(*scan.next(frame_), ScanStep::damaged);
  const auto resync = scan.resync();
  ASSERT_TRUE(resync && resync->found);
  EXPECT_TRUE(resync->saw_bytes);
  EXPECT_EQ(resync->proven_synced, Lsn(3));
  EXPECT_EQ(scan.offset(), good);
  ASSERT_EQ(*scan.next(frame_), ScanStep::frame);
  EXPECT_EQ(frame_.header.first_lsn, Lsn(4));
}

TEST_F(FrameScannerTest, ResyncPassesOverWhatOnlyLooksLikeAFrame) {
  const std::uint64_t first = add(4096);
  const std::uint64_t good = add(4);
  for (std::uint64_t at = first; at < good; at += 8) {  // The magic, everywhere.
    std::byte magic[4];
    base::store_le<std::uint32_t>(magic, format::kFrameMagic);
    ASSERT_TRUE(file_->write_at(at, ByteView(magic, 4)).ok());
  }
  FrameScanner scan = scanner();
  ASSERT_TRUE(scan.resync()->found);
  EXPECT_EQ(scan.offset(), good);
}

TEST_F(FrameScannerTest, ResyncFindsAFrameAcrossTheBorderOfChunks) {
  constexpr std::uint64_t kChunk = FrameScanner::kChunkBytes;
  for (std::uint64_t at = kChunk - 64; at <= kChunk + 64; at += 8) {
    end_ = at;
    const std::uint64_t offset = add(16);
    FrameScanner scan(*file_, kKey, 8, end_);
    const auto resync = scan.resync();
    ASSERT_TRUE(resync && resync->found) << at;
    EXPECT_EQ(scan.offset(), offset);
    ASSERT_TRUE(file_->truncate(0).ok());
  }
}

TEST_F(FrameScannerTest, ResyncTellsWhereTheLastByteIs) {
  add(10);
  const std::uint64_t end = end_;
  pad(10'000);
  ASSERT_TRUE(file_->write_at(end + 5000, ByteView("x")).ok());
  FrameScanner scan = scanner(end);
  const auto resync = scan.resync();
  ASSERT_TRUE(resync);
  EXPECT_FALSE(resync->found);
  EXPECT_TRUE(resync->saw_bytes);
  EXPECT_GT(resync->last_byte_end, end + 5000);
  EXPECT_LE(resync->last_byte_end, end + 5008);
}

TEST_F(FrameScannerTest, AnErrorOfReadingIsTold) {
  add(10);
  add(300'000);
  FrameScanner scan = scanner();
  faults_.fail_nth(FileOperation::read, faults_.count(FileOperation::read) + 1,
                   Status(Code::io_error, "bad"));
  EXPECT_EQ(scan.next(frame_).error().code(), Code::io_error);
  ASSERT_EQ(*scan.next(frame_), ScanStep::frame);
  faults_.fail_nth(FileOperation::read, faults_.count(FileOperation::read) + 1,
                   Status(Code::io_error, "bad"));
  EXPECT_EQ(scan.next(frame_).error().code(), Code::io_error);
  ASSERT_EQ(*scan.next(frame_), ScanStep::frame);
  EXPECT_EQ(frame_.body.size(), 300'000u);
  EXPECT_EQ(*scan.next(frame_), ScanStep::limit);
}

}  // namespace
}  // namespace forelog::segment
