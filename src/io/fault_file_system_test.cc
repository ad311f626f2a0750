// The file system that fails on command, around a disk in memory.
#include "forelog/fault_file_system.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "forelog/memory_file_system.h"

namespace forelog {
namespace {

using Call = FaultFileSystem::Call;
using Fault = FaultFileSystem::Fault;
using Operation = FileOperation;

constexpr std::chrono::microseconds kSoon{1};

const Status kBroken(Code::io_error, "broken on purpose");

class FaultFileSystemTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = faults_.open_directory("/log", true).value();
    file_ = directory_->open("f", OpenMode::create_new).value();
    faults_.reset_counts();
  }
  Status write(ByteView bytes) { return file_->write_at(0, bytes); }
  std::string content() const {
    const auto bytes = disk_.read_file("/log/f").value();
    return std::string(ByteView(bytes).text());
  }
  // Calls the operation once, in a way that succeeds unless it is made to fail.
  Status call(Operation operation);

  MemoryFileSystem disk_;
  FaultFileSystem faults_{disk_};
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<File> file_;
};

template <typename T>
Status status_of(const Result<T>& result) {
  return result.has_value() ? Status() : result.error();
}

Status FaultFileSystemTest::call(Operation operation) {
  std::array<std::byte, 1> byte{};
  switch (operation) {
    case Operation::open: return status_of(directory_->open("f", OpenMode::read_only));
    case Operation::read: return status_of(file_->read_at(0, byte));
    case Operation::write: return write("x");
    case Operation::sync_data: return file_->sync_data();
    case Operation::allocate: return file_->allocate(1);
    case Operation::truncate: return file_->truncate(1);
    case Operation::size: return status_of(file_->size());
    case Operation::open_directory: return status_of(directory_->open_directory("d", true));
    case Operation::list: return status_of(directory_->list());
    case Operation::rename: return directory_->rename("f", "f");
    case Operation::remove:
      EXPECT_TRUE(disk_.write_file("/log/victim", "").ok());
      return directory_->remove("victim");
    case Operation::sync_directory: return directory_->sync();
    case Operation::lock: return status_of(directory_->lock("lock"));
  }
  return kBroken;
}

std::vector<Operation> every_operation() {
  std::vector<Operation> all;
  for (std::size_t i = 0; i < kFileOperations; ++i) all.push_back(static_cast<Operation>(i));
  return all;
}

TEST_F(FaultFileSystemTest, PassesEverythingOn) {
  ASSERT_TRUE(write("abc").ok());
  EXPECT_EQ(content(), "abc");
  EXPECT_EQ(directory_->path(), "/log");
  EXPECT_FALSE(directory_->locked("lock").value());
  EXPECT_GT(directory_->free_bytes().value(), 0U);
  const Timestamp now(std::chrono::seconds(5));
  disk_.set_now(now);
  EXPECT_EQ(faults_.now(), now);
  MemoryFileSystem same;
  EXPECT_EQ(faults_.random(), same.random());
  file_->watch(0, 0, kSoon);
  file_->wake_watchers(0);
}

TEST_F(FaultFileSystemTest, CountsEveryOperation) {
  for (const Operation operation : every_operation()) {
    EXPECT_EQ(faults_.count(operation), 0U);
    EXPECT_TRUE(call(operation).ok()) << to_string(operation);
    EXPECT_TRUE(call(operation).ok()) << to_string(operation);
    EXPECT_EQ(faults_.count(operation), 2U) << to_string(operation);
  }
  faults_.reset_counts();
  for (const Operation operation : every_operation()) EXPECT_EQ(faults_.count(operation), 0U);
}

TEST_F(FaultFileSystemTest, EveryOperationHasAName) {
  std::set<std::string_view> names;
  for (const Operation operation : every_operation()) names.insert(to_string(operation));
  EXPECT_EQ(names.size(), kFileOperations);
  EXPECT_FALSE(names.contains("unknown"));
}

TEST_F(FaultFileSystemTest, FailsTheNthOnly) {
  for (const Operation operation : every_operation()) {
    faults_.reset_counts();
    faults_.fail_nth(operation, 2, kBroken);
    EXPECT_TRUE(call(operation).ok()) << to_string(operation);
    const Status status = call(operation);
    EXPECT_EQ(status.code(), Code::io_error) << to_string(operation);
    EXPECT_EQ(status.message(), "broken on purpose");
    EXPECT_TRUE(call(operation).ok()) << to_string(operation);
  }
}

TEST_F(FaultFileSystemTest, FailsFromTheNthOn) {
  for (const Operation operation : every_operation()) {
    faults_.reset_counts();
    faults_.fail_from_nth(operation, 2, kBroken);
    EXPECT_TRUE(call(operation).ok()) << to_string(operation);
    EXPECT_FALSE(call(operation).ok()) << to_string(operation);
    EXPECT_FALSE(call(operation).ok()) << to_string(operation);
    faults_.fail_nothing();
    EXPECT_TRUE(call(operation).ok()) << to_string(operation);
  }
}

TEST_F(FaultFileSystemTest, AFailedCallDoesNothing) {
  ASSERT_TRUE(write("abc").ok());
  faults_.set_hook([](const Call&) { return Fault{kBroken}; });
  EXPECT_FALSE(write("xyz").ok());
  EXPECT_FALSE(file_->truncate(0).ok());
  EXPECT_FALSE(file_->allocate(9).ok());
  EXPECT_FALSE(directory_->rename("f", "g").ok());
  EXPECT_FALSE(directory_->remove("f").ok());
  EXPECT_FALSE(directory_->open("h", OpenMode::create_new).has_value());
  EXPECT_FALSE(directory_->lock("lock").has_value());
  EXPECT_EQ(disk_.list_files(), std::vector<std::filesystem::path>{"/log/f"});
  EXPECT_EQ(content(), "abc");
}

TEST_F(FaultFileSystemTest, AFailedSyncSyncsNothing) {
  ASSERT_TRUE(file_->sync_data().ok());
  ASSERT_TRUE(directory_->sync().ok());
  ASSERT_TRUE(write("abc").ok());
  ASSERT_TRUE(directory_->rename("f", "g").ok());
  faults_.set_hook([](const Call&) { return Fault{kBroken}; });
  EXPECT_FALSE(file_->sync_data().ok());
  EXPECT_FALSE(directory_->sync().ok());
  disk_.power_cut();
  EXPECT_EQ(content(), "");
}

TEST_F(FaultFileSystemTest, OpeningTheDirectoryByPathCanFailToo) {
  faults_.fail_nth(Operation::open_directory, 1, kBroken);
  EXPECT_FALSE(faults_.open_directory("/other", true).has_value());
  EXPECT_FALSE(disk_.open_directory("/other", false).has_value());
}

TEST_F(FaultFileSystemTest, AFailingWriteMayWriteAPart) {
  ASSERT_TRUE(write("......").ok());
  faults_.set_hook([](const Call& call) -> std::optional<Fault> {
    if (call.operation != Operation::write) return std::nullopt;
    return Fault{Status(Code::no_space, "full"), 3};
  });
  const std::array<ByteView, 3> parts = {ByteView("ab"), ByteView("cd"), ByteView("ef")};
  EXPECT_EQ(file_->write_at(0, parts).code(), Code::no_space);
  EXPECT_EQ(content(), "abc...");
  EXPECT_EQ(file_->write_at(4, "z").code(), Code::no_space);  // More than there is: all of it.
  EXPECT_EQ(content(), "abc.z.");
}

TEST_F(FaultFileSystemTest, TheHookSeesTheCall) {
  std::vector<std::string> seen;
  faults_.set_hook([&seen](const Call& call) -> std::optional<Fault> {
    seen.push_back(std::string(to_string(call.operation)) + " " + std::string(call.name) + " #" +
                   std::to_string(call.index) + " " + std::to_string(call.offset) + "+" +
                   std::to_string(call.bytes));
    return std::nullopt;
  });
  const std::array<ByteView, 2> parts = {ByteView("ab"), ByteView("cde")};
  std::array<std::byte, 7> to{};
  EXPECT_TRUE(file_->write_at(10, parts).ok());
  EXPECT_TRUE(file_->write_at(15, "x").ok());
  EXPECT_TRUE(file_->read_at(3, to).has_value());
  EXPECT_TRUE(file_->allocate(100).ok());
  EXPECT_TRUE(file_->truncate(50).ok());
  EXPECT_TRUE(directory_->rename("f", "g").ok());
  EXPECT_TRUE(directory_->sync().ok());
  EXPECT_TRUE(faults_.open_directory("/log/", false).has_value());
  EXPECT_EQ(seen, (std::vector<std::string>{"write f #1 10+5", "write f #2 15+1", "read f #1 3+7",
                                            "allocate f #1 0+100", "truncate f #1 0+50",
                                            "rename f #1 0+0", "sync_directory log #1 0+0",
                                            "open_directory log #1 0+0"}));
}

TEST_F(FaultFileSystemTest, TheHookMayUseTheFileSystemItself) {
  faults_.set_hook([this](const Call& call) -> std::optional<Fault> {
    if (call.operation == Operation::write) {
      EXPECT_EQ(faults_.count(Operation::write), 1U);
      EXPECT_TRUE(file_->size().has_value());
      faults_.fail_nothing();
    }
    return std::nullopt;
  });
  EXPECT_TRUE(write("x").ok());
}

TEST_F(FaultFileSystemTest, HandlesOutliveTheWrapper) {
  auto faults = std::make_unique<FaultFileSystem>(disk_);
  const auto directory = faults->open_directory("/log", false).value();
  faults.reset();
  EXPECT_TRUE(directory->list().has_value());
}

class FaultFileSystemConcurrentTest : public FaultFileSystemTest {};

TEST_F(FaultFileSystemConcurrentTest, ThreadsAreCountedAndExactlyOneFails) {
  constexpr std::uint64_t kRounds = 100;
  faults_.fail_nth(Operation::write, 150, kBroken);
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (std::uint64_t round = 0; round < kRounds; ++round) {
        if (!file_->write_at(i, "x").ok()) ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(faults_.count(Operation::write), 4 * kRounds);
}

}  // namespace
}  // namespace forelog
