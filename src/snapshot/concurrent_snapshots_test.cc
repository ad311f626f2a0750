// Snapshots are listed and verified while others are made and pruned, in the process that makes them and
// beside it.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "snapshot/test_snapshots.h"

namespace forelog::testing {
namespace {

TEST(ConcurrentSnapshotsTest, LookingBesideTheOneWhoMakesThem) {
  MemoryFileSystem disk;
  auto log = *Log::open(kLogDir, test_options(disk));
  SnapshotOptions options;
  options.file_system = &disk;
  auto making = *Snapshots::open(kSnapshotDir, options);
  options.read_only = true;
  const auto reading = *Snapshots::open(kSnapshotDir, options);

  std::atomic<bool> done = false;
  std::atomic<int> seen = 0;
  const auto look = [&](const Snapshots& snapshots) {
    while (!done) {
      std::vector<Damage> damaged;
      const auto infos = snapshots.list(&damaged);
      ASSERT_TRUE(infos) << infos.error().message();
      EXPECT_TRUE(damaged.empty());
      for (const SnapshotInfo& info : *infos) {
        const Status verified = snapshots.verify(info.lsn);
        EXPECT_TRUE(verified.ok() || verified.code() == Code::not_found) << verified.message();
        ++seen;
      }
    }
  };
  std::thread own([&] { look(making); });
  std::thread other([&] { look(reading); });
  ListState state;
  while (state.commands.size() < 100 || seen < 100) {
    const std::string command = record_of(state.commands.size() + 1, 1000);
    const auto lsn = log.commit(command);
    ASSERT_TRUE(lsn);
    ASSERT_TRUE(state.apply(*lsn, command).ok());
    const auto made = checkpoint(log, making, state, *lsn);
    ASSERT_TRUE(made) << made.error().message();
  }
  done = true;
  own.join();
  other.join();
}

}  // namespace
}  // namespace forelog::testing
