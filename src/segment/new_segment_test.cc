// Birth of a segment: whole or not at all, whichever call fails and wherever the power goes.
#include "segment/new_segment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "forelog/fault_file_system.h"
#include "forelog/memory_file_system.h"
#include "segment/segment_name.h"

namespace forelog::segment {
namespace {

constexpr std::uint64_t kCapacity = 64 * KiB;

format::SegmentHeader some_header() {
  format::SegmentHeader header;
  header.number = 3;
  header.salt = 77;
  header.first_lsn = Lsn(9);
  return header;
}

Status give_birth(Directory& dir, Blocks blocks) {
  auto spare = make_spare(dir, "spare.tmp", kCapacity, blocks, false);
  if (!spare) return spare.error();
  auto segment = publish_segment(dir, *std::move(spare), some_header(), ByteView("frames"));
  return segment ? Status() : segment.error();
}

bool is_whole(MemoryFileSystem& disk) {
  auto dir = disk.open_directory("/dir", false);
  if (!dir) return false;
  const auto opened = open_segment(**dir, segment_name(3), OpenMode::read_only);
  EXPECT_TRUE(opened) << opened.error().message();
  EXPECT_NE(opened->segment, nullptr) << opened->damage;
  std::byte frames[6];
  EXPECT_EQ(*opened->segment->file->read_at(format::kSegmentHeaderBytes, frames), 6u);
  EXPECT_EQ(ByteView(frames, 6).text(), "frames");
  EXPECT_EQ(opened->file_bytes, kCapacity);
  return opened->segment != nullptr && opened->segment->header.salt == 77;
}

bool has_name(const MemoryFileSystem& disk, const std::string& name) {
  return disk.read_file("/dir/" + name).has_value();
}

TEST(NewSegmentTest, IsDurableOnReturn) {
  for (const Blocks blocks : {Blocks::reserved, Blocks::written}) {
    MemoryFileSystem disk;
    ASSERT_TRUE(give_birth(**disk.open_directory("/dir", true), blocks).ok());
    disk.power_cut();
    EXPECT_TRUE(is_whole(disk));
    EXPECT_FALSE(has_name(disk, "spare.tmp"));
  }
}

TEST(NewSegmentTest, IsThereWholeOrNotAtAllWhicheverCallFails) {
  for (const Blocks blocks : {Blocks::reserved, Blocks::written}) {
    for (std::uint64_t n = 1;; ++n) {
      MemoryFileSystem disk;
      FaultFileSystem faults(disk);
      auto dir = faults.open_directory("/dir", true);
      ASSERT_TRUE(dir);
      std::uint64_t count = 0;
      faults.set_hook(
          [&](const FaultFileSystem::Call& call) -> std::optional<FaultFileSystem::Fault> {
            if (++count < n) return std::nullopt;
            return FaultFileSystem::Fault{Status(Code::io_error, "no"), call.bytes / 2};
          });
      const Status status = give_birth(**dir, blocks);
      if (status.ok()) break;
      EXPECT_EQ(status.code(), Code::io_error);
      for (std::uint64_t seed = 0; seed < 8; ++seed) {
        const auto copy = disk.clone();
        std::mt19937_64 dice(seed);
        copy->power_cut([&](std::uint64_t choices) {
          return seed == 0 ? 0 : seed == 1 ? choices - 1 : dice() % choices;
        });
        if (has_name(*copy, segment_name(3))) {
          EXPECT_TRUE(is_whole(*copy)) << n << ", seed " << seed;
        }
      }
      ASSERT_LT(n, 100u);
    }
  }
}

TEST(NewSegmentTest, ASpareThatCannotBeFilledIsRemoved) {
  MemoryFileSystem disk({.capacity_bytes = 40 * KiB});
  const auto dir = *disk.open_directory("/dir", true);
  const auto spare = make_spare(*dir, "spare.tmp", kCapacity, Blocks::reserved, false);
  ASSERT_FALSE(spare);
  EXPECT_EQ(spare.error().code(), Code::no_space);
  EXPECT_NE(spare.error().message().find("or use smaller segments"), std::string_view::npos);
  EXPECT_FALSE(has_name(disk, "spare.tmp"));
}

TEST(NewSegmentTest, ARecycledFileHoldsNothingOfItsEarlierLife) {
  MemoryFileSystem disk;
  const std::vector<std::byte> old(100'000, std::byte{0xee});
  ASSERT_TRUE(disk.write_file("/dir/old.tmp", ByteView(std::span(old))).ok());
  const auto dir = *disk.open_directory("/dir", false);
  const auto spare = make_spare(*dir, "old.tmp", kCapacity, Blocks::reserved, true);
  ASSERT_TRUE(spare);
  disk.power_cut();
  const auto bytes = disk.read_file("/dir/old.tmp");
  ASSERT_TRUE(bytes);
  EXPECT_EQ(bytes->size(), kCapacity);
  EXPECT_EQ(std::count(bytes->begin(), bytes->end(), std::byte{0}),
            static_cast<std::ptrdiff_t>(kCapacity));
}

}  // namespace
}  // namespace forelog::segment
