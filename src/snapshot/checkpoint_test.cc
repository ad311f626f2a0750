// checkpoint(): when it returns there is a snapshot, and until then there is the one before.
#include <gtest/gtest.h>

#include "snapshot/test_snapshots.h"

namespace forelog::testing {
namespace {

class CheckpointTest : public TestDisk {
 protected:
  void open_both() {
    open();
    reopen_snapshots();
  }
  void reopen_snapshots() {
    snapshots_.reset();
    snapshot_options_.file_system = &faults_;
    auto opened = Snapshots::open(kSnapshotDir, snapshot_options_);
    ASSERT_TRUE(opened) << opened.error().message();
    snapshots_.emplace(*std::move(opened));
  }

  void update(const std::string& command) {
    const auto lsn = log_->commit(command);
    ASSERT_TRUE(lsn) << lsn.error().message();
    ASSERT_TRUE(state_.apply(*lsn, command).ok());
  }
  Result<Lsn> make() { return checkpoint(*log_, *snapshots_, state_, Lsn(state_.commands.size())); }

  std::vector<std::uint64_t> listed() {
    std::vector<std::uint64_t> lsns;
    auto infos = snapshots_->list();
    if (!infos) return {};
    for (const SnapshotInfo& info : *infos) lsns.push_back(info.lsn.value);
    return lsns;
  }

  SnapshotOptions snapshot_options_;
  std::optional<Snapshots> snapshots_;
  ListState state_;
};

TEST_F(CheckpointTest, KeepsTheNewestAndHoldsTheLog) {
  open_both();
  for (int i = 1; i <= 4; ++i) {
    update("command " + std::to_string(i));
    const auto oldest = make();
    ASSERT_TRUE(oldest) << oldest.error().message();
    EXPECT_EQ(*oldest, Lsn(static_cast<std::uint64_t>(std::max(i - 1, 1))));
    EXPECT_EQ(log_->holders()->front().keep_from, oldest->next());
  }
  EXPECT_EQ(listed(), (std::vector<std::uint64_t>{4, 3}));
  EXPECT_TRUE(snapshots_->verify(Lsn(4)).ok());
  EXPECT_TRUE(snapshots_->verify(Lsn(3)).ok());
  EXPECT_EQ(snapshots_->verify(Lsn(2)).code(), Code::not_found);
  ListState loaded;
  auto reader =
      snapshot::SnapshotReader::open(*snapshots_->impl().dir, "0000000000000004.snapshot", nullptr);
  ASSERT_TRUE(reader) << reader.error().message();
  ASSERT_TRUE(loaded.load(**reader).ok());
  ASSERT_TRUE((*reader)->finish().ok());
  EXPECT_EQ(loaded.commands, state_.commands);
}

}  // namespace
}  // namespace forelog::testing
