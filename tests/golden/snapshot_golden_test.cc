// Snapshots of their format version 1, made once (make_golden_snapshots.cc) and frozen: they must stay
// readable for ever. If this test fails, the code is wrong, never the files.
#include <gtest/gtest.h>

#include <fstream>

#include "forelog/memory_file_system.h"
#include "forelog/snapshot.h"
#include "forelog/zstd.h"
#include "golden/golden_state.h"
#include "snapshot/snapshot_reader.h"

namespace forelog {
namespace {

TEST(SnapshotGoldenTest, AllOfThemAreRead) {
  const std::filesystem::path from =
      std::filesystem::path(FORELOG_SOURCE_DIR) / "tests" / "golden" / "v1-snapshots";
  MemoryFileSystem disk;
  for (const auto& entry : std::filesystem::directory_iterator(from)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    ASSERT_TRUE(disk.write_file("/snapshots" / entry.path().filename(), bytes).ok());
  }
  SnapshotOptions options;
  options.file_system = &disk;
  options.read_only = true;
  options.compression = &zstd();
  const auto snapshots = Snapshots::open("/snapshots", options);
  ASSERT_TRUE(snapshots) << snapshots.error().message();
  std::vector<Damage> damaged;
  const auto infos = snapshots->list(&damaged);
  ASSERT_TRUE(infos) << infos.error().message();
  ASSERT_EQ(infos->size(), 3u);
  EXPECT_TRUE(damaged.empty());
  const auto dir = *disk.open_directory("/snapshots", false);
  for (const SnapshotInfo& info : *infos) {
    EXPECT_EQ(info.kind, kGoldenKind);
    EXPECT_EQ(info.log_id, "8a581a115f44b674025c4d91b30f8383");
    EXPECT_EQ(info.compression, info.lsn == Lsn(12) ? "zstd" : "");
    const Status verified = snapshots->verify(info.lsn);
    EXPECT_TRUE(verified.ok()) << verified.message();
    auto reader = snapshot::SnapshotReader::open(*dir, info.file, &zstd());
    ASSERT_TRUE(reader) << reader.error().message();
    const std::string wanted = golden_bytes(info.lsn.value);
    std::string state(wanted.size() + 1, '\0');
    const auto got = (*reader)->read(std::as_writable_bytes(std::span(state)));
    ASSERT_TRUE(got) << got.error().message();
    state.resize(*got);
    EXPECT_TRUE(state == wanted) << info.file;
  }
}

}  // namespace
}  // namespace forelog
