// Snapshot files: what is written is read back, and what is damaged never is.
#include <gtest/gtest.h>

#include <random>

#include "snapshot/test_snapshots.h"

namespace forelog::testing {
namespace {

class SnapshotFileTest : public ::testing::Test {
 protected:
  SnapshotFileTest() : dir_(*disk_.open_directory(kSnapshotDir, true)) {}

  static std::string random_bytes(std::size_t bytes, std::uint64_t seed) {
    std::mt19937_64 dice(seed);
    std::string text(bytes, '\0');
    for (char& c : text) c = static_cast<char>(dice());
    return text;
  }

  void expect_round_trip(const std::string& state, const snapshot::WriterOptions& options,
                         std::size_t part) {
    SCOPED_TRACE(std::to_string(state.size()) + " bytes, " + std::to_string(part) + " at a time");
    const Status put = put_snapshot(*dir_, header_of(7), state, options, part);
    ASSERT_TRUE(put.ok()) << put.message();
    const auto got = get_snapshot(*dir_, name(7), options.compression, nullptr, part);
    ASSERT_TRUE(got) << got.error().message();
    EXPECT_TRUE(*got == state);
  }

  static std::string name(std::uint64_t lsn) { return snapshot::snapshot_name(Lsn(lsn)); }

  MemoryFileSystem disk_;
  std::unique_ptr<Directory> dir_;
  RunLength runs_;
};

TEST_F(SnapshotFileTest, WhatIsWrittenIsReadBack) {
  for (const Compression* compression :
       {static_cast<const Compression*>(nullptr), static_cast<const Compression*>(&runs_)}) {
    snapshot::WriterOptions options;
    options.compression = compression;
    options.block_bytes = 1000;
    options.piece_bytes = File::kBlockBytes;
    for (const std::size_t bytes : {0u, 1u, 999u, 1000u, 1001u, 2000u, 12345u}) {
      for (const std::size_t part : {1u, 7u, 1000u, 1500u, 100000u}) {
        expect_round_trip(random_bytes(bytes, bytes), options, part);
        expect_round_trip(std::string(bytes, 'x'), options, part);
      }
    }
    options.block_bytes = snapshot::WriterOptions().block_bytes;
    expect_round_trip(random_bytes(1'000'000, 1), options, 12345);
    expect_round_trip(std::string(1'000'000, 'x'), options, 12345);
  }
}

TEST_F(SnapshotFileTest, TellsWhatItIsOf) {
  snapshot::WriterOptions options;
  options.compression = &runs_;
  format::SnapshotHeader header = header_of(0x123456789a);
  ASSERT_TRUE(put_snapshot(*dir_, header, "state", options).ok());
  header.compression = runs_.id();
  header.block_bytes = options.block_bytes;
  const auto read = snapshot::read_header(*dir_, "000000123456789a.snapshot", nullptr);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(*read, header);
}

// Otherwise recovery would load half a state, and call it a whole one.
TEST_F(SnapshotFileTest, AStateThatReadsLessThanAllIsToldSoByFinish) {
  ASSERT_TRUE(
      put_snapshot(*dir_, header_of(7), std::string(10000, 'x'), {.block_bytes = 1000}).ok());
  auto bytes = *disk_.read_file(kSnapshotDir / name(7));
  bytes[bytes.size() - 100] ^= std::byte{1};
  ASSERT_TRUE(disk_.write_file(kSnapshotDir / name(7), ByteView(std::span(bytes))).ok());
  std::optional<Damage> damage;
  auto reader = *snapshot::SnapshotReader::open(*dir_, name(7), nullptr, &damage);
  std::array<std::byte, 5000> some;
  EXPECT_TRUE(reader->read_exactly(some).ok());
  EXPECT_FALSE(damage);
  EXPECT_EQ(reader->finish().code(), Code::corrupt);
  EXPECT_TRUE(damage);
  EXPECT_EQ(reader->finish().code(), Code::corrupt) << "and again";
  std::array<std::byte, 5000> rest;
  EXPECT_EQ(reader->read(rest).error().code(), Code::corrupt);
}

TEST_F(SnapshotFileTest, ReadingBehindTheEndGivesNothingAndExactlyIsAnError) {
  ASSERT_TRUE(put_snapshot(*dir_, header_of(7), "abc").ok());
  auto reader = *snapshot::SnapshotReader::open(*dir_, name(7), nullptr);
  std::array<std::byte, 2> two;
  EXPECT_TRUE(reader->read_exactly(two).ok());
  const Status short_of = reader->read_exactly(two);
  EXPECT_EQ(short_of.code(), Code::corrupt);
  EXPECT_NE(short_of.message().find("1 byte"), std::string_view::npos) << short_of.message();
  EXPECT_EQ(*reader->read(two), 0u);
  EXPECT_TRUE(reader->finish().ok());
}

TEST_F(SnapshotFileTest, ACompressionThatIsNotThereIsUnsupported) {
  ASSERT_TRUE(put_snapshot(*dir_, header_of(7), "state", {.compression = &runs_}).ok());
  const RunLength other(201);
  for (const Compression* given :
       {static_cast<const Compression*>(nullptr), static_cast<const Compression*>(&other)}) {
    std::optional<Damage> damage;
    const auto loaded = get_snapshot(*dir_, name(7), given, &damage);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code(), Code::unsupported) << loaded.error().message();
    EXPECT_NE(loaded.error().message().find("200"), std::string_view::npos);
    EXPECT_FALSE(damage);
  }
  // One that was given and is not needed does no harm.
  ASSERT_TRUE(put_snapshot(*dir_, header_of(8), "state").ok());
  EXPECT_EQ(*get_snapshot(*dir_, name(8), &runs_), "state");
}

TEST_F(SnapshotFileTest, WhatTheDiskWillNotSayIsNoDamage) {
  FaultFileSystem faults(disk_);
  const auto dir = *faults.open_directory(kSnapshotDir, false);
  ASSERT_TRUE(
      put_snapshot(*dir_, header_of(7), std::string(10000, 'x'), {.block_bytes = 1000}).ok());
  EXPECT_EQ(get_snapshot(*dir, name(6)).error().code(), Code::not_found);
  for (const FileOperation operation :
       {FileOperation::open, FileOperation::size, FileOperation::read}) {
    faults.fail_nothing();
    faults.reset_counts();
    ASSERT_TRUE(get_snapshot(*dir, name(7)));
    const std::uint64_t count = faults.count(operation);
    ASSERT_GT(count, 0u);
    for (std::uint64_t n = 1; n <= count; ++n) {
      faults.reset_counts();
      faults.fail_nth(operation, n, Status(Code::io_error, "EIO"));
      std::optional<Damage> damage;
      const auto loaded = get_snapshot(*dir, name(7), nullptr, &damage);
      ASSERT_FALSE(loaded);
      EXPECT_EQ(loaded.error().code(), Code::io_error) << loaded.error().message();
      EXPECT_FALSE(damage);
    }
  }
}

// A save that drops an error of its sink has not saved.
TEST_F(SnapshotFileTest, AnErrorIsToldAgainAndNothingIsPublished) {
  FaultFileSystem faults(disk_);
  const auto dir = *faults.open_directory(kSnapshotDir, false);
  auto writer = *snapshot::SnapshotWriter::begin(
      *dir, header_of(7), {.block_bytes = 1000, .piece_bytes = File::kBlockBytes});
  faults.reset_counts();
  faults.fail_nth(FileOperation::write, 2, Status(Code::no_space, "ENOSPC"));
  EXPECT_EQ(writer->write(std::string(10000, 'x')).code(), Code::no_space);
  EXPECT_EQ(writer->write("more").code(), Code::no_space);
  EXPECT_EQ(writer->publish().error().code(), Code::no_space);
  EXPECT_FALSE(writer->named());
  EXPECT_EQ(faults.count(FileOperation::write), 2u);
  EXPECT_EQ(get_snapshot(*dir_, name(7)).error().code(), Code::not_found);
}

// What was there before in the file that a snapshot is written to leaves no trace.
TEST_F(SnapshotFileTest, ALongerFileOfBeforeIsNoneOfIts) {
  ASSERT_TRUE(put_snapshot(*dir_, header_of(6), std::string(10000, 'y')).ok());
  ASSERT_TRUE(dir_->rename(name(6), snapshot::kNextName).ok());
  ASSERT_TRUE(put_snapshot(*dir_, header_of(7), "abc").ok());
  EXPECT_EQ(*get_snapshot(*dir_, name(7)), "abc");
}

}  // namespace
}  // namespace forelog::testing
