// The disk in memory: as a file system, and as a model of what a power cut may leave. The dice of a
// cut are an odometer that visits every outcome, so that "may be left" is an exact set.
#include "forelog/memory_file_system.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace forelog {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using Strings = std::set<std::string>;

template <typename T>
Code code_of(const Result<T>& result) {
  return result.has_value() ? Code::ok : result.error().code();
}

std::string text_of(const std::vector<std::byte>& bytes) {
  return std::string(ByteView(bytes).text());
}

// Dice that give every sequence of answers once, if asked the same questions for the same answers.
class Odometer {
 public:
  std::uint64_t operator()(std::uint64_t outcomes) {
    if (next_ == digits_.size()) digits_.emplace_back(0, outcomes);
    EXPECT_EQ(digits_[next_].second, outcomes);
    return digits_[next_++].first;
  }
  bool advance() {  // False after the last sequence.
    next_ = 0;
    while (!digits_.empty() && ++digits_.back().first == digits_.back().second) digits_.pop_back();
    return !digits_.empty();
  }

 private:
  std::vector<std::pair<std::uint64_t, std::uint64_t>> digits_;
  std::size_t next_ = 0;
};

std::uint64_t newest(std::uint64_t outcomes) { return outcomes - 1; }

class MemoryFileSystemTest : public testing::Test {
 protected:
  void SetUp() override { use({}); }
  void use(MemoryFileSystem::Options options) {
    disk_ = std::make_unique<MemoryFileSystem>(options);
    reopen();
  }
  void reopen() {
    auto opened = disk_->open_directory("/log", true);
    ASSERT_TRUE(opened.has_value());
    directory_ = *std::move(opened);
  }
  std::unique_ptr<File> open(std::string_view name, OpenMode mode = OpenMode::read_write) {
    auto opened = directory_->open(name, mode);
    EXPECT_TRUE(opened.has_value()) << name;
    return opened.has_value() ? *std::move(opened) : nullptr;
  }
  std::unique_ptr<File> create(std::string_view name, ByteView content = {}) {
    auto file = open(name, OpenMode::create_new);
    EXPECT_TRUE(file->write_at(0, content).ok());
    return file;
  }
  // On the disk, name and content.
  std::unique_ptr<File> create_synced(std::string_view name, ByteView content = {}) {
    auto file = create(name, content);
    EXPECT_TRUE(file->sync_data().ok());
    EXPECT_TRUE(directory_->sync().ok());
    return file;
  }
  std::string content(const std::string& name) const {
    return text_of(disk_->read_file("/log/" + name).value());
  }
  // "a=content of a b=…", of all files in the log's directory.
  static std::string picture(const MemoryFileSystem& disk) {
    std::string text;
    for (const auto& path : disk.list_files()) {
      if (!text.empty()) text += ' ';
      text += path.filename().native() + "=" + text_of(disk.read_file(path).value());
    }
    return text;
  }
  std::string picture() const { return picture(*disk_); }

  // The picture after each possible power cut.
  Strings outcomes() const {
    Strings pictures;
    Odometer odometer;
    do {
      const auto copy = disk_->clone();
      copy->power_cut(std::ref(odometer));
      pictures.insert(picture(*copy));
    } while (odometer.advance());
    return pictures;
  }

  std::unique_ptr<MemoryFileSystem> disk_;
  std::unique_ptr<Directory> directory_;
};

std::string zeros(std::size_t count) { return std::string(count, '\0'); }

// ── A file system ──

TEST_F(MemoryFileSystemTest, ReadsWhatWasWrittenAndStopsAtTheEnd) {
  const auto file = create("f", "hello, world");
  std::string text(100, '?');
  EXPECT_EQ(file->read_at(7, std::as_writable_bytes(std::span(text))).value(), 5U);
  EXPECT_EQ(text.substr(0, 6), "world?");
  EXPECT_EQ(file->read_at(12, std::as_writable_bytes(std::span(text))).value(), 0U);
  EXPECT_EQ(file->size().value(), 12U);
}

TEST_F(MemoryFileSystemTest, GathersPartsAcrossBlocks) {
  const std::string big(10000, 'x');
  const std::array<ByteView, 4> parts = {ByteView("ab"), ByteView(), ByteView(big), ByteView("z")};
  const auto file = create("f");
  ASSERT_TRUE(file->write_at(4095, parts).ok());
  EXPECT_EQ(content("f"), zeros(4095) + "ab" + big + "z");
}

TEST_F(MemoryFileSystemTest, ResizedAndAllocatedBytesAreZeros) {
  const auto file = create("f", "abcdef");
  ASSERT_TRUE(file->truncate(3).ok());
  ASSERT_TRUE(file->truncate(5).ok());
  EXPECT_EQ(content("f"), "abc" + zeros(2));
  ASSERT_TRUE(file->allocate(5000).ok());
  ASSERT_TRUE(file->allocate(1).ok());
  EXPECT_EQ(content("f"), "abc" + zeros(4997));
}

TEST_F(MemoryFileSystemTest, OpensByModeAndSaysWhatIsWrong) {
  EXPECT_EQ(code_of(directory_->open("f", OpenMode::read_only)), Code::not_found);
  EXPECT_EQ(code_of(directory_->open("f", OpenMode::read_write)), Code::not_found);
  create("f");
  EXPECT_EQ(code_of(directory_->open("f", OpenMode::create_new)), Code::busy);
  EXPECT_EQ(open("f", OpenMode::read_only)->write_at(0, "x").code(), Code::io_error);
  EXPECT_TRUE(directory_->open_directory("d", true).has_value());
  EXPECT_EQ(code_of(directory_->open("d", OpenMode::read_only)), Code::invalid_argument);
  EXPECT_EQ(code_of(directory_->open("a/b", OpenMode::create_new)), Code::invalid_argument);
}

TEST_F(MemoryFileSystemTest, OpensAndMakesDirectories) {
  EXPECT_EQ(code_of(disk_->open_directory("/a/b", true)), Code::not_found);
  EXPECT_EQ(code_of(disk_->open_directory("/a", false)), Code::not_found);
  EXPECT_TRUE(disk_->open_directory("/a/", true).has_value());
  EXPECT_TRUE(disk_->open_directory("/a/./b", true).has_value());
  EXPECT_TRUE(disk_->open_directory("/", true).has_value());
  EXPECT_EQ(code_of(directory_->open_directory("d", false)), Code::not_found);
  create("f");
  EXPECT_EQ(code_of(directory_->open_directory("f", true)), Code::invalid_argument);
  EXPECT_EQ(code_of(disk_->open_directory("/log/f", true)), Code::invalid_argument);
  EXPECT_EQ(code_of(disk_->open_directory("/log/f/g", true)), Code::not_found);
}

TEST_F(MemoryFileSystemTest, ListsRenamesAndRemoves) {
  create("b", "12345");
  create("a", "from a");
  ASSERT_TRUE(directory_->open_directory("c", true).has_value());
  const auto entries = directory_->list().value();
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[1].name, "b");
  EXPECT_EQ(entries[1].bytes, 5U);
  EXPECT_EQ(entries[2].kind, FileKind::directory);
  ASSERT_TRUE(directory_->rename("a", "b").ok());
  EXPECT_EQ(content("b"), "from a");
  EXPECT_EQ(directory_->rename("a", "b").code(), Code::not_found);
  EXPECT_EQ(directory_->rename("b", "c").code(), Code::invalid_argument);
  EXPECT_EQ(directory_->rename("c", "b").code(), Code::invalid_argument);
  EXPECT_TRUE(directory_->rename("b", "b").ok());
  EXPECT_EQ(directory_->remove("c").code(), Code::invalid_argument);
  EXPECT_TRUE(directory_->remove("b").ok());
  EXPECT_EQ(directory_->remove("b").code(), Code::not_found);
}

TEST_F(MemoryFileSystemTest, ARemovedFileLivesAsLongAsItsHandle) {
  const auto file = create("f", "abc");
  ASSERT_TRUE(directory_->remove("f").ok());
  EXPECT_EQ(file->size().value(), 3U);
}

TEST_F(MemoryFileSystemTest, ALockExcludesEverybodyElse) {
  EXPECT_FALSE(directory_->locked("lock").value());
  auto held = directory_->lock("lock");
  ASSERT_TRUE(held.has_value());
  EXPECT_TRUE(directory_->locked("lock").value());
  EXPECT_EQ(code_of(directory_->lock("lock")), Code::busy);
  EXPECT_EQ(code_of(disk_->open_directory("/log", false).value()->lock("lock")), Code::busy);
  held->reset();
  EXPECT_FALSE(directory_->locked("lock").value());
  EXPECT_TRUE(directory_->lock("lock").has_value());
}

TEST_F(MemoryFileSystemTest, TimeAndChanceAreDeterministic) {
  const Timestamp start(std::chrono::seconds(1000));
  disk_->set_now(start);
  EXPECT_EQ(disk_->now(), start);
  EXPECT_EQ(disk_->now(), start + microseconds(1));
  MemoryFileSystem same({.seed = 7});
  MemoryFileSystem again({.seed = 7});
  MemoryFileSystem other({.seed = 8});
  const std::uint64_t value = same.random();
  EXPECT_EQ(value, again.random());
  EXPECT_NE(value, same.random());
  EXPECT_NE(value, other.random());
}

TEST_F(MemoryFileSystemTest, AWatchEndsByChangeByBellAndByTime) {
  const auto file = create("f", zeros(8));
  file->watch(0, 1, hours(1));  // Another word.
  file->watch(4, 0, microseconds(1000));
  file->watch(4, 0, microseconds::min());
  file->watch(100, 0, microseconds(1000));  // Behind the end.
}

// ── Space ──

TEST_F(MemoryFileSystemTest, CountsBlocksAgainstTheCapacity) {
  use({.capacity_bytes = 3 * 4096 + 100});
  const auto file = create("f", "a");
  EXPECT_EQ(directory_->free_bytes().value(), 2U * 4096);
  ASSERT_TRUE(file->write_at(1, std::string(4095, 'b')).ok());  // The same block.
  EXPECT_EQ(directory_->free_bytes().value(), 2U * 4096);
  ASSERT_TRUE(file->allocate(8192).ok());
  EXPECT_EQ(directory_->free_bytes().value(), 4096U);
  EXPECT_EQ(file->allocate(4 * 4096).code(), Code::no_space);
  EXPECT_EQ(file->size().value(), 8192U);
  ASSERT_TRUE(file->truncate(1).ok());
  EXPECT_EQ(directory_->free_bytes().value(), 2U * 4096);
}

TEST_F(MemoryFileSystemTest, AWriteOverTheCapacityWritesWhatFits) {
  use({.capacity_bytes = 4096});
  const auto file = create("f");
  EXPECT_EQ(file->write_at(0, std::string(5000, 'x')).code(), Code::no_space);
  EXPECT_EQ(content("f"), std::string(4096, 'x'));
  EXPECT_EQ(file->write_at(10000, "y").code(), Code::no_space);
  EXPECT_EQ(file->size().value(), 4096U);
  disk_->set_capacity(8192);
  EXPECT_TRUE(file->write_at(4096, "y").ok());
}

TEST_F(MemoryFileSystemTest, ReservedBlocksNeedNoSpaceLater) {
  use({.capacity_bytes = 2 * 4096});
  const auto file = create("f");
  ASSERT_TRUE(file->allocate(8192).ok());
  EXPECT_EQ(directory_->free_bytes().value(), 0U);
  EXPECT_TRUE(file->write_at(0, std::string(8192, 'x')).ok());
  EXPECT_EQ(file->write_at(8192, "y").code(), Code::no_space);
}

TEST_F(MemoryFileSystemTest, SpaceReturnsWithTheLastUseOfAFile) {
  use({.capacity_bytes = 4096});
  auto file = create("f", "x");
  ASSERT_TRUE(directory_->remove("f").ok());
  EXPECT_EQ(directory_->free_bytes().value(), 0U);
  file.reset();
  EXPECT_EQ(directory_->free_bytes().value(), 4096U);
  create("a", "x");
  create("b");
  ASSERT_TRUE(directory_->rename("b", "a").ok());  // Replaced: gone as well.
  EXPECT_EQ(directory_->free_bytes().value(), 4096U);
}

TEST_F(MemoryFileSystemTest, SpaceIsCountedAnewAfterACut) {
  use({.capacity_bytes = 4 * 4096});
  const auto kept = create_synced("kept", "x");
  ASSERT_TRUE(kept->write_at(4096, "y").ok());
  create("lost", "z");
  ASSERT_TRUE(directory_->remove("kept").ok());
  disk_->power_cut();
  reopen();
  EXPECT_EQ(directory_->free_bytes().value(), 3U * 4096);
}

// ── The process dies ──

TEST_F(MemoryFileSystemTest, WhatWasWrittenOutlivesTheProcess) {
  const auto file = create("f", "abc");
  disk_->kill_process();
  EXPECT_EQ(picture(), "f=abc");
}

TEST_F(MemoryFileSystemTest, HandlesOfADeadProcessOnlyFail) {
  const auto file = create("f", "abc");
  const auto held = directory_->lock("lock");
  disk_->kill_process();
  std::array<std::byte, 3> bytes{};
  EXPECT_EQ(code_of(file->read_at(0, bytes)), Code::io_error);
  EXPECT_EQ(file->write_at(0, "x").code(), Code::io_error);
  EXPECT_EQ(file->sync_data().code(), Code::io_error);
  EXPECT_EQ(file->allocate(10000).code(), Code::io_error);
  EXPECT_EQ(file->truncate(0).code(), Code::io_error);
  EXPECT_EQ(code_of(file->size()), Code::io_error);
  file->watch(0, 0, hours(1));
  file->wake_watchers(0);
  EXPECT_EQ(code_of(directory_->open("g", OpenMode::create_new)), Code::io_error);
  EXPECT_EQ(code_of(directory_->list()), Code::io_error);
  EXPECT_EQ(directory_->rename("f", "g").code(), Code::io_error);
  EXPECT_EQ(directory_->remove("f").code(), Code::io_error);
  EXPECT_EQ(directory_->sync().code(), Code::io_error);
  EXPECT_EQ(code_of(directory_->open_directory("d", true)), Code::io_error);
  EXPECT_EQ(code_of(directory_->lock("lock")), Code::io_error);
  EXPECT_EQ(code_of(directory_->locked("lock")), Code::io_error);
  EXPECT_EQ(code_of(directory_->free_bytes()), Code::io_error);
  EXPECT_EQ(picture(), "f=abc lock=");
}

TEST_F(MemoryFileSystemTest, LocksOfADeadProcessAreFree) {
  auto old = directory_->lock("lock");
  disk_->kill_process();
  reopen();
  EXPECT_FALSE(directory_->locked("lock").value());
  const auto held = directory_->lock("lock");
  EXPECT_TRUE(held.has_value());
  old->reset();  // Lets go of nothing that is not its own.
  EXPECT_TRUE(directory_->locked("lock").value());
}

// ── The power goes: content ──

TEST_F(MemoryFileSystemTest, WhatWasSyncedSurvivesEveryCut) {
  create_synced("f", "abc");
  EXPECT_EQ(outcomes(), Strings{"f=abc"});
}

TEST_F(MemoryFileSystemTest, EachUnsyncedSectorIsOldOrNew) {
  const auto file = create_synced("f", std::string(512, 'a') + "b");
  ASSERT_TRUE(file->write_at(0, std::string(512, 'A') + "B").ok());
  const std::string a(512, 'a');
  const std::string upper(512, 'A');
  EXPECT_EQ(outcomes(),
            (Strings{"f=" + a + "b", "f=" + a + "B", "f=" + upper + "b", "f=" + upper + "B"}));
}

TEST_F(MemoryFileSystemTest, ALargerSectorIsWholeToo) {
  use({.sector_bytes = 4096});
  const auto file = create_synced("f", std::string(4096, 'a'));
  ASSERT_TRUE(file->write_at(0, std::string(4096, 'A')).ok());
  EXPECT_EQ(outcomes(), (Strings{"f=" + std::string(4096, 'a'), "f=" + std::string(4096, 'A')}));
}

TEST_F(MemoryFileSystemTest, AnUnsyncedSectorMayHoldAVersionBetween) {
  const auto file = create_synced("f", "0");
  ASSERT_TRUE(file->write_at(0, "1").ok());
  ASSERT_TRUE(file->write_at(0, "2").ok());
  EXPECT_EQ(outcomes(), (Strings{"f=0", "f=1", "f=2"}));
}

TEST_F(MemoryFileSystemTest, OfManyVersionsTheDisksAndTheLastAreKept) {
  const auto file = create_synced("f", "0");
  for (const char* const version : {"1", "2", "3", "4", "5", "6", "7", "8", "9"}) {
    ASSERT_TRUE(file->write_at(0, version).ok());
  }
  EXPECT_EQ(outcomes(), (Strings{"f=0", "f=6", "f=7", "f=8", "f=9"}));
}

TEST_F(MemoryFileSystemTest, SizeAndContentSurviveIndependently) {
  const auto file = create_synced("f", "a");
  ASSERT_TRUE(file->write_at(512, "b").ok());
  EXPECT_EQ(outcomes(), (Strings{"f=a", "f=a" + zeros(512), "f=a" + zeros(511) + "b"}));
}

TEST_F(MemoryFileSystemTest, AnAllocationMayBeLost) {
  const auto file = create_synced("f", "a");
  ASSERT_TRUE(file->allocate(3).ok());
  EXPECT_EQ(outcomes(), (Strings{"f=a", "f=a" + zeros(2)}));
}

TEST_F(MemoryFileSystemTest, ATruncationMayBeLost) {
  const auto file = create_synced("f", "abc");
  ASSERT_TRUE(file->truncate(1).ok());
  const Strings got = outcomes();
  EXPECT_TRUE(got.contains("f=a"));
  EXPECT_TRUE(got.contains("f=abc"));
  ASSERT_TRUE(file->sync_data().ok());
  EXPECT_EQ(outcomes(), Strings{"f=a"});
}

TEST_F(MemoryFileSystemTest, WhatATruncationCutOffMayReturnWhenTheFileGrows) {
  const auto file = create_synced("f", std::string(600, 'a'));
  ASSERT_TRUE(file->truncate(512).ok());
  ASSERT_TRUE(file->truncate(600).ok());
  const Strings got = outcomes();
  EXPECT_TRUE(got.contains("f=" + std::string(600, 'a')));
  EXPECT_TRUE(got.contains("f=" + std::string(512, 'a') + zeros(88)));
  EXPECT_TRUE(got.contains("f=" + std::string(512, 'a')));
}

TEST_F(MemoryFileSystemTest, BytesBehindALostSizeDoNotReturn) {
  const auto file = create_synced("f", "a");
  ASSERT_TRUE(file->write_at(1, "secret").ok());
  disk_->power_cut([asked = false](std::uint64_t outcomes) mutable {
    return std::exchange(asked, true) ? outcomes - 1 : 0;  // The size is lost, the sector is not.
  });
  reopen();
  ASSERT_TRUE(open("f")->truncate(7).ok());
  EXPECT_EQ(content("f"), "a" + zeros(6));
}

TEST_F(MemoryFileSystemTest, AfterACutWhatIsThereIsSynced) {
  const auto file = create_synced("f", "a");
  ASSERT_TRUE(file->write_at(0, "b").ok());
  disk_->power_cut(newest);
  EXPECT_EQ(outcomes(), Strings{"f=b"});
}

// ── The power goes: names ──

TEST_F(MemoryFileSystemTest, AnUnsyncedNameMayVanishThoughItsContentWasSynced) {
  const auto file = create("f", "abc");
  ASSERT_TRUE(file->sync_data().ok());
  EXPECT_EQ(outcomes(), (Strings{"", "f=abc"}));
}

TEST_F(MemoryFileSystemTest, ASyncedNameDoesNotBringItsContent) {
  create("f", "abc");
  ASSERT_TRUE(directory_->sync().ok());
  EXPECT_EQ(outcomes(), (Strings{"f=", "f=" + zeros(3), "f=abc"}));
}

TEST_F(MemoryFileSystemTest, ARemovedFileMayReturn) {
  create_synced("f", "abc").reset();
  ASSERT_TRUE(directory_->remove("f").ok());
  EXPECT_EQ(outcomes(), (Strings{"", "f=abc"}));
  ASSERT_TRUE(directory_->sync().ok());
  EXPECT_EQ(outcomes(), Strings{""});
}

TEST_F(MemoryFileSystemTest, ARenameHappensWholeOrNotAtAll) {
  create_synced("a", "new");
  create_synced("b", "old");
  ASSERT_TRUE(directory_->rename("a", "b").ok());
  EXPECT_EQ(outcomes(), (Strings{"a=new b=old", "b=new"}));
}

TEST_F(MemoryFileSystemTest, ChangesOfUnrelatedNamesSurviveInAnyOrder) {
  create_synced("1");
  create_synced("2");
  ASSERT_TRUE(directory_->remove("1").ok());
  ASSERT_TRUE(directory_->remove("2").ok());
  EXPECT_EQ(outcomes(), (Strings{"", "1=", "2=", "1= 2="}));
}

TEST_F(MemoryFileSystemTest, ChangesToOneFileSurviveInOrder) {
  create("tmp");
  ASSERT_TRUE(directory_->rename("tmp", "a").ok());
  ASSERT_TRUE(directory_->rename("a", "b").ok());
  EXPECT_EQ(outcomes(), (Strings{"", "tmp=", "a=", "b="}));
}

TEST_F(MemoryFileSystemTest, ANameThatARenameVacatedIsNotTakenBeforeIt) {
  create_synced("tmp", "1");
  ASSERT_TRUE(directory_->rename("tmp", "a").ok());
  create("tmp");
  ASSERT_TRUE(directory_->rename("tmp", "b").ok());
  EXPECT_EQ(outcomes(), (Strings{"tmp=1", "a=1", "a=1 tmp=", "a=1 b="}));
}

TEST_F(MemoryFileSystemTest, AFileMadeInPlaceOfARemovedOneMayReplaceIt) {
  create_synced("f", "old");
  ASSERT_TRUE(directory_->remove("f").ok());
  ASSERT_TRUE(create("f", "new")->sync_data().ok());
  EXPECT_EQ(outcomes(), (Strings{"", "f=new", "f=old"}));
}

TEST_F(MemoryFileSystemTest, AReplacingRenameBuildsOnBothFiles) {
  create("a", "");
  create("b", "");
  ASSERT_TRUE(directory_->rename("a", "b").ok());
  EXPECT_EQ(outcomes(), (Strings{"", "a=", "b=", "a= b="}));
}

TEST_F(MemoryFileSystemTest, MadeDirectoriesAreDurable) {
  ASSERT_TRUE(directory_->open_directory("d", true).has_value());
  disk_->power_cut();
  EXPECT_TRUE(disk_->open_directory("/log/d", false).has_value());
}

TEST_F(MemoryFileSystemTest, AFileBelowAnUnsyncedDirectoryHasItsOwnFate) {
  auto below = directory_->open_directory("d", true).value();
  ASSERT_TRUE(below->open("f", OpenMode::create_new).has_value());
  create("g");
  EXPECT_EQ(outcomes(), (Strings{"", "f=", "g=", "f= g="}));
}

TEST_F(MemoryFileSystemTest, APlainCutLosesAllThatIsUnsynced) {
  const auto file = create_synced("f", "abc");
  ASSERT_TRUE(file->write_at(0, "xyz, and more").ok());
  ASSERT_TRUE(directory_->rename("f", "g").ok());
  create("h");
  disk_->power_cut();
  EXPECT_EQ(picture(), "f=abc");
  EXPECT_EQ(file->sync_data().code(), Code::io_error);
}

TEST_F(MemoryFileSystemTest, ACutMayLoseNothing) {
  const auto file = create_synced("f", "abc");
  ASSERT_TRUE(file->write_at(0, "xyz, and more").ok());
  ASSERT_TRUE(directory_->rename("f", "g").ok());
  create("h");
  disk_->power_cut(newest);
  EXPECT_EQ(picture(), "g=xyz, and more h=");
}

// ── Direct access ──

TEST_F(MemoryFileSystemTest, FilesWrittenDirectlyAreOnTheDisk) {
  ASSERT_TRUE(disk_->write_file("/log/deep/f", "abc").ok());
  ASSERT_TRUE(disk_->write_file("/log/deep/f", "abcd").ok());
  disk_->power_cut();
  EXPECT_EQ(picture(), "f=abcd");
  EXPECT_EQ(disk_->list_files(), std::vector<std::filesystem::path>{"/log/deep/f"});
  ASSERT_TRUE(disk_->remove_file("/log/deep/f").ok());
  disk_->power_cut();
  EXPECT_EQ(picture(), "");
}

TEST_F(MemoryFileSystemTest, ADirectoryMadeDirectlyIsNotSynced) {
  ASSERT_TRUE(disk_->make_directory("/log/d").ok());
  EXPECT_EQ(disk_->make_directory("/log/d").code(), Code::busy);
  EXPECT_EQ(disk_->make_directory("/other/d").code(), Code::not_found);
  EXPECT_EQ(disk_->make_directory("/").code(), Code::invalid_argument);
  EXPECT_TRUE(directory_->open_directory("d", false).has_value());
  disk_->power_cut();
  reopen();
  EXPECT_EQ(code_of(directory_->open_directory("d", false)), Code::not_found);
  ASSERT_TRUE(disk_->make_directory("/log/d").ok());
  ASSERT_TRUE(directory_->sync().ok());
  disk_->power_cut();
  EXPECT_TRUE(disk_->open_directory("/log/d", false).has_value());
}

TEST_F(MemoryFileSystemTest, AnOpenHandleSeesWhatIsWrittenDirectly) {
  const auto file = create("f", "abc");
  ASSERT_TRUE(disk_->write_file("/log/f", "abXc").ok());
  EXPECT_EQ(file->size().value(), 4U);
}

TEST_F(MemoryFileSystemTest, DirectAccessSaysWhatIsWrong) {
  create("f");
  EXPECT_EQ(code_of(disk_->read_file("/log/g")), Code::not_found);
  EXPECT_EQ(code_of(disk_->read_file("/log")), Code::invalid_argument);
  EXPECT_EQ(disk_->write_file("/log", "x").code(), Code::invalid_argument);
  EXPECT_EQ(disk_->write_file("/", "x").code(), Code::invalid_argument);
  EXPECT_EQ(disk_->write_file("/log/f/g", "x").code(), Code::invalid_argument);
  EXPECT_EQ(disk_->remove_file("/log/g").code(), Code::not_found);
  EXPECT_EQ(disk_->remove_file("/log").code(), Code::invalid_argument);
}

TEST_F(MemoryFileSystemTest, ACloneGoesItsOwnWay) {
  use({.capacity_bytes = 2 * 4096});
  const auto file = create_synced("f", "abc");
  const auto held = directory_->lock("lock");
  ASSERT_TRUE(file->write_at(0, "xyz").ok());
  const auto copy = disk_->clone();
  ASSERT_TRUE(file->write_at(0, "123").ok());
  EXPECT_EQ(picture(*copy), "f=xyz lock=");
  const auto other = copy->open_directory("/log", false).value();
  EXPECT_TRUE(other->lock("lock").has_value());
  EXPECT_EQ(other->free_bytes().value(), 4096U);
  copy->power_cut();
  EXPECT_EQ(picture(*copy), "f=abc");
  EXPECT_EQ(picture(), "f=123 lock=");
  EXPECT_TRUE(file->sync_data().ok());
}

// ── Threads ──

class MemoryFileSystemConcurrentTest : public MemoryFileSystemTest {
 protected:
  static void in_threads(int count, const std::function<void(int)>& body) {
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) threads.emplace_back([&body, i] { body(i); });
    for (std::thread& thread : threads) thread.join();
  }
};

TEST_F(MemoryFileSystemConcurrentTest, ThreadsShareTheDisk) {
  const auto file = create("f");
  in_threads(8, [&](int i) {
    const std::string name = std::to_string(i);
    for (int round = 0; round < 50; ++round) {
      EXPECT_TRUE(file->write_at(static_cast<std::uint64_t>(i) * 1000, name).ok());
      EXPECT_TRUE(file->sync_data().ok());
      EXPECT_TRUE(directory_->open(name, OpenMode::create_new).has_value());
      EXPECT_TRUE(directory_->rename(name, name + "x").ok());
      EXPECT_TRUE(directory_->list().has_value());
      EXPECT_TRUE(directory_->remove(name + "x").ok());
      static_cast<void>(disk_->random());
      static_cast<void>(disk_->now());
      static_cast<void>(disk_->clone());
    }
  });
  EXPECT_EQ(directory_->list().value().size(), 1U);
}

TEST_F(MemoryFileSystemConcurrentTest, AProcessDiesInTheMiddle) {
  const auto file = create("f");
  std::atomic<int> alive = 4;
  in_threads(5, [&](int i) {
    if (i == 4) {
      disk_->kill_process();
      return;
    }
    while (file->write_at(static_cast<std::uint64_t>(i), "x").ok()) {
      file->watch(0, 0, hours(1));  // No longer zeros, or dead.
    }
    --alive;
  });
  EXPECT_EQ(alive, 0);
}

TEST_F(MemoryFileSystemConcurrentTest, ThreadsPassAWordBackAndForth) {
  const auto file = create("f", zeros(4));
  const auto word = [&] {
    std::uint32_t value = 0;
    EXPECT_TRUE(file->read_at(0, std::as_writable_bytes(std::span(&value, 1))).has_value());
    return value;
  };
  in_threads(2, [&](int i) {
    for (std::uint32_t turn = static_cast<std::uint32_t>(i); turn < 200; turn += 2) {
      for (std::uint32_t seen = word(); seen != turn; seen = word()) {
        file->watch(0, seen, hours(1));
      }
      const std::uint32_t next = turn + 1;
      EXPECT_TRUE(file->write_at(0, ByteView(std::as_bytes(std::span(&next, 1)))).ok());
      file->wake_watchers(0);
    }
  });
  EXPECT_EQ(word(), 200U);
}

TEST_F(MemoryFileSystemConcurrentTest, AWatchEndsWhenItsProcessDies) {
  const auto file = create("f", zeros(4));
  in_threads(2, [&](int i) {
    if (i == 0) {
      file->watch(0, 0, hours(1));
    } else {
      disk_->kill_process();
    }
  });
  EXPECT_FALSE(file->size().has_value());
}

}  // namespace
}  // namespace forelog
