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
    options.bytes_per_sync = 3000;
    for (const std::size_t bytes : {0, 1, 999, 1000, 1001, 2000, 12345}) {
      for (const std::size_t part : {1, 7, 1000, 1500, 100000}) {
        expect_round_trip(random_bytes(bytes, bytes), options, part);
        expect_round_trip(std::string(bytes, 'x'), options, part);
      }
    }
    options.block_bytes = snapshot::WriterOptions().block_bytes;
    expect_round_trip(random_bytes(1'000'000, 1), options, 12345);
    expect_round_trip(std::string(1'000'000, 'x'), options, 12345);
  }
}

}  // namespace
}  // namespace forelog::testing
