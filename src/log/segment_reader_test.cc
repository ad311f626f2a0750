// SegmentReader: what it returns is what is on the disk, verified, and never what is not synced.
#include "forelog/segment_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "log/test_disk.h"

namespace forelog::testing {
namespace {

using Bytes = std::vector<std::byte>;

class SegmentReaderTest : public TestDisk {
 protected:
  SegmentReaderTest() { open(); }
  Result<Bytes> read(const SegmentInfo& segment, Lsn through, SegmentPosition from = {},
                     SegmentPosition* behind = nullptr) {
    auto opened = SegmentReader::open(kLogDir, segment, from, through, &disk_);
    if (!opened) return opened.error();
    SegmentReader reader = *std::move(opened);
    Bytes bytes;
    while (true) {
      const auto part = reader.next();
      if (!part) return part.error();
      if (part->empty()) break;
      bytes.insert(bytes.end(), part->begin(), part->end());
    }
    if (behind != nullptr) *behind = reader.position();
    return bytes;
  }
  Bytes file(const SegmentInfo& segment) { return *disk_.read_file(kLogDir / segment.file); }
  static bool begins_with(const Bytes& whole, const Bytes& part) {
    return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
  }
};

TEST_F(SegmentReaderTest, ReadsWhatIsOnTheDisk) {
  commit(200, 1000);
  const LogInfo info = this->info();
  ASSERT_GE(info.segments.size(), 3u);
  for (const SegmentInfo& segment : info.segments) {
    SegmentPosition behind;
    const auto bytes = read(segment, info.watermarks.synced, {}, &behind);
    ASSERT_TRUE(bytes) << bytes.error().message();
    EXPECT_TRUE(begins_with(file(segment), *bytes));
    EXPECT_EQ(behind.next, segment.last_lsn.next());
    // Seal and index follow, where there are some.
    EXPECT_EQ(bytes->size() > segment.data_bytes, segment.state == SegmentState::sealed);
    EXPECT_GE(bytes->size(), segment.data_bytes);
  }
}

TEST_F(SegmentReaderTest, GoesOnWhereItEnded) {
  commit(20, 1000);
  const SegmentInfo segment = info().segments.front();
  const auto whole = read(segment, Lsn(20));
  SegmentPosition at;
  Bytes together;
  for (const std::uint64_t through : {3u, 3u, 11u, 20u}) {
    const auto part = read(segment, Lsn(through), at, &at);
    ASSERT_TRUE(part) << part.error().message();
    EXPECT_EQ(at.next, Lsn(through + 1));
    together.insert(together.end(), part->begin(), part->end());
    EXPECT_EQ(together.size(), at.offset);
  }
  EXPECT_EQ(together, *whole);
}

TEST_F(SegmentReaderTest, StopsBeforeARecordThatIsNotAskedFor) {
  Batch batch;
  for (int i = 0; i < 5; ++i) batch.add("record");
  ASSERT_TRUE(log_->commit(batch));
  ASSERT_TRUE(log_->commit(batch));
  const SegmentInfo segment = info().segments.front();
  SegmentPosition behind;
  ASSERT_TRUE(read(segment, Lsn(7), {}, &behind));
  EXPECT_EQ(behind.next, Lsn(6)) << "a frame is read whole or not at all";
}

TEST_F(SegmentReaderTest, EveryFlippedByteIsTold) {
  commit(3);
  ASSERT_TRUE(log_->close().ok());
  const SegmentInfo segment = info().segments.front();
  const Bytes good = file(segment);
  for (std::size_t at = 0; at < segment.data_bytes; ++at) {
    Bytes bad = good;
    bad[at] ^= std::byte{0x40};
    ASSERT_TRUE(disk_.write_file(kLogDir / segment.file, ByteView(std::span(bad))).ok());
    const auto bytes = read(segment, Lsn(3));
    ASSERT_FALSE(bytes) << at;
    EXPECT_EQ(bytes.error().code(), Code::corrupt) << bytes.error().message();
  }
}

TEST_F(SegmentReaderTest, ALostFrameIsTold) {
  commit(100, 1000);
  const SegmentInfo segment = info().segments.front();
  Bytes bytes = file(segment);
  std::fill(bytes.begin() + 30'000, bytes.end(), std::byte{0});
  ASSERT_TRUE(disk_.write_file(kLogDir / segment.file, ByteView(std::span(bytes))).ok());
  const auto got = read(segment, Lsn(100));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code(), Code::corrupt);
  EXPECT_NE(got.error().message().find(segment.file), std::string::npos);
}

TEST_F(SegmentReaderTest, WhatWasDroppedOrReplacedIsTold) {
  commit(200, 1000);
  const std::vector<SegmentInfo> segments = info().segments;
  ASSERT_TRUE(log_->keep_from(segments[1].first_lsn).ok());
  EXPECT_EQ(read(segments[0], Lsn(200)).error().code(), Code::trimmed);
  SegmentInfo other = segments[1];
  ++other.salt;
  EXPECT_EQ(read(other, Lsn(200)).error().code(), Code::not_found);
}

TEST_F(SegmentReaderTest, AnEmptySegmentIsItsHeader) {
  const SegmentInfo segment = info().segments.front();
  const auto bytes = read(segment, Lsn());
  ASSERT_TRUE(bytes) << bytes.error().message();
  EXPECT_EQ(bytes->size(), 4096u);
}

}  // namespace
}  // namespace forelog::testing
