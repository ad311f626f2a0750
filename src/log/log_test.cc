// What the public API of a log promises, call by call, on a disk in memory.
#include "forelog/log.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <coroutine>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "forelog/await.h"
#include "forelog/fault_file_system.h"
#include "forelog/memory_file_system.h"

namespace forelog {
namespace {

class LogTest : public testing::Test {
 protected:
  LogTest() { open(); }

  static Options options_for(FileSystem& file_system) {
    Options options;
    options.file_system = &file_system;
    options.segment_bytes = 64 * KiB;
    options.write_behind = std::chrono::milliseconds(0);
    options.preallocate = false;
    return options;
  }

  void open() {
    log_.reset();
    options_.file_system = &faults_;
    Result<Log> log = Log::open("/log", options_);
    ASSERT_TRUE(log) << log.error().message();
    log_.emplace(*std::move(log));
  }
  void kill_and_open() {
    log_.reset();
    disk_.kill_process();
    open();
  }

  Lsn put(std::string_view record) {
    Result<Lsn> lsn = log_->append(record);
    EXPECT_TRUE(lsn) << lsn.error().message();
    return lsn ? *lsn : Lsn();
  }
  Lsn commit(std::string_view record) {
    Result<Lsn> lsn = log_->commit(record);
    EXPECT_TRUE(lsn) << lsn.error().message();
    return lsn ? *lsn : Lsn();
  }
  void commit_many(int count, std::size_t bytes = 1000) {
    for (int i = 0; i < count; ++i) put(std::string(bytes, 'r'));
    EXPECT_TRUE(log_->wait(log_->watermarks().appended).ok());
  }
  std::vector<std::string> read(ReadOptions options = {}) {
    std::vector<std::string> records;
    Cursor cursor = log_->read(std::move(options));
    while (true) {
      auto entry = cursor.next();
      if (!entry) {
        records.push_back("error: " + std::string(to_string(entry.error().code())));
        return records;
      }
      if (!*entry) return records;
      records.emplace_back((*entry)->payload.text());
    }
  }
  Code code_of_reading_from(std::uint64_t lsn) {
    Cursor cursor = log_->read({.from = Lsn(lsn)});
    auto entry = cursor.next();
    return entry ? Code::ok : entry.error().code();
  }

  using Records = std::vector<std::string>;

  MemoryFileSystem disk_;
  FaultFileSystem faults_{disk_};
  Options options_ = options_for(disk_);
  std::optional<Log> log_;
};

TEST_F(LogTest, AnIdStaysAndReadersSeeTheSame) {
  const std::string id = log_->id();
  EXPECT_EQ(id.size(), 32u);
  commit("a");
  Options reading;
  reading.recovery = RecoveryPolicy::read_only;
  reading.file_system = &disk_;
  auto reader = Log::open("/log", reading);
  ASSERT_TRUE(reader) << reader.error().message();
  EXPECT_EQ(reader->id(), id);
  kill_and_open();
  EXPECT_EQ(log_->id(), id);
}

TEST_F(LogTest, GivesDenseLsnsFromOne) {
  EXPECT_EQ(put("a"), Lsn(1));
  EXPECT_EQ(put("b"), Lsn(2));
  EXPECT_EQ(commit("c"), Lsn(3));
}

TEST_F(LogTest, ReadsBackWhatWasSynced) {
  commit("a");
  commit("");
  commit(std::string("\0\n\xff", 3));
  EXPECT_EQ(read(), (Records{"a", "", std::string("\0\n\xff", 3)}));
}

TEST_F(LogTest, ReadersSeeOnlyWhatReachedTheLevelTheyAskFor) {
  commit("synced");
  put("written");
  ASSERT_TRUE(log_->wait(Lsn(2), Durability::written).ok());
  put("buffered");
  EXPECT_EQ(read(), (Records{"synced"}));
  EXPECT_EQ(read({.at_least = Durability::written}), (Records{"synced", "written"}));
  EXPECT_EQ(read({.at_least = Durability::buffered}), (Records{"synced", "written", "buffered"}));
}

TEST_F(LogTest, WatermarksKeepTheirOrder) {
  put("a");
  EXPECT_EQ(log_->watermarks(), (Watermarks{Lsn(1), Lsn(0), Lsn(0)}));
  ASSERT_TRUE(log_->wait(Lsn(1), Durability::written).ok());
  EXPECT_EQ(log_->watermarks(), (Watermarks{Lsn(1), Lsn(1), Lsn(0)}));
  ASSERT_TRUE(log_->wait(Lsn(1)).ok());
  EXPECT_EQ(log_->watermarks(), (Watermarks{Lsn(1), Lsn(1), Lsn(1)}));
}

TEST_F(LogTest, BatchIsOneRangeInOneFrame) {
  Batch batch;
  batch.add("x").add("").add("z");
  Result<LsnRange> range = log_->commit(batch);
  ASSERT_TRUE(range);
  EXPECT_EQ(*range, (LsnRange{Lsn(1), Lsn(3)}));
  EXPECT_EQ(read(), (Records{"x", "", "z"}));
}

TEST_F(LogTest, RefusesWhatCouldNotBeReadBack) {
  options_.record_bytes_max = 10;
  options_.batch_bytes_max = 15;
  open();
  EXPECT_EQ(log_->append(std::string(11, 'x')).error().code(), Code::invalid_argument);
  Batch wide, long_one, empty;
  wide.add(std::string(8, 'x')).add(std::string(8, 'x'));
  long_one.add(std::string(11, 'x'));
  EXPECT_EQ(log_->append(wide).error().code(), Code::invalid_argument);
  EXPECT_EQ(log_->append(long_one).error().code(), Code::invalid_argument);
  EXPECT_EQ(log_->append(empty).error().code(), Code::invalid_argument);
  EXPECT_EQ(log_->watermarks().appended, Lsn(0));
  EXPECT_EQ(commit(std::string(10, 'x')), Lsn(1));
}

TEST_F(LogTest, RefusesOptionsOutOfRange) {
  for (const std::uint64_t bytes : {std::uint64_t{0}, 64 * KiB - 1, 4 * GiB + 1}) {
    Options options = options_for(disk_);
    options.segment_bytes = bytes;
    EXPECT_EQ(Log::open("/other", options).error().code(), Code::invalid_argument) << bytes;
  }
}

TEST_F(LogTest, WaitRefusesWhatWasNotAppended) {
  put("a");
  EXPECT_EQ(log_->wait(Lsn(2)).code(), Code::invalid_argument);
  EXPECT_EQ(log_->wait(Lsn(0)).code(), Code::invalid_argument);
}

TEST_F(LogTest, RecordsLargerThanASegmentGetOneForThemselves) {
  commit("small");
  commit(std::string(300'000, 'L'));
  commit("after");
  EXPECT_EQ(read(), (Records{"small", std::string(300'000, 'L'), "after"}));
  kill_and_open();
  EXPECT_EQ(read(), (Records{"small", std::string(300'000, 'L'), "after"}));
}

TEST_F(LogTest, RotatesAndReadsAcrossSegments) {
  Records expected;
  for (int i = 0; i < 500; ++i) {
    expected.push_back(std::to_string(i) + std::string(700, 'p'));
    commit(expected.back());
  }
  EXPECT_EQ(read(), expected);
  ASSERT_TRUE(log_->close().ok());
  open();
  EXPECT_TRUE(log_->recovery().closed_cleanly);
  EXPECT_GT(log_->recovery().segments, 4u);
  EXPECT_EQ(read(), expected);
  EXPECT_EQ(commit("next"), Lsn(501));
}

TEST_F(LogTest, SeeksByLsn) {
  commit_many(300);
  Cursor cursor = log_->read({.from = Lsn(250), .to = Lsn(252)});
  for (std::uint64_t lsn = 250; lsn <= 252; ++lsn) {
    auto entry = cursor.next();
    ASSERT_TRUE(entry && *entry);
    EXPECT_EQ((*entry)->lsn, Lsn(lsn));
  }
  auto end = cursor.next();
  ASSERT_TRUE(end);
  EXPECT_FALSE(*end);
}

TEST_F(LogTest, SeeksByTimeAndTimeNeverGoesBack) {
  const Timestamp noon{std::chrono::hours(24 * 365 * 100)};  // Later than the clock so far.
  for (int hour = 0; hour < 200; ++hour) {
    disk_.set_now(noon + std::chrono::hours(hour));
    commit(std::string(1000, 't'));
  }
  disk_.set_now(noon - std::chrono::hours(24));  // The machine's clock is set back.
  commit("late");
  for (const int hour : {0, 1, 77, 150, 199}) {
    Result<Lsn> found = log_->find(noon + std::chrono::hours(hour));
    ASSERT_TRUE(found) << found.error().message();
    EXPECT_EQ(found->value, static_cast<std::uint64_t>(hour) + 1);
  }
  EXPECT_EQ(log_->find(noon + std::chrono::hours(1000)).error().code(), Code::not_found);
  Cursor cursor = log_->read();
  Timestamp before{};
  while (auto entry = *cursor.next()) {
    EXPECT_GE(entry->time, before);
    before = entry->time;
  }
  open();
  commit("later");
  EXPECT_EQ(*log_->find(before), Lsn(200));
}

TEST_F(LogTest, KeepFromDropsWholeSegmentsAndNamesTheFirstKept) {
  commit_many(300);
  ASSERT_TRUE(log_->keep_from(Lsn(200)).ok());
  const Lsn first = log_->first_lsn();
  EXPECT_GT(first, Lsn(1));
  EXPECT_LE(first, Lsn(200));
  EXPECT_EQ(code_of_reading_from(first.value - 1), Code::trimmed);
  EXPECT_EQ(code_of_reading_from(first.value), Code::ok);
  EXPECT_EQ(read().size(), 301 - first.value);
  kill_and_open();
  EXPECT_EQ(log_->first_lsn(), first);
  EXPECT_EQ(read().size(), 301 - first.value);
  EXPECT_EQ(commit("next"), Lsn(301));
}

TEST_F(LogTest, KeepFromCanEmptyTheLog) {
  commit_many(100);
  ASSERT_TRUE(log_->keep_from(Lsn(101)).ok());
  EXPECT_EQ(log_->first_lsn(), Lsn(101));
  EXPECT_TRUE(read().empty());
  EXPECT_EQ(commit("next"), Lsn(101));
  ASSERT_TRUE(log_->keep_from(Lsn(102)).ok());
  kill_and_open();
  EXPECT_TRUE(read().empty());
  EXPECT_EQ(log_->keep_from(Lsn(104)).code(), Code::invalid_argument);
  EXPECT_EQ(commit("again"), Lsn(102));
}

TEST_F(LogTest, KeepThroughDropsTheRestDurably) {
  for (int i = 1; i <= 9; ++i) put(std::to_string(i));
  ASSERT_TRUE(log_->keep_through(Lsn(4)).ok());
  EXPECT_EQ(log_->watermarks(), (Watermarks{Lsn(4), Lsn(4), Lsn(4)}));
  EXPECT_EQ(read(), (Records{"1", "2", "3", "4"}));
  log_.reset();
  disk_.power_cut();
  open();
  EXPECT_EQ(read(), (Records{"1", "2", "3", "4"}));
  EXPECT_EQ(commit("five"), Lsn(5));
  EXPECT_EQ(read(), (Records{"1", "2", "3", "4", "five"}));
}

TEST_F(LogTest, KeepThroughAcrossSegmentsAndBackAgain) {
  commit_many(300);
  for (const std::uint64_t last : {250u, 130u, 129u, 1u, 0u}) {
    ASSERT_TRUE(log_->keep_through(Lsn(last)).ok()) << last;
    EXPECT_EQ(read().size(), last);
    kill_and_open();
    EXPECT_EQ(read().size(), last);
    EXPECT_EQ(log_->recovery().verdict, Verdict::clean);
    EXPECT_EQ(commit("new"), Lsn(last + 1));
    ASSERT_TRUE(log_->keep_through(Lsn(last)).ok());
  }
  EXPECT_EQ(log_->keep_through(Lsn(1)).code(), Code::invalid_argument);
}

TEST_F(LogTest, KeepThroughBeforeTheFirstKeptIsTrimmed) {
  commit_many(300);
  ASSERT_TRUE(log_->keep_from(Lsn(200)).ok());
  EXPECT_EQ(log_->keep_through(Lsn(3)).code(), Code::trimmed);
  ASSERT_TRUE(log_->keep_through(Lsn(log_->first_lsn().value - 1)).ok());
  EXPECT_TRUE(read().empty());
}

TEST_F(LogTest, ACursorThatPassedATruncationSaysSo) {
  commit_many(20, 10);
  Cursor cursor = log_->read();
  while (*cursor.next()) {
  }
  ASSERT_TRUE(log_->keep_through(Lsn(10)).ok());
  commit_many(20, 10);
  auto entry = cursor.next();
  ASSERT_FALSE(entry);
  EXPECT_EQ(entry.error().code(), Code::not_found);
  EXPECT_TRUE(entry.error().message().ends_with("read anew from LSN 11 on"));
}

// It stands before the cut, and had learned how far it may read before the cut was made.
TEST_F(LogTest, ACursorBeforeATruncationReadsWhatIsThereNow) {
  for (int i = 1; i <= 9; ++i) commit("old " + std::to_string(i));
  Cursor cursor = log_->read();
  for (int i = 1; i <= 2; ++i)
    EXPECT_EQ((*cursor.next())->payload.text(), "old " + std::to_string(i));
  ASSERT_TRUE(log_->keep_through(Lsn(4)).ok());
  for (int i = 5; i <= 6; ++i) commit("new " + std::to_string(i));
  Records rest;
  while (true) {
    const auto entry = cursor.next();
    ASSERT_TRUE(entry) << entry.error().message();
    if (!*entry) break;
    rest.emplace_back((*entry)->payload.text());
  }
  EXPECT_EQ(rest, (Records{"old 3", "old 4", "new 5", "new 6"}));
}

TEST_F(LogTest, HoldersKeepSegmentsUntilReleasedOrOverrun) {
  commit_many(300);
  ASSERT_TRUE(log_->hold("archiver", Lsn(70)).ok());
  ASSERT_TRUE(log_->keep_from(Lsn(300)).ok());
  EXPECT_LE(log_->first_lsn(), Lsn(70));
  kill_and_open();
  ASSERT_EQ(log_->holders()->size(), 1u);
  EXPECT_EQ(log_->holders()->front().keep_from, Lsn(70));
  ASSERT_TRUE(log_->keep_from(Lsn(300)).ok());
  EXPECT_LE(log_->first_lsn(), Lsn(70));
  ASSERT_TRUE(log_->hold("archiver", Lsn(70), 1000).ok());  // A cap that it has passed.
  EXPECT_TRUE(log_->holders()->front().overrun);
  ASSERT_TRUE(log_->keep_from(Lsn(300)).ok());
  EXPECT_GT(log_->first_lsn(), Lsn(70));
  EXPECT_EQ(log_->hold("archiver", Lsn(70)).code(), Code::trimmed);
  ASSERT_TRUE(log_->release("archiver").ok());
  EXPECT_EQ(log_->release("archiver").code(), Code::not_found);
  EXPECT_EQ(log_->hold("no/slash", Lsn(300)).code(), Code::invalid_argument);
}

TEST_F(LogTest, NotifyCallsOnceInOrder) {
  std::vector<std::uint64_t> called;
  std::atomic<int> left{3};
  for (int i = 0; i < 3; ++i) put("n");
  for (std::uint64_t lsn = 1; lsn <= 3; ++lsn) {
    log_->notify(Lsn(lsn), Durability::synced, [&, lsn](const Status& status) {
      EXPECT_TRUE(status.ok());
      called.push_back(lsn);
      --left;
    });
  }
  ASSERT_TRUE(log_->close().ok());  // Ends only once all are called.
  EXPECT_EQ(left, 0);
  EXPECT_EQ(called, (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST_F(LogTest, NotifyOfWhatWasNeverAppendedIsAnError) {
  std::optional<Code> code;
  log_->notify(Lsn(9), Durability::synced, [&](const Status& status) { code = status.code(); });
  ASSERT_TRUE(log_->close().ok());
  EXPECT_EQ(code, Code::invalid_argument);
}

struct Task {  // The smallest coroutine type.
  struct promise_type {
    Task get_return_object() { return {}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

Task append_and_await(Log& log, std::atomic<int>& done) {
  for (int i = 0; i < 3; ++i) {
    const Lsn lsn = *log.append("co");
    const Status status = co_await reached(log, lsn);
    if (status.ok() && log.watermarks().synced >= lsn) ++done;
  }
}

TEST_F(LogTest, CoroutinesAwaitDurability) {
  std::atomic<int> done{0};
  append_and_await(*log_, done);
  while (done < 3) std::this_thread::yield();
  ASSERT_TRUE(log_->close().ok());
}

TEST_F(LogTest, DeadlineThatPassedIsUnknownNotNegative) {
  const Lsn lsn = put("slow");
  std::atomic<bool> disk_waits{true};
  faults_.set_hook([&](const FaultFileSystem::Call& call) -> std::optional<FaultFileSystem::Fault> {
    if (call.operation == FileOperation::sync_data) disk_waits.wait(true);
    return std::nullopt;
  });
  const auto past = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  EXPECT_EQ(log_->wait(lsn, Durability::synced, past).code(), Code::timed_out);
  disk_waits = false;
  disk_waits.notify_all();
  const auto later = std::chrono::steady_clock::now() + std::chrono::hours(1);
  EXPECT_TRUE(log_->wait(lsn, Durability::synced, later).ok());
}

TEST_F(LogTest, FullBufferReportsWhenAsked) {
  options_.buffer_bytes_max = 4 * KiB;
  options_.when_buffer_full = WhenFull::report;
  open();
  // With no one writing the appender writes itself, so that it never meets a full buffer.
  for (int i = 0; i < 100; ++i) put(std::string(1000, 'b'));
  EXPECT_LE(log_->watermarks().appended.value - log_->watermarks().written.value, 5u);
}

TEST_F(LogTest, SecondWriterIsBusyAndReadersAreNot) {
  commit("a");
  EXPECT_EQ(Log::open("/log", options_).error().code(), Code::busy);
  Options reading = options_;
  reading.recovery = RecoveryPolicy::read_only;
  Result<Log> reader = Log::open("/log", reading);
  ASSERT_TRUE(reader) << reader.error().message();
  EXPECT_EQ(reader->append("no").error().code(), Code::invalid_argument);
  auto entry = reader->read().next();
  ASSERT_TRUE(entry && *entry);
}

TEST_F(LogTest, OpenOfNothingIsNotFound) {
  Options options = options_;
  options.create_if_missing = false;
  EXPECT_EQ(Log::open("/nothing", options).error().code(), Code::not_found);
  options.recovery = RecoveryPolicy::read_only;
  EXPECT_EQ(Log::open("/nothing", options).error().code(), Code::not_found);
}

TEST_F(LogTest, AfterCloseEverythingIsCancelled) {
  commit("a");
  ASSERT_TRUE(log_->close().ok());
  EXPECT_EQ(log_->append("b").error().code(), Code::cancelled);
  EXPECT_EQ(log_->close().code(), Code::cancelled);
  EXPECT_EQ(log_->keep_from(Lsn(1)).code(), Code::cancelled);
  EXPECT_TRUE(log_->wait(Lsn(1)).ok());
  open();
  EXPECT_TRUE(log_->recovery().closed_cleanly);
  EXPECT_EQ(read(), (Records{"a"}));
}

TEST_F(LogTest, FailedSyncIsUnknownAndClosesTheLogToWrites) {
  commit("safe");
  faults_.fail_nth(FileOperation::sync_data, faults_.count(FileOperation::sync_data) + 1,
                   Status(Code::io_error, "injected"));
  const Lsn lsn = put("lost?");
  EXPECT_EQ(log_->wait(lsn).code(), Code::outcome_unknown);
  // The next sync of the device would succeed: it must not be asked, and nothing acknowledged.
  const std::uint64_t syncs = faults_.count(FileOperation::sync_data);
  EXPECT_EQ(log_->wait(lsn).code(), Code::outcome_unknown);
  EXPECT_EQ(log_->append("more").error().code(), Code::io_error);
  EXPECT_EQ(log_->health().code(), Code::io_error);
  EXPECT_EQ(faults_.count(FileOperation::sync_data), syncs);
  EXPECT_EQ(read(), (Records{"safe"}));
  EXPECT_FALSE(log_->close().ok());
  log_.reset();
  faults_.fail_nothing();
  open();
  EXPECT_GE(read().size(), 1u);
  EXPECT_EQ(read().front(), "safe");
}

}  // namespace
}  // namespace forelog
