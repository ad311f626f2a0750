// Every call that touches the disk fails in turn, once and from then on, with every error it may
// have. Nothing acknowledged is lost, nothing hangs, and nothing that failed is called a success.
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <tuple>

#include "log/test_course.h"

namespace forelog::testing {
namespace {

enum class Ending { killed, power_lost };

// The kind of call, and whether the log has threads of its own at work: they make calls fail where
// no one looks, and recycle files.
using Kind = std::tuple<FileOperation, bool>;

class EveryFaultTest : public ::testing::TestWithParam<Kind> {
 protected:
  using Hook = std::function<std::optional<FaultFileSystem::Fault>(const FaultFileSystem::Call&)>;

  // How many calls of the kind there were.
  static std::uint64_t run(const Hook& hook, Ending ending) {
    MemoryFileSystem disk;
    FaultFileSystem faults(disk);
    Course::Setting setting;
    setting.options = test_options(faults);
    setting.memory = &disk;
    if (std::get<bool>(GetParam())) {
      setting.options.preallocate = true;
      setting.options.write_behind = std::chrono::milliseconds(1);
    }
    Course course(setting);
    faults.set_hook(hook);
    course.run();
    const std::uint64_t count = faults.count(std::get<FileOperation>(GetParam()));
    faults.fail_nothing();
    if (ending == Ending::killed) {
      disk.kill_process();
    } else {
      disk.power_cut();
    }
    course.check(disk);
    return count;
  }
};

TEST_P(EveryFaultTest, FailsAtEveryCall) {
  const FileOperation operation = std::get<FileOperation>(GetParam());
  const std::uint64_t count = run([](const auto&) { return std::nullopt; }, Ending::power_lost);
  ASSERT_FALSE(HasFailure()) << "without any fault";
  ASSERT_GT(count, 0u);
  for (std::uint64_t n = 1; n <= count; ++n) {
    for (const bool once : {true, false}) {
      for (const Code code : {Code::io_error, Code::no_space}) {
        for (const std::uint64_t part : {0u, 1u, 2u}) {
          if (part != 0 && operation != FileOperation::write) continue;
          for (const Ending ending : {Ending::killed, Ending::power_lost}) {
            run(
                [&](const FaultFileSystem::Call& call) -> std::optional<FaultFileSystem::Fault> {
                  if (call.operation != operation) return std::nullopt;
                  if (once ? call.index != n : call.index < n) return std::nullopt;
                  return FaultFileSystem::Fault{Status(code, "injected"), call.bytes * part / 2};
                },
                ending);
            ASSERT_FALSE(HasFailure())
                << to_string(operation) << " " << n << " of " << count
                << (once ? ", once" : " and later") << ", " << to_string(code) << ", " << part
                << "/2 written, " << (ending == Ending::killed ? "killed" : "power lost");
          }
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Operations, EveryFaultTest,
    ::testing::Combine(::testing::Values(FileOperation::open, FileOperation::read,
                                         FileOperation::write, FileOperation::sync_data,
                                         FileOperation::allocate, FileOperation::truncate,
                                         FileOperation::size, FileOperation::open_directory,
                                         FileOperation::list, FileOperation::rename,
                                         FileOperation::remove, FileOperation::sync_directory,
                                         FileOperation::lock),
                       ::testing::Bool()),
    [](const auto& each) {
      return std::string(to_string(std::get<FileOperation>(each.param))) +
             (std::get<bool>(each.param) ? "_with_threads" : "");
    });

class FaultTest : public TestDisk {};

// ── A failed sync ────────────────────────────────────────────────────────────

TEST_F(FaultTest, AfterAFailedSyncNothingIsAcknowledgedAndReadingGoesOn) {
  open();
  commit(3);
  ASSERT_TRUE(log_->append("lost?"));
  faults_.reset_counts();
  faults_.fail_nth(FileOperation::sync_data, 1, Status(Code::io_error, "EIO"));
  EXPECT_EQ(log_->wait(Lsn(4)).code(), Code::outcome_unknown);
  for (int again = 0; again < 3; ++again) {
    EXPECT_EQ(log_->wait(Lsn(4)).code(), Code::outcome_unknown);
  }
  EXPECT_EQ(faults_.count(FileOperation::sync_data), 1u) << "a sync was tried again";
  EXPECT_TRUE(log_->wait(Lsn(3)).ok());
  EXPECT_EQ(log_->watermarks().synced, Lsn(3));
  EXPECT_EQ(log_->append("more").error().code(), Code::io_error);
  EXPECT_EQ(log_->health().code(), Code::io_error);
  expect_records(1, 3);
  Status told;
  log_->notify(Lsn(4), Durability::synced, [&](const Status& status) { told = status; });
  EXPECT_EQ(log_->close().code(), Code::io_error);
  EXPECT_EQ(told.code(), Code::outcome_unknown);
  // Only what is read back from the disk, and synced anew, is the log from then on.
  open();
  EXPECT_EQ(report_.last_lsn, Lsn(4));
  cut_power();
  open();
  EXPECT_EQ(report_.last_lsn, Lsn(4));
}

// Linux marks pages that it could not write as clean: the next sync is a success and the disk holds
// what it held. So recovery writes again what no witness proves.
class RewriteTest : public FaultTest {
 protected:
  // Nine frames of records of that size, of which the first five are proven to be synced.
  void expect_rewrite(std::size_t bytes) {
    open();
    commit(5, bytes);
    write(4, bytes);
    end_process();
    const auto frames = damage_.frames(1);
    damage_.drop_marks();  // Then the frames prove LSN 5, by the first frame behind it.
    std::uint64_t covered = 0;
    bool synced = false;
    faults_.set_hook([&](const FaultFileSystem::Call& call) {
      if (call.name == damage_.segment(1) && call.operation == FileOperation::write) {
        EXPECT_LE(call.offset, std::max(covered, frames[5].offset));
        EXPECT_FALSE(synced);
        covered = call.offset + call.bytes;
      }
      if (call.name == damage_.segment(1) && call.operation == FileOperation::sync_data) {
        EXPECT_EQ(covered, frames.back().end());
        synced = true;
      }
      return std::optional<FaultFileSystem::Fault>();
    });
    const auto before = damage_.bytes(damage_.segment(1));
    open();
    EXPECT_TRUE(synced);
    EXPECT_TRUE(damage_.bytes(damage_.segment(1)) == before);
  }
};

TEST_F(RewriteTest, RecoveryWritesAgainWhatMayBeInThePageCacheOnly) { expect_rewrite(3000); }

// An index then leads to where the doubtful frames begin, and they take several writes.
TEST_F(RewriteTest, RecoveryWritesAgainLargeFramesToo) {
  options_.segment_bytes = 8 * MiB;
  expect_rewrite(700'000);
}

// The writer seals a full segment while a sync of that very file is under way, and fails. The error
// is told once: to the first of the two. The other must not take its success for the whole.
TEST_F(FaultTest, ARotationDoesNotOutrunASyncThatFails) {
  open();
  commit(1);
  std::mutex mutex;
  std::condition_variable changed;
  int syncs = 0;
  faults_.set_hook([&](const FaultFileSystem::Call& call) -> std::optional<FaultFileSystem::Fault> {
    if (call.operation != FileOperation::sync_data || !call.name.starts_with("first-1")) {
      return std::nullopt;
    }
    std::unique_lock lock(mutex);
    changed.notify_all();
    if (++syncs > 1) return std::nullopt;
    // The second sync of the file, if it comes, comes while this one is under way.
    changed.wait_for(lock, std::chrono::milliseconds(200), [&] { return syncs > 1; });
    return FaultFileSystem::Fault{Status(Code::io_error, "EIO")};
  });
  ASSERT_TRUE(log_->append("lost"));
  Status waited;
  std::thread leader([&] { waited = log_->wait(Lsn(2)); });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return syncs > 0; });
  }
  for (int i = 0; i < 30; ++i) (void)log_->append(std::string(5000, 'x'));
  (void)log_->wait(log_->watermarks().appended, Durability::written);
  leader.join();
  EXPECT_EQ(waited.code(), Code::outcome_unknown);
  EXPECT_EQ(log_->watermarks().synced, Lsn(1));
  EXPECT_EQ(log_->wait(Lsn(2)).code(), Code::outcome_unknown);
}

// ── A full disk ──────────────────────────────────────────────────────────────

class FullDiskTest : public TestDisk {
 protected:
  void fill_up() {
    open();
    while (true) {
      const std::uint64_t lsn = log_->watermarks().appended.value + 1;
      const auto got = log_->append(record_of(lsn, 3000));
      if (!got) {
        EXPECT_EQ(got.error().code(), Code::no_space) << got.error().message();
        break;
      }
      expected_[lsn] = record_of(lsn, 3000);
      EXPECT_EQ(got->value, lsn);
      ASSERT_LT(lsn, 1000u);
    }
    last_ = expected_.rbegin()->first;
  }
  std::uint64_t last_ = 0;
};

TEST_F(FullDiskTest, AppendsFailAndResumeAndNothingElseChanges) {
  for (std::uint64_t kib = 90; kib < 500; kib += 13) {
    SCOPED_TRACE(kib);
    end_process();
    for (const auto& file : disk_.list_files()) ASSERT_TRUE(disk_.remove_file(file).ok());
    expected_.clear();
    disk_.set_capacity(kib * KiB);
    fill_up();
    // What was given an LSN has its space.
    EXPECT_TRUE(log_->wait(Lsn(last_)).ok());
    EXPECT_TRUE(log_->health().ok());
    expect_records(1, last_);
    for (int again = 0; again < 3; ++again) {
      EXPECT_EQ(log_->append(std::string(3000, 'x')).error().code(), Code::no_space);
    }
    EXPECT_EQ(log_->watermarks().appended, Lsn(last_));
    EXPECT_TRUE(log_->close().ok());
    open();
    EXPECT_TRUE(report_.closed_cleanly);
    expect_records(1, last_);
    disk_.set_capacity(UINT64_MAX);
    commit(5, 3000);
    EXPECT_EQ(expected_.rbegin()->first, last_ + 5);
    cut_power();
    open();
    expect_records(1, last_ + 5);
    if (HasFailure()) return;
  }
}

TEST_F(FullDiskTest, TrimmingMakesRoom) {
  disk_.set_capacity(300 * KiB);
  fill_up();
  ASSERT_TRUE(log_->wait(Lsn(last_)).ok());
  ASSERT_GT(damage_.files(".segment").size(), 2u);
  ASSERT_TRUE(log_->keep_from(Lsn(last_)).ok());
  EXPECT_EQ(damage_.files(".segment").size(), 1u);
  commit(30, 3000);
  expect_records(log_->first_lsn().value, last_ + 30);
}

TEST_F(FullDiskTest, CanBeEmptied) {
  disk_.set_capacity(300 * KiB);
  fill_up();
  ASSERT_TRUE(log_->keep_from(Lsn(last_ + 1)).ok());
  EXPECT_EQ(log_->first_lsn(), Lsn(last_ + 1));
  commit(30, 3000);
  expect_records(last_ + 1, last_ + 30);
}

TEST_F(FullDiskTest, AFailedRotationInTheBackgroundIsToldOnlyWhenTheSegmentIsNeeded) {
  options_.preallocate = true;
  disk_.set_capacity(100 * KiB);
  fill_up();
  EXPECT_TRUE(log_->wait(Lsn(last_)).ok());
  disk_.set_capacity(UINT64_MAX);
  commit(30, 3000);
  EXPECT_TRUE(log_->close().ok());
}

// ── Large LSNs ───────────────────────────────────────────────────────────────

class LargeLsnTest : public TestDisk {
 protected:
  // A log whose next record is that one.
  void open_at(std::uint64_t lsn) {
    open();
    close();
    damage_.drop_marks();
    damage_.change(damage_.segment(1), [](std::vector<std::byte>& file) {
      std::fill(file.begin() + format::kSegmentHeaderBytes, file.end(), std::byte{0});
    });
    format::SegmentHeader header = damage_.header(1);
    header.first_lsn = Lsn(lsn);
    damage_.put_header(1, header);
    open();
    ASSERT_EQ(log_->watermarks().appended, Lsn(lsn - 1));
  }
};

TEST_F(LargeLsnTest, GoOnBehindTwoToThe32) {
  const std::uint64_t first = (std::uint64_t{1} << 32) - 20;
  open_at(first);
  commit(40, 5000);
  EXPECT_GT(damage_.files(".segment").size(), 2u);
  ASSERT_TRUE(log_->keep_from(Lsn(first + 30)).ok());
  expected_.erase(expected_.begin(), expected_.lower_bound(log_->first_lsn().value));
  EXPECT_GT(log_->first_lsn(), Lsn(first));
  ASSERT_TRUE(log_->keep_through(Lsn(first + 35)).ok());
  expected_.erase(expected_.upper_bound(first + 35), expected_.end());
  cut_power();
  open();
  expect_records(expected_.begin()->first, first + 35);
  commit(3);
}

// Nobody gets there by appending. A file may say so all the same, and must not end the host.
TEST_F(LargeLsnTest, EndBeforeTwoToThe63) {
  const std::uint64_t last = (std::uint64_t{1} << 63) - 2;
  open_at(last - 2);
  commit(2);
  Batch batch;
  batch.add("fits");
  batch.add("does not");
  EXPECT_EQ(log_->append(batch).error().code(), Code::invalid_argument);
  commit(1);
  EXPECT_EQ(log_->append("no").error().code(), Code::invalid_argument);
  EXPECT_EQ(log_->watermarks().appended, Lsn(last));
  EXPECT_TRUE(log_->health().ok());
  expect_records(last - 2, last);
  EXPECT_TRUE(log_->keep_from(Lsn(last)).ok());
  close();
  open();
  EXPECT_TRUE(report_.closed_cleanly);
  expect_records(last - 2, last);
  EXPECT_EQ(log_->append("no").error().code(), Code::invalid_argument);
  ASSERT_TRUE(log_->keep_through(Lsn(last - 1)).ok());
  expected_.erase(last);
  commit(1);
  expect_records(last - 2, last);
}

// ── What cannot be read back is refused when it is written ───────────────────

TEST_F(FaultTest, ARecordOrBatchOverItsLimitIsRefused) {
  options_.record_bytes_max = 1000;
  options_.batch_bytes_max = 3000;
  open();
  EXPECT_EQ(log_->append(std::string(1001, 'x')).error().code(), Code::invalid_argument);
  EXPECT_TRUE(log_->append(std::string(1000, 'x')));
  Batch batch;
  EXPECT_EQ(log_->append(batch).error().code(), Code::invalid_argument);
  batch.add(std::string(1001, 'x'));
  EXPECT_EQ(log_->append(batch).error().code(), Code::invalid_argument);
  batch.clear();
  for (int i = 0; i < 4; ++i) batch.add(std::string(1000, 'x'));
  EXPECT_EQ(log_->append(batch).error().code(), Code::invalid_argument);
  EXPECT_EQ(log_->watermarks().appended, Lsn(1));
}

// A second log in the same directory is not disturbed by what is left of the first.
TEST_F(FaultTest, AClosedLogTouchesNothingAnyMore) {
  options_.preallocate = true;
  open();
  commit(9, 5000);  // More than half a segment: the next one is prepared.
  const auto spare_exists = [&] {
    for (int i = 0; i < 100000; ++i) {
      if (!damage_.files("spare-").empty()) return true;
      std::this_thread::yield();
    }
    return false;
  };
  ASSERT_TRUE(spare_exists());
  ASSERT_TRUE(log_->close().ok());
  {
    auto second = try_open();
    ASSERT_TRUE(second) << second.error().message();
    ASSERT_TRUE(second->commit("a frame"));
    ASSERT_TRUE(spare_exists());
    log_.reset();  // The first one's end.
    for (int i = 0; i < 30; ++i) {
      const auto lsn = second->commit(std::string(5000, 'x'));
      ASSERT_TRUE(lsn) << lsn.error().message();
    }
  }
}

}  // namespace
}  // namespace forelog::testing
