// Groups that are written around the page cache: when they are, when they must not be, and what a
// crash or a failure leaves. In memory a direct write is a write of whole blocks and a sync.
#include <gtest/gtest.h>

#include <filesystem>

#include <unistd.h>

#include "log/test_disk.h"

namespace forelog::testing {
namespace {

using Call = FaultFileSystem::Call;

// So many groups, and both ways have been tried several times (sync_method.h).
constexpr std::uint64_t kTrial = 64;

class DirectWriteTest : public TestDisk {
 protected:
  DirectWriteTest() {
    faults_.set_hook([this](const Call& call) { return on(call); });
  }

  // By what it looks like; the first block is the segment's header.
  static bool direct(const Call& call) {
    return call.operation == FileOperation::write && !call.name.starts_with("WATERMARK") &&
           call.offset > 0 && call.offset % File::kBlockBytes == 0 &&
           call.bytes % File::kBlockBytes == 0;
  }
  std::optional<FaultFileSystem::Fault> on(const Call& call) {
    if (!direct(call)) return std::nullopt;
    ++directs_;
    if (!fail_) return std::nullopt;
    return FaultFileSystem::Fault{Status(Code::io_error, "EIO"), call.bytes * fail_part_ / 4};
  }
  // The power goes, and the log is opened and read again.
  void come_back() {
    cut_power();
    open();
    expect_records(1, expected_.rbegin()->first);
  }

  std::uint64_t directs_ = 0;
  bool fail_ = false;
  std::uint64_t fail_part_ = 0;  // Quarters of it that are written.
};

TEST_F(DirectWriteTest, AGroupThatIsSyncedAtOnceIsWrittenEitherWayAndReadsTheSame) {
  open();
  commit(kTrial);
  EXPECT_EQ(directs_, kTrial / 2);
  expect_records(1, kTrial);
  come_back();
}

TEST_F(DirectWriteTest, GroupsOfEverySizeLieBehindOneAnother) {
  open();
  // Ends that lie at, before and behind the end of a block.
  for (std::size_t bytes = 3800; bytes < 4200; ++bytes) commit(1, bytes);
  EXPECT_GT(directs_, 16u);
  for (const std::string& name : damage_.files(".segment")) {
    EXPECT_LE(damage_.bytes(name).size(), options_.segment_bytes) << name;
  }
  come_back();
}

TEST_F(DirectWriteTest, NotWhenItIsTurnedOff) {
  options_.direct_writes = false;
  open();
  commit(kTrial);
  EXPECT_EQ(directs_, 0u);
}

TEST_F(DirectWriteTest, NotWhileATailFollows) {
  open();
  {
    Cursor tail = log_->tail({});
    commit(kTrial);
    EXPECT_EQ(directs_, 0u);
  }
  commit(kTrial);
  EXPECT_EQ(directs_, kTrial / 2);
}

// It would sync the group, and not what is in front of it.
TEST_F(DirectWriteTest, NotBehindWhatIsWrittenAndNotSynced) {
  open();
  for (std::uint64_t i = 0; i < kTrial; ++i) {
    write(1);
    commit(1);
  }
  EXPECT_EQ(directs_, 0u);
  come_back();
}

TEST_F(DirectWriteTest, ABlockThatWasWrittenThroughTheCacheIsGoneOnIn) {
  open();
  commit(12);
  EXPECT_EQ(directs_, 4u);
  write(1);
  commit(65);  // It pauses.
  EXPECT_EQ(directs_, 4u);
  commit(kTrial);
  EXPECT_EQ(directs_, kTrial / 2);
  come_back();
}

TEST_F(DirectWriteTest, AFailureClosesTheLogAndLosesNothingAcknowledged) {
  for (fail_part_ = 0; fail_part_ <= 4; ++fail_part_) {
    fail_ = false;
    open();
    commit(8);  // Through the cache.
    fail_ = true;
    const std::uint64_t next = expected_.rbegin()->first + 1;
    const auto lost = log_->commit(record_of(next, 100));
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().code(), Code::outcome_unknown) << lost.error().message();
    EXPECT_EQ(log_->append("more").error().code(), Code::io_error);
    faults_.reset_counts();
    EXPECT_EQ(log_->wait(Lsn(next)).code(), Code::outcome_unknown);
    EXPECT_EQ(faults_.count(FileOperation::write), 0u) << "it was tried again";
    fail_ = false;
    cut_power();
    open();
    expected_[next] = record_of(next, 100);
    const std::uint64_t last = log_->watermarks().synced.value;
    ASSERT_GE(last, next - 1);
    ASSERT_LE(last, next);
    expected_.erase(expected_.upper_bound(last), expected_.end());
    expect_records(1, last);
  }
}

TEST_F(DirectWriteTest, AFailedSyncOfOneIsNotTriedAgain) {
  open();
  commit(8);
  faults_.fail_from_nth(FileOperation::sync_data, faults_.count(FileOperation::sync_data) + 1,
                        Status(Code::io_error, "EIO"));
  EXPECT_EQ(log_->commit("lost?").error().code(), Code::outcome_unknown);
  faults_.fail_nothing();
  EXPECT_EQ(log_->append("more").error().code(), Code::io_error);
  come_back();
}

// What is written around the cache is what everyone reads through it, on a real file system too.
TEST(DirectWriteOnDiskTest, AReaderOfItsOwnSeesWhatWasWrittenAroundTheCache) {
  std::string place = (std::filesystem::temp_directory_path() / "forelog_direct_XXXXXX").native();
  ASSERT_NE(::mkdtemp(place.data()), nullptr);
  Options options;
  options.segment_bytes = 1 * MiB;
  Options read_only;
  read_only.recovery = RecoveryPolicy::read_only;
  const std::filesystem::path dir = std::filesystem::path(place) / "log";
  std::uint64_t last = 0;
  {
    auto log = Log::open(dir, options);
    ASSERT_TRUE(log) << log.error().message();
    for (std::uint64_t round = 0; round < 20; ++round) {
      for (int i = 0; i < 50; ++i) {
        ++last;
        ASSERT_TRUE(log->commit(record_of(last, 1 + last * 37 % 3000)));
      }
      auto reader = Log::open(dir, read_only);
      ASSERT_TRUE(reader) << reader.error().message();
      Cursor cursor = reader->read({});
      for (std::uint64_t lsn = 1; lsn <= last; ++lsn) {
        const auto entry = cursor.next();
        ASSERT_TRUE(entry) << entry.error().message();
        ASSERT_TRUE(*entry) << "ends before LSN " << lsn;
        ASSERT_EQ((*entry)->payload.text(), record_of(lsn, 1 + lsn * 37 % 3000));
      }
    }
  }
  std::filesystem::remove_all(place);
}

}  // namespace
}  // namespace forelog::testing
