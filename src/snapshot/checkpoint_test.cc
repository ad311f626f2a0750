// checkpoint(): when it returns there is a snapshot, and until then there is the one before.
#include <gtest/gtest.h>

#include "base/checksum.h"
#include "snapshot/test_snapshots.h"

namespace forelog::testing {
namespace {

using Lsns = std::vector<std::uint64_t>;

class CheckpointTest : public TestDisk {
 protected:
  void open_both() {
    open();
    reopen_snapshots();
  }
  Result<Snapshots> try_open_snapshots() {
    snapshot_options_.file_system = &faults_;
    return Snapshots::open(kSnapshotDir, snapshot_options_);
  }
  void reopen_snapshots() {
    snapshots_.reset();
    auto opened = try_open_snapshots();
    ASSERT_TRUE(opened) << opened.error().message();
    snapshots_.emplace(*std::move(opened));
  }

  void update(const std::string& command) {
    const auto lsn = log_->commit(command);
    ASSERT_TRUE(lsn) << lsn.error().message();
    ASSERT_TRUE(state_.apply(*lsn, command).ok());
  }
  Result<Lsn> make() { return checkpoint(*log_, *snapshots_, state_, Lsn(state_.commands.size())); }

  // Some updates and a checkpoint, which works.
  void make_after(int updates) {
    for (int i = 0; i < updates; ++i) {
      update("command " + std::to_string(state_.commands.size() + 1));
    }
    const auto made = make();
    ASSERT_TRUE(made) << made.error().message();
  }

  static Lsns lsns_of(const Snapshots& snapshots) {
    Lsns lsns;
    const auto infos = snapshots.list();
    EXPECT_TRUE(infos) << infos.error().message();
    if (!infos) return lsns;
    for (const SnapshotInfo& info : *infos) lsns.push_back(info.lsn.value);
    return lsns;
  }
  Lsns listed() const { return lsns_of(*snapshots_); }

  static std::filesystem::path path(std::uint64_t lsn) {
    return kSnapshotDir / snapshot::snapshot_name(Lsn(lsn));
  }
  static const std::filesystem::path& room() {
    static const std::filesystem::path file = kSnapshotDir / snapshot::kNextName;
    return file;
  }
  void flip(const std::filesystem::path& file, std::size_t offset) {
    auto bytes = *disk_.read_file(file);
    bytes.at(offset) ^= std::byte{1};
    ASSERT_TRUE(disk_.write_file(file, ByteView(std::span(bytes))).ok());
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
    const auto holders = log_->holders();
    ASSERT_EQ(holders->size(), 1u);
    EXPECT_EQ(holders->front().name, "snapshots");
    EXPECT_EQ(holders->front().keep_from, oldest->next());
  }
  EXPECT_EQ(listed(), (Lsns{4, 3}));
  EXPECT_TRUE(snapshots_->verify(Lsn(4)).ok());
  EXPECT_TRUE(snapshots_->verify(Lsn(3)).ok());
  EXPECT_EQ(snapshots_->verify(Lsn(2)).code(), Code::not_found);
  const auto reader =
      snapshot::SnapshotReader::open(*snapshots_->impl().dir, "0000000000000004.snapshot", nullptr);
  ASSERT_TRUE(reader) << reader.error().message();
  ListState loaded;
  ASSERT_TRUE(loaded.load(**reader).ok());
  ASSERT_TRUE((*reader)->finish().ok());
  EXPECT_EQ(loaded.commands, state_.commands);
}

// The names of those it removes are off the disk before it says from where on the log is needed, also
// where that failed at first.
TEST_F(CheckpointTest, WhatWasRemovedDoesNotComeBack) {
  snapshot_options_.keep = 1;
  open_both();
  make_after(1);
  bool removed = false;
  faults_.set_hook([&](const FaultFileSystem::Call& call) -> std::optional<FaultFileSystem::Fault> {
    if (call.operation == FileOperation::remove) removed = true;
    if (!removed || call.operation != FileOperation::sync_directory) return std::nullopt;
    return FaultFileSystem::Fault{Status(Code::io_error, "injected"), 0};
  });
  update("command 2");
  EXPECT_EQ(make().error().code(), Code::io_error);
  EXPECT_TRUE(removed);
  faults_.fail_nothing();
  ASSERT_TRUE(make());
  disk_.power_cut();
  open_both();
  EXPECT_EQ(listed(), Lsns{2});
}

TEST_F(CheckpointTest, TellsWhatItMade) {
  const RunLength runs;
  snapshot_options_.kind = "list/1";
  snapshot_options_.compression = &runs;
  disk_.set_now(Timestamp(std::chrono::seconds(1000)));
  open_both();
  make_after(300);
  const auto infos = snapshots_->list();
  ASSERT_EQ(infos->size(), 1u);
  const SnapshotInfo& info = infos->front();
  EXPECT_EQ(info.lsn, Lsn(300));
  EXPECT_EQ(info.file, "000000000000012c.snapshot");
  EXPECT_EQ(info.bytes, disk_.read_file(kSnapshotDir / info.file)->size());
  EXPECT_GE(info.time, Timestamp(std::chrono::seconds(1000)));
  EXPECT_LT(info.time, Timestamp(std::chrono::seconds(1001)));
  EXPECT_EQ(info.kind, "list/1");
  EXPECT_EQ(info.log_id, log_->id());
  EXPECT_EQ(info.compression, "runs");
  const auto header = snapshot::read_header(*snapshots_->impl().dir, info.file, nullptr);
  ASSERT_TRUE(header->record);
  EXPECT_EQ(header->record, *snapshot::mark_of(*log_, Lsn(300)));
  // Whoever has not that compression can still tell.
  snapshots_.reset();
  snapshot_options_.compression = nullptr;
  reopen_snapshots();
  EXPECT_EQ(snapshots_->list()->front().compression, "method 200");
  EXPECT_EQ(snapshots_->verify(Lsn(300)).code(), Code::unsupported);
}

TEST_F(CheckpointTest, AStateOfNothingAndARecordThatIsNotThereAreRefused) {
  open_both();
  EXPECT_EQ(make().error().code(), Code::invalid_argument);
  update("one");
  EXPECT_EQ(checkpoint(*log_, *snapshots_, state_, Lsn(2)).error().code(), Code::invalid_argument);
  EXPECT_EQ(listed(), Lsns());
}

// Or a snapshot could hold what the log loses.
TEST_F(CheckpointTest, WaitsUntilTheRecordIsSynced) {
  open_both();
  const auto lsn = log_->append("not yet");
  ASSERT_TRUE(state_.apply(*lsn, "not yet").ok());
  EXPECT_LT(log_->watermarks().synced, *lsn);
  ASSERT_TRUE(make());
  EXPECT_EQ(log_->watermarks().synced, *lsn);
  // And makes none of one that cannot be.
  ASSERT_TRUE(log_->append("lost"));
  ASSERT_TRUE(state_.apply(Lsn(2), "lost").ok());
  faults_.reset_counts();
  faults_.fail_nth(FileOperation::sync_data, 1, Status(Code::io_error, "EIO"));
  EXPECT_EQ(make().error().code(), Code::outcome_unknown);
  EXPECT_EQ(listed(), Lsns{1});
}

TEST_F(CheckpointTest, TheSameLsnAgainWritesNothing) {
  open_both();
  make_after(3);
  const auto before = *disk_.read_file(path(3));
  faults_.reset_counts();
  const auto again = make();
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, Lsn(3));
  EXPECT_TRUE(*disk_.read_file(path(3)) == before);
  EXPECT_EQ(faults_.count(FileOperation::rename), 1u) << "the holder's, and no other";
}

TEST_F(CheckpointTest, TheSameLsnIsWrittenAnewWhereTheOldOneCannotBeReliedOn) {
  open_both();
  make_after(3);
  const auto before = *disk_.read_file(path(3));
  flip(path(3), 100);  // Its header.
  ASSERT_TRUE(make());
  EXPECT_TRUE(snapshots_->verify(Lsn(3)).ok());
  EXPECT_FALSE(*disk_.read_file(path(3)) == before) << "another salt";
  // A name that was not synced may be gone after a power cut, whatever later syncs say.
  update("four");
  faults_.reset_counts();
  faults_.fail_nth(FileOperation::sync_directory, 1, Status(Code::io_error, "EIO"));
  EXPECT_EQ(make().error().code(), Code::io_error);
  EXPECT_EQ(listed(), (Lsns{4, 3}));
  faults_.fail_nothing();
  const auto doubtful = *disk_.read_file(path(4));
  ASSERT_TRUE(make());
  EXPECT_FALSE(*disk_.read_file(path(4)) == doubtful);
  const auto sound = *disk_.read_file(path(4));
  ASSERT_TRUE(make());
  EXPECT_TRUE(*disk_.read_file(path(4)) == sound);
}

TEST_F(CheckpointTest, ANameThatWasNotSyncedIsSyncedByTheNextOpen) {
  open_both();
  update("one");
  faults_.set_hook([](const FaultFileSystem::Call& call) -> std::optional<FaultFileSystem::Fault> {
    if (call.operation != FileOperation::sync_directory || call.name != "snapshots") {
      return std::nullopt;
    }
    return FaultFileSystem::Fault{Status(Code::io_error, "killed"), 0};
  });
  EXPECT_FALSE(make());
  faults_.fail_nothing();
  disk_.kill_process();
  open_both();
  ASSERT_EQ(listed(), Lsns{1});
  cut_power();
  open_both();
  EXPECT_EQ(listed(), Lsns{1});
}

// Then a holder that has moved on would have let go of what an old snapshot that is back needs.
TEST_F(CheckpointTest, WhatWasPrunedStaysGone) {
  snapshot_options_.keep = 1;
  open_both();
  make_after(1);
  make_after(1);
  cut_power();
  open_both();
  EXPECT_EQ(listed(), Lsns{2});
}

TEST_F(CheckpointTest, AnOlderStateThanTheNewestSnapshotIsRefused) {
  open_both();
  make_after(3);
  const auto older = checkpoint(*log_, *snapshots_, state_, Lsn(2));
  ASSERT_FALSE(older);
  EXPECT_EQ(older.error().code(), Code::invalid_argument);
  EXPECT_NE(older.error().message().find("0000000000000003.snapshot"), std::string_view::npos);
}

// The log was cut, and went on otherwise: a snapshot of the same LSN is of another record.
TEST_F(CheckpointTest, ASnapshotOfAnotherHistoryIsReplaced) {
  open_both();
  make_after(3);
  ASSERT_TRUE(log_->release("snapshots").ok());
  ASSERT_TRUE(log_->keep_through(Lsn(2)).ok());
  state_.commands.pop_back();
  update("another third");
  ASSERT_TRUE(make());
  ListState loaded;
  const auto reader = snapshot::SnapshotReader::open(*snapshots_->impl().dir,
                                                     snapshot::snapshot_name(Lsn(3)), nullptr);
  ASSERT_TRUE(loaded.load(**reader).ok());
  EXPECT_EQ(loaded.commands, state_.commands);
  EXPECT_EQ((*reader)->header().record, *snapshot::mark_of(*log_, Lsn(3)));
}

TEST_F(CheckpointTest, ALogThatDroppedTheRecordLeavesItsMarkOpen) {
  options_.segment_bytes = 64 * KiB;
  open_both();
  for (int i = 0; i < 20; ++i) update(record_of(1, 9000));
  ASSERT_TRUE(log_->keep_from(Lsn(21)).ok());
  ASSERT_TRUE(log_->first_lsn() > Lsn(20));
  const auto made = make();
  ASSERT_TRUE(made) << made.error().message();
  const auto header =
      snapshot::read_header(*snapshots_->impl().dir, snapshot::snapshot_name(Lsn(20)), nullptr);
  EXPECT_FALSE(header->record);
}

TEST_F(CheckpointTest, WhatTheLogHasDroppedIsNotHeld) {
  snapshot_options_.keep = 2;
  options_.segment_bytes = 64 * KiB;
  open_both();
  make_after(1);
  ASSERT_TRUE(log_->release("snapshots").ok());
  for (int i = 0; i < 20; ++i) update(record_of(1, 9000));
  ASSERT_TRUE(log_->keep_from(Lsn(15)).ok());
  const auto made = make();
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(*made, Lsn(1)) << "is still kept";
  EXPECT_EQ(log_->holders()->front().keep_from, log_->first_lsn());
}

// ── Whose it is ──────────────────────────────────────────────────────────────

TEST_F(CheckpointTest, SnapshotsOfAnotherKindOrLogAreRefusedAndLeftAlone) {
  snapshot_options_.kind = "list";
  open_both();
  make_after(1);
  const auto before = *disk_.read_file(path(1));
  update("two");
  snapshots_.reset();
  snapshot_options_.kind = "map";
  reopen_snapshots();
  const auto other_kind = make();
  ASSERT_FALSE(other_kind);
  EXPECT_EQ(other_kind.error().code(), Code::invalid_argument);
  EXPECT_NE(other_kind.error().message().find("map"), std::string_view::npos);

  snapshots_.reset();
  snapshot_options_.kind = "";
  reopen_snapshots();
  Options options = options_;
  auto other_log = *Log::open("/other", options);
  ASSERT_TRUE(other_log.commit("one"));
  ASSERT_TRUE(other_log.commit("two"));
  const auto refused = checkpoint(other_log, *snapshots_, state_, Lsn(2));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::invalid_argument);
  EXPECT_NE(refused.error().message().find(other_log.id()), std::string_view::npos);
  EXPECT_EQ(listed(), Lsns{1});
  EXPECT_TRUE(*disk_.read_file(path(1)) == before);
  EXPECT_TRUE(make()) << "any kind";
}

TEST_F(CheckpointTest, OptionsThatCannotBeAreRefused) {
  snapshot_options_.keep = 0;
  EXPECT_EQ(try_open_snapshots().error().code(), Code::invalid_argument);
  snapshot_options_.keep = 1;
  snapshot_options_.kind = "with space";
  EXPECT_EQ(try_open_snapshots().error().code(), Code::invalid_argument);
  snapshot_options_.kind = std::string(33, 'k');
  EXPECT_EQ(try_open_snapshots().error().code(), Code::invalid_argument);
  snapshot_options_.kind = "";
  for (const unsigned id : {0u, 2u, 127u}) {
    const RunLength reserved(static_cast<std::uint8_t>(id));
    snapshot_options_.compression = &reserved;
    EXPECT_EQ(try_open_snapshots().error().code(), Code::invalid_argument);
  }
  snapshot_options_.compression = nullptr;
  snapshot_options_.create_if_missing = false;
  EXPECT_EQ(try_open_snapshots().error().code(), Code::not_found);
  snapshot_options_.create_if_missing = true;
  snapshot_options_.read_only = true;
  EXPECT_EQ(try_open_snapshots().error().code(), Code::not_found);
}

TEST_F(CheckpointTest, OneProcessMakesSnapshotsAndOthersRead) {
  open_both();
  make_after(1);
  EXPECT_EQ(try_open_snapshots().error().code(), Code::busy);
  snapshot_options_.read_only = true;
  const auto reading = try_open_snapshots();
  ASSERT_TRUE(reading) << reading.error().message();
  make_after(1);
  EXPECT_EQ(lsns_of(*reading), (Lsns{2, 1}));
  EXPECT_TRUE(reading->verify(Lsn(2)).ok());
  update("three");
  auto writable = *try_open_snapshots();
  EXPECT_EQ(checkpoint(*log_, writable, state_, Lsn(3)).error().code(), Code::invalid_argument);
}

// ── What lies about ──────────────────────────────────────────────────────────

TEST_F(CheckpointTest, WhatIsDamagedIsToldAndGoesWhenItIsOld) {
  open_both();
  make_after(1);
  make_after(1);
  flip(path(2), 50);
  flip(path(1), 300);
  std::vector<Damage> damaged;
  const auto infos = snapshots_->list(&damaged);
  ASSERT_EQ(infos->size(), 1u) << "by its header, the other one is sound";
  ASSERT_EQ(damaged.size(), 1u);
  EXPECT_EQ(damaged[0].file, path(2).filename());
  EXPECT_EQ(damaged[0].offset, 0u);
  EXPECT_EQ(damaged[0].bytes, disk_.read_file(path(2))->size());
  EXPECT_EQ(snapshots_->verify(Lsn(2)).code(), Code::corrupt);
  make_after(1);
  EXPECT_TRUE(disk_.read_file(path(2))) << "it is no older than what is kept";
  make_after(1);
  EXPECT_FALSE(disk_.read_file(path(2)));
  EXPECT_EQ(listed(), (Lsns{4, 3}));
}

// Else the one before it would go, and with it the only one that can be loaded.
TEST_F(CheckpointTest, WhatVerifyFoundDamagedCountsForNothing) {
  open_both();
  make_after(1);
  make_after(1);
  flip(path(2), 300);
  EXPECT_EQ(snapshots_->verify(Lsn(2)).code(), Code::corrupt);
  make_after(1);
  EXPECT_EQ(listed(), (Lsns{3, 2, 1}));
  make_after(1);
  EXPECT_EQ(listed(), (Lsns{4, 3}));
  flip(path(4), 300);
  EXPECT_EQ(snapshots_->verify(Lsn(4)).code(), Code::corrupt);
  ASSERT_TRUE(make()) << "of the same LSN, and written anew";
  EXPECT_TRUE(snapshots_->verify(Lsn(4)).ok());
}

TEST_F(CheckpointTest, ANewerFormatIsRefusedAndNotPassedOver) {
  open_both();
  make_after(1);
  auto bytes = *disk_.read_file(path(1));
  base::store_le<std::uint32_t>(bytes.data() + 8, 2);
  base::store_le(bytes.data() + 248, base::checksum(std::span(bytes).first(248), 0));
  ASSERT_TRUE(disk_.write_file(path(1), ByteView(std::span(bytes))).ok());
  EXPECT_EQ(snapshots_->list().error().code(), Code::unsupported);
  update("two");
  EXPECT_EQ(make().error().code(), Code::unsupported);
  EXPECT_TRUE(*disk_.read_file(path(1)) == bytes);
}

TEST_F(CheckpointTest, OpenRemovesWhatWasHalfWrittenAndNothingElse) {
  snapshot_options_.reserve = false;
  open_both();
  make_after(1);
  snapshots_.reset();
  for (const char* name : {"next.tmp", "0000000000000007.snapshot.tmp", "notes", "7.snapshot"}) {
    ASSERT_TRUE(disk_.write_file(kSnapshotDir / name, "bytes").ok());
  }
  snapshot_options_.read_only = true;
  reopen_snapshots();
  EXPECT_EQ(listed(), Lsns{1});
  EXPECT_TRUE(disk_.read_file(room())) << "who only reads removes nothing";
  snapshots_.reset();
  snapshot_options_.read_only = false;
  reopen_snapshots();
  EXPECT_FALSE(disk_.read_file(room()));
  EXPECT_FALSE(disk_.read_file(kSnapshotDir / "0000000000000007.snapshot.tmp"));
  EXPECT_TRUE(disk_.read_file(kSnapshotDir / "notes"));
  EXPECT_TRUE(disk_.read_file(kSnapshotDir / "7.snapshot"));
  EXPECT_EQ(listed(), Lsns{1});
}

// ── A full disk ──────────────────────────────────────────────────────────────

class FullDiskCheckpointTest : public CheckpointTest {
 protected:
  void grow() {
    for (int i = 0; i < 10; ++i) update(record_of(state_.commands.size() + 1, 10000));
  }
  // Nothing more fits, but for what has its blocks already.
  void fill_disk() {
    disk_.set_capacity(8 * MiB);
    const auto dir = *disk_.open_directory("/other", true);
    const auto file = *dir->open("filler", OpenMode::create_new);
    std::uint64_t bytes = 0;
    while (file->allocate(bytes + File::kBlockBytes).ok()) bytes += File::kBlockBytes;
    ASSERT_GT(bytes, 0u);
  }
};

TEST_F(FullDiskCheckpointTest, RoomThatIsKeptLetsTheNextOneThrough) {
  open_both();
  grow();
  ASSERT_TRUE(make());
  const std::uint64_t bytes = disk_.read_file(path(10))->size();
  EXPECT_EQ(disk_.read_file(room())->size(), bytes + bytes / 4);
  update("one more");
  fill_disk();
  const auto made = make();
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(log_->holders()->front().keep_from, Lsn(11));
  EXPECT_EQ(listed(), (Lsns{11, 10}));
  EXPECT_TRUE(snapshots_->verify(Lsn(11)).ok());
  EXPECT_FALSE(disk_.read_file(room())) << "nor is there room for a third";
  disk_.set_capacity(UINT64_MAX);
  update("and another");
  ASSERT_TRUE(make());
  EXPECT_EQ(listed(), (Lsns{12, 11}));
}

TEST_F(FullDiskCheckpointTest, RoomIsStillThereAfterASaveThatFailed) {
  open_both();
  grow();
  ASSERT_TRUE(make());
  const std::uint64_t reserved = disk_.read_file(room())->size();
  grow();  // To twice the size.
  fill_disk();
  const auto failed = make();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), Code::no_space) << failed.error().message();
  EXPECT_NE(failed.error().message().find("LSN 20"), std::string_view::npos);
  EXPECT_EQ(listed(), Lsns{10});
  EXPECT_TRUE(snapshots_->verify(Lsn(10)).ok());
  EXPECT_EQ(disk_.read_file(room())->size(), reserved);
  disk_.set_capacity(UINT64_MAX);
  ASSERT_TRUE(make());
  EXPECT_EQ(listed(), (Lsns{20, 10}));
}

TEST_F(FullDiskCheckpointTest, WithoutRoomTheOldOneStays) {
  snapshot_options_.reserve = false;
  open_both();
  grow();
  ASSERT_TRUE(make());
  EXPECT_FALSE(disk_.read_file(room()));
  update("one more");
  fill_disk();
  EXPECT_EQ(make().error().code(), Code::no_space);
  EXPECT_EQ(listed(), Lsns{10});
  EXPECT_FALSE(disk_.read_file(room())) << "half a snapshot would only take space";
}

TEST_F(FullDiskCheckpointTest, RoomIsMadeAnewAtOpen) {
  open_both();
  grow();
  ASSERT_TRUE(make());
  const std::uint64_t reserved = disk_.read_file(room())->size();
  snapshots_.reset();
  ASSERT_TRUE(disk_.remove_file(room()).ok());
  reopen_snapshots();
  EXPECT_EQ(disk_.read_file(room())->size(), reserved);
  // What a crash left half written has the blocks that the next one needs.
  snapshots_.reset();
  ASSERT_TRUE(disk_.write_file(room(), std::string(3 * reserved, 'x')).ok());
  fill_disk();
  reopen_snapshots();
  EXPECT_EQ(disk_.read_file(room())->size(), reserved);
}

}  // namespace
}  // namespace forelog::testing
