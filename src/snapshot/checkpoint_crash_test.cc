// A checkpoint that is cut short at any call, or in which any call fails, leaves the snapshot before it
// or the new one, whole; and the log reaches back to whichever it is.
#include <gtest/gtest.h>

#include <random>
#include <tuple>

#include "snapshot/test_snapshots.h"

namespace forelog::testing {
namespace {

enum class Ending { killed, power_lost_everything, power_lost_something };

// A fixed way through updates, checkpoints and trims, which carries on as far as it can, and notes what
// it was promised.
class Life {
 public:
  Life(FileSystem& file_system, bool reserve) {
    log_options_ = test_options(file_system);
    snapshot_options_.file_system = &file_system;
    snapshot_options_.reserve = reserve;
    snapshot_options_.keep = 2;
    snapshot_options_.kind = "list";
  }

  static std::string command(std::uint64_t lsn) { return record_of(lsn, 12000); }

  void run() {
    auto log = Log::open(kLogDir, log_options_);
    if (!log) return;
    log_.emplace(*std::move(log));
    if (!open_snapshots()) return;
    for (const int updates : {8, 8, 1}) {
      for (int i = 0; i < updates; ++i) update();
      make();
    }
    if (!open_snapshots()) return;
    for (const int updates : {8, 0, 1}) {
      for (int i = 0; i < updates; ++i) update();
      make();
    }
  }

  void update() {
    const std::uint64_t lsn = state_.commands.size() + 1;
    if (appended_ >= lsn) return;  // It failed, and so does all behind it.
    const auto got = log_->commit(command(lsn));
    appended_ = std::max(appended_, log_->watermarks().appended.value);
    if (!got) return;
    ASSERT_EQ(got->value, lsn);
    acknowledged_ = lsn;
    ASSERT_TRUE(state_.apply(*got, command(lsn)).ok());
  }

  void make() {
    const auto oldest = checkpoint(*log_, *snapshots_, state_, Lsn(state_.commands.size()));
    if (!oldest) {
      EXPECT_TRUE(oldest.error().code() != Code::corrupt) << oldest.error().message();
      return;
    }
    newest_ = state_.commands.size();
    oldest_ = oldest->value;
    (void)log_->keep_from(oldest->next());
  }

  // Without faults, on what is there now.
  void check(FileSystem& file_system) {
    snapshots_.reset();
    log_.reset();
    log_options_.file_system = snapshot_options_.file_system = &file_system;
    auto log = Log::open(kLogDir, log_options_);
    ASSERT_TRUE(log) << log.error().message();
    log_.emplace(*std::move(log));
    ASSERT_TRUE(open_snapshots());
    std::vector<Damage> damaged;
    const auto infos = snapshots_->list(&damaged);
    ASSERT_TRUE(infos) << infos.error().message();
    EXPECT_TRUE(damaged.empty());
    ListState newest;
    for (const SnapshotInfo& info : *infos) {
      ListState loaded;
      ASSERT_NO_FATAL_FAILURE(load(info, loaded));
      if (info.lsn.value >= oldest_) {
        EXPECT_LE(log_->first_lsn(), info.lsn.next());
      }
      if (&info == &infos->front()) newest = std::move(loaded);
    }
    EXPECT_GE(newest.commands.size(), newest_);
    state_ = std::move(newest);
    replay();
    EXPECT_GE(state_.commands.size(), acknowledged_);
    EXPECT_LE(state_.commands.size(), std::max(appended_, acknowledged_));
    check_names(file_system);
    // And on.
    appended_ = state_.commands.size();
    update();
    const std::uint64_t last = newest_ = state_.commands.size();
    make();
    EXPECT_EQ(snapshots_->list()->front().lsn, Lsn(last));
    EXPECT_LE(snapshots_->list()->size(), 2u);
  }

 private:
  bool open_snapshots() {
    snapshots_.reset();
    auto opened = Snapshots::open(kSnapshotDir, snapshot_options_);
    if (!opened) return false;
    snapshots_.emplace(*std::move(opened));
    return true;
  }

  void load(const SnapshotInfo& info, ListState& state) {
    auto reader = snapshot::SnapshotReader::open(*snapshots_->impl().dir, info.file, nullptr);
    ASSERT_TRUE(reader) << reader.error().message();
    const Status loaded = state.load(**reader);
    ASSERT_TRUE(loaded.ok()) << loaded.message();
    ASSERT_TRUE((*reader)->finish().ok());
    ASSERT_EQ(state.commands.size(), info.lsn.value);
    for (std::uint64_t lsn = 1; lsn <= info.lsn.value; ++lsn) {
      ASSERT_EQ(state.commands[lsn - 1], command(lsn)) << "LSN " << lsn;
    }
  }

  void replay() {
    const Reading reading = read_from(*log_, {.from = Lsn(state_.commands.size() + 1)});
    ASSERT_TRUE(reading.end.ok()) << reading.end.message();
    for (const auto& [lsn, record] : reading.records) {
      ASSERT_EQ(lsn, state_.commands.size() + 1);
      ASSERT_EQ(record, command(lsn));
      ASSERT_TRUE(state_.apply(Lsn(lsn), record).ok());
    }
  }

  void check_names(FileSystem& file_system) {
    auto dir = file_system.open_directory(kSnapshotDir, false);
    ASSERT_TRUE(dir);
    const auto entries = (*dir)->list();
    ASSERT_TRUE(entries);
    for (const FileEntry& entry : *entries) {
      const bool room = snapshot_options_.reserve && entry.name == snapshot::kNextName;
      EXPECT_TRUE(room || entry.name == "LOCK" || snapshot::parse_snapshot_name(entry.name))
          << entry.name;
    }
  }

  Options log_options_;
  SnapshotOptions snapshot_options_;
  std::optional<Log> log_;
  std::optional<Snapshots> snapshots_;
  ListState state_;
  std::uint64_t appended_ = 0, acknowledged_ = 0;  // Commands.
  std::uint64_t newest_ = 0, oldest_ = 0;          // Snapshots, as checkpoint() told of them.
};

void end(MemoryFileSystem& disk, Ending ending, std::uint64_t seed) {
  if (ending == Ending::killed) return disk.kill_process();
  if (ending == Ending::power_lost_everything) return disk.power_cut();
  std::mt19937_64 dice(seed);
  disk.power_cut([&](std::uint64_t choices) { return dice() % choices; });
}

class CheckpointCrashTest : public ::testing::TestWithParam<bool> {};

INSTANTIATE_TEST_SUITE_P(, CheckpointCrashTest, ::testing::Bool(),
                         [](const auto& each) { return each.param ? "reserve" : "no_reserve"; });

// The nth call and all behind it do not happen; a write there happens by half.
TEST_P(CheckpointCrashTest, AnEndAtEveryCall) {
  std::uint64_t calls = 0;
  for (std::uint64_t n = 0; n == 0 || n <= calls; ++n) {
    for (const Ending ending :
         {Ending::killed, Ending::power_lost_everything, Ending::power_lost_something}) {
      SCOPED_TRACE("call " + std::to_string(n) + ", ending " +
                   std::to_string(static_cast<int>(ending)));
      MemoryFileSystem disk;
      FaultFileSystem faults(disk);
      std::uint64_t count = 0;
      faults.set_hook(
          [&](const FaultFileSystem::Call& call) -> std::optional<FaultFileSystem::Fault> {
            if (++count < n || n == 0) return std::nullopt;
            return FaultFileSystem::Fault{Status(Code::io_error, "the process has died"),
                                          count == n ? call.bytes / 1024 * 512 : 0};
          });
      Life life(faults, GetParam());
      life.run();
      if (n == 0) calls = count;
      end(disk, ending, n);
      life.check(disk);
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(calls, 100u);
  std::printf("%llu calls\n", static_cast<unsigned long long>(calls));
}

class CheckpointFaultTest : public ::testing::TestWithParam<FileOperation> {};

INSTANTIATE_TEST_SUITE_P(Operations, CheckpointFaultTest,
                         ::testing::Values(FileOperation::open, FileOperation::read,
                                           FileOperation::write, FileOperation::sync_data,
                                           FileOperation::allocate, FileOperation::truncate,
                                           FileOperation::size, FileOperation::open_directory,
                                           FileOperation::list, FileOperation::rename,
                                           FileOperation::remove, FileOperation::sync_directory,
                                           FileOperation::lock),
                         [](const auto& each) { return std::string(to_string(each.param)); });

// Of the log's own calls too, since one disk has both.
TEST_P(CheckpointFaultTest, FailsAtEveryCall) {
  std::uint64_t count = 0;
  for (std::uint64_t n = 0; n == 0 || n <= count; ++n) {
    for (const bool once : {true, false}) {
      for (const Code code : {Code::io_error, Code::no_space}) {
        for (const Ending ending : {Ending::killed, Ending::power_lost_everything}) {
          SCOPED_TRACE(std::string(to_string(GetParam())) + " " + std::to_string(n) +
                       (once ? ", once, " : " and later, ") + std::string(to_string(code)) +
                       (ending == Ending::killed ? ", killed" : ", power lost"));
          MemoryFileSystem disk;
          FaultFileSystem faults(disk);
          if (n != 0 && once) faults.fail_nth(GetParam(), n, Status(code, "injected"));
          if (n != 0 && !once) faults.fail_from_nth(GetParam(), n, Status(code, "injected"));
          Life life(faults, true);
          life.run();
          if (n == 0) count = faults.count(GetParam());
          end(disk, ending, n);
          life.check(disk);
          if (HasFailure()) return;
        }
      }
    }
  }
  EXPECT_GT(count, 0u);
}

}  // namespace
}  // namespace forelog::testing
