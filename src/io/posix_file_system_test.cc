// The posix file system against a real one, in a fresh directory under the system's temporary
// directory. Other processes are forked children; they and the test wait for one another through
// pipes, never by sleeping.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "forelog/file_system.h"

namespace forelog {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using std::chrono::microseconds;

constexpr uid_t kNobody = 65534;

template <typename T>
Code code_of(const Result<T>& result) {
  return result.has_value() ? Code::ok : result.error().code();
}

Code code_of(const Status& status) { return status.code(); }

template <typename T>
std::string message_of(const Result<T>& result) {
  return result.has_value() ? "" : std::string(result.error().message());
}

// A one-way signal between processes: one writes, the other waits for it.
class Signal {
 public:
  Signal() { EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0); }
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;
  ~Signal() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  void give() const { EXPECT_EQ(::write(ends_[1], "x", 1), 1); }
  void wait() const {
    char got = 0;
    EXPECT_EQ(::read(ends_[0], &got, 1), 1);
  }

 private:
  std::array<int, 2> ends_{};
};

// A forked child that runs `body` and exits with what it returns. Killed when it is dropped.
class Child {
 public:
  explicit Child(const std::function<int()>& body) : pid_(::fork()) {
    if (pid_ == 0) ::_exit(body());
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ > 0) kill();
  }
  int exit_code() {  // Waits for it.
    int status = 0;
    EXPECT_EQ(::waitpid(pid_, &status, 0), pid_);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  bool still_runs() {
    siginfo_t info{};
    EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT), 0);
    return info.si_pid == 0;
  }
  void kill() {
    EXPECT_EQ(::kill(pid_, SIGKILL), 0);
    EXPECT_EQ(::waitpid(pid_, nullptr, 0), pid_);
    pid_ = -1;
  }

 private:
  pid_t pid_;
};

// In a child: from here on, permissions count.
void drop_root() {
  if (::geteuid() == 0 && ::setuid(kNobody) != 0) ::_exit(99);
}

class PosixFileSystemTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "forelog_io_XXXXXX").native();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    directory_ = open_directory(root_);
  }
  void TearDown() override {
    directory_.reset();
    EXPECT_EQ(::chmod(root_.c_str(), 0700), 0);  // Some tests take permissions away.
    fs::remove_all(root_);
  }

  static std::unique_ptr<Directory> open_directory(const fs::path& path, bool create = false) {
    auto opened = posix_file_system().open_directory(path, create);
    EXPECT_TRUE(opened.has_value()) << message_of(opened);
    return opened.has_value() ? *std::move(opened) : nullptr;
  }
  std::unique_ptr<File> open(std::string_view name, OpenMode mode) {
    auto opened = directory_->open(name, mode);
    EXPECT_TRUE(opened.has_value()) << message_of(opened);
    return opened.has_value() ? *std::move(opened) : nullptr;
  }
  std::unique_ptr<File> create(std::string_view name, ByteView content = {}) {
    auto file = open(name, OpenMode::create_new);
    EXPECT_TRUE(file->write_at(0, content).ok());
    return file;
  }
  static std::string read(const File& file, std::uint64_t offset, std::size_t bytes) {
    std::string text(bytes, '?');
    auto got = file.read_at(offset, std::as_writable_bytes(std::span(text)));
    EXPECT_TRUE(got.has_value()) << message_of(got);
    text.resize(got.has_value() ? *got : 0);
    return text;
  }
  static std::uint64_t size(const File& file) { return file.size().value(); }
  std::unique_ptr<DirectoryLock> lock(std::string_view name = "lock") {
    auto taken = directory_->lock(name);
    EXPECT_TRUE(taken.has_value()) << message_of(taken);
    return taken.has_value() ? *std::move(taken) : nullptr;
  }
  Code try_lock(std::string_view name = "lock") { return code_of(directory_->lock(name)); }
  bool locked(std::string_view name = "lock") { return directory_->locked(name).value(); }
  mode_t mode_of(const fs::path& name) {
    struct stat found {};
    EXPECT_EQ(::lstat((root_ / name).c_str(), &found), 0);
    return found.st_mode & 07777;
  }

  fs::path root_;
  std::unique_ptr<Directory> directory_;
};

// ── Files ──

TEST_F(PosixFileSystemTest, ReadsWhatWasWrittenAndStopsAtTheEnd) {
  const auto file = create("f", "hello, world");
  EXPECT_EQ(read(*file, 0, 12), "hello, world");
  EXPECT_EQ(read(*file, 7, 100), "world");
  EXPECT_EQ(read(*file, 12, 1), "");
  EXPECT_EQ(read(*file, 5000, 10), "");
  EXPECT_EQ(read(*file, 3, 0), "");
  EXPECT_EQ(size(*file), 12U);
  EXPECT_TRUE(file->sync_data().ok());
}

TEST_F(PosixFileSystemTest, AWriteBehindTheEndLeavesZeros) {
  const auto file = create("f", "ab");
  ASSERT_TRUE(file->write_at(5, "z").ok());
  EXPECT_EQ(read(*file, 0, 10), std::string("ab\0\0\0z", 6));
}

TEST_F(PosixFileSystemTest, GathersMorePartsThanTheSystemTakesAtOnce) {
  std::vector<std::string> texts;
  std::string all;
  for (std::size_t i = 0; i < 5000; ++i) {
    texts.emplace_back(i % 4, static_cast<char>('a' + i % 26));  // Some are empty.
    all += texts.back();
  }
  const std::vector<ByteView> parts(texts.begin(), texts.end());
  const auto file = create("f");
  ASSERT_TRUE(file->write_at(3, parts).ok());
  EXPECT_EQ(read(*file, 3, all.size() + 1), all);
}

// Of every block in a buffer that is aligned as write_synced() wants it.
class Blocks {
 public:
  explicit Blocks(std::size_t count)
      : count_(count), bytes_((count + 1) * File::kBlockBytes, '\0') {}
  std::span<char> all() {
    void* at = bytes_.data();
    std::size_t space = bytes_.size();
    std::align(File::kBlockBytes, count_ * File::kBlockBytes, at, space);
    return {static_cast<char*>(at), count_ * File::kBlockBytes};
  }

 private:
  std::size_t count_;
  std::string bytes_;
};

TEST_F(PosixFileSystemTest, WhatIsWrittenAroundThePageCacheIsReadThroughIt) {
  const auto file = create("f", std::string(3 * File::kBlockBytes, 'o'));
  ASSERT_TRUE(file->sync_data().ok());
  const auto reader = open("f", OpenMode::read_only);
  EXPECT_EQ(read(*reader, File::kBlockBytes, 1), "o");  // Now it is in the cache.
  file->writes_directly();  // Or not: the file system may have no direct writes.
  Blocks blocks(1);
  std::ranges::fill(blocks.all(), 'n');
  ASSERT_TRUE(file->write_synced(File::kBlockBytes, ByteView(std::as_bytes(blocks.all()))).ok());
  const std::string whole = read(*reader, 0, 4 * File::kBlockBytes);
  EXPECT_EQ(whole, std::string(File::kBlockBytes, 'o') + std::string(File::kBlockBytes, 'n') +
                       std::string(File::kBlockBytes, 'o'));
  // And the other way round.
  ASSERT_TRUE(file->write_at(File::kBlockBytes + 1, "b").ok());
  ASSERT_TRUE(file->sync_data().ok());
  ASSERT_TRUE(file->write_synced(0, ByteView(std::as_bytes(blocks.all()))).ok());
  EXPECT_EQ(read(*reader, File::kBlockBytes - 1, 4), "nnbn");
}

TEST_F(PosixFileSystemTest, WhatCannotGoAroundThePageCacheGoesThroughIt) {
  const auto file = create("f");
  const std::string odd(100, 'x');  // Neither whole blocks nor aligned.
  EXPECT_TRUE(file->write_synced(3, odd).ok());
  file->writes_directly();
  EXPECT_TRUE(file->write_synced(103, odd).ok());
  EXPECT_EQ(read(*file, 3, 1000), odd + odd);
  EXPECT_EQ(code_of(open("f", OpenMode::read_only)->write_synced(0, odd)), Code::io_error);
}

TEST_F(PosixFileSystemTest, WritesNothingFromNoParts) {
  const auto file = create("f");
  const std::array<ByteView, 2> empty{};
  EXPECT_TRUE(file->write_at(10, std::span<const ByteView>()).ok());
  EXPECT_TRUE(file->write_at(10, empty).ok());
  EXPECT_EQ(size(*file), 0U);
}

TEST_F(PosixFileSystemTest, ReachesBehindFourGibibytes) {
  const auto file = create("f");
  const std::uint64_t offset = 5 * GiB + 1;
  ASSERT_TRUE(file->write_at(offset, "far").ok());
  EXPECT_EQ(read(*file, offset, 10), "far");
  EXPECT_EQ(size(*file), offset + 3);
}

TEST_F(PosixFileSystemTest, RefusesRangesThatNoFileHas) {
  const auto file = create("f");
  std::array<std::byte, 2> two{};
  EXPECT_EQ(code_of(file->read_at(UINT64_MAX, two)), Code::invalid_argument);
  EXPECT_EQ(code_of(file->read_at(INT64_MAX - 1, two)), Code::invalid_argument);
  EXPECT_EQ(file->write_at(UINT64_MAX - 1, "abc").code(), Code::invalid_argument);
  EXPECT_EQ(file->allocate(UINT64_MAX).code(), Code::invalid_argument);
  EXPECT_EQ(file->truncate(UINT64_MAX).code(), Code::invalid_argument);
}

TEST_F(PosixFileSystemTest, AllocatingExtendsWithZerosAndNeverShrinks) {
  const auto file = create("f", "abc");
  ASSERT_TRUE(file->allocate(8192).ok());
  EXPECT_EQ(size(*file), 8192U);
  EXPECT_EQ(read(*file, 0, 5), std::string("abc\0\0", 5));
  ASSERT_TRUE(file->allocate(10).ok());
  ASSERT_TRUE(file->allocate(0).ok());
  EXPECT_EQ(size(*file), 8192U);
}

TEST_F(PosixFileSystemTest, TruncatesBothWays) {
  const auto file = create("f", "abcdef");
  ASSERT_TRUE(file->truncate(3).ok());
  EXPECT_EQ(read(*file, 0, 10), "abc");
  ASSERT_TRUE(file->truncate(5).ok());
  EXPECT_EQ(read(*file, 0, 10), std::string("abc\0\0", 5));
}

TEST_F(PosixFileSystemTest, AReadOnlyFileRefusesToChange) {
  create("f", "abc");
  const auto file = open("f", OpenMode::read_only);
  const Status status = file->write_at(0, "x");
  EXPECT_EQ(status.code(), Code::io_error);
  EXPECT_NE(status.message().find((root_ / "f").native()), std::string_view::npos);
  EXPECT_FALSE(file->allocate(100).ok());
  EXPECT_FALSE(file->truncate(1).ok());
  EXPECT_EQ(read(*file, 0, 10), "abc");
}

TEST_F(PosixFileSystemTest, AFileOutlivesItsDirectoryHandleAndItsName) {
  const auto file = create("f", "abc");
  ASSERT_TRUE(directory_->remove("f").ok());
  directory_.reset();
  EXPECT_EQ(read(*file, 0, 10), "abc");
}

TEST_F(PosixFileSystemTest, TheFileSizeLimitIsNoSpace) {
  const auto file = create("f");
  Child child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{10000, 10000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    const std::string text(20000, 'x');  // The system first writes it short, then refuses.
    if (file->write_at(0, text).code() != Code::no_space) return 2;
    if (size(*file) != 10000) return 3;
    if (file->allocate(20000).code() != Code::no_space) return 4;
    if (file->truncate(20000).code() != Code::no_space) return 5;
    return 0;
  });
  EXPECT_EQ(child.exit_code(), 0);
}

// ── Opening ──

TEST_F(PosixFileSystemTest, OpensByModeAndSaysWhatIsWrong) {
  EXPECT_EQ(code_of(directory_->open("f", OpenMode::read_only)), Code::not_found);
  EXPECT_EQ(code_of(directory_->open("f", OpenMode::read_write)), Code::not_found);
  create("f");
  EXPECT_EQ(code_of(directory_->open("f", OpenMode::create_new)), Code::busy);
  const auto missing = directory_->open("g", OpenMode::read_only);
  EXPECT_NE(message_of(missing).find((root_ / "g").native()), std::string::npos);
  EXPECT_NE(message_of(missing).find(std::strerror(ENOENT)), std::string::npos);
}

TEST_F(PosixFileSystemTest, NeverFollowsASymbolicLink) {
  create("target", "abc");
  ASSERT_EQ(::symlink("target", (root_ / "link").c_str()), 0);
  for (const OpenMode mode : {OpenMode::read_only, OpenMode::read_write}) {
    const auto opened = directory_->open("link", mode);
    EXPECT_EQ(code_of(opened), Code::invalid_argument);
    EXPECT_NE(message_of(opened).find("symbolic link"), std::string::npos);
  }
  EXPECT_EQ(code_of(directory_->open("link", OpenMode::create_new)), Code::busy);
  EXPECT_EQ(try_lock("link"), Code::invalid_argument);
  EXPECT_EQ(code_of(directory_->locked("link")), Code::invalid_argument);
}

TEST_F(PosixFileSystemTest, NeverCreatesThroughADanglingLink) {
  ASSERT_EQ(::symlink("nowhere", (root_ / "link").c_str()), 0);
  EXPECT_EQ(code_of(directory_->open("link", OpenMode::create_new)), Code::busy);
  EXPECT_EQ(try_lock("link"), Code::invalid_argument);
  EXPECT_FALSE(fs::exists(root_ / "nowhere"));
}

TEST_F(PosixFileSystemTest, AFifoIsRefusedWithoutWaitingForItsOtherEnd) {
  ASSERT_EQ(::mkfifo((root_ / "fifo").c_str(), 0600), 0);
  for (const OpenMode mode : {OpenMode::read_only, OpenMode::read_write}) {
    const auto opened = directory_->open("fifo", mode);
    EXPECT_EQ(code_of(opened), Code::invalid_argument);
    EXPECT_NE(message_of(opened).find("special file"), std::string::npos);
  }
  EXPECT_EQ(try_lock("fifo"), Code::invalid_argument);
}

TEST_F(PosixFileSystemTest, RefusesDirectoriesSocketsAndDevices) {
  ASSERT_EQ(::mkdir((root_ / "dir").c_str(), 0700), 0);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (root_ / "socket").native().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(socket);
  for (const OpenMode mode : {OpenMode::read_only, OpenMode::read_write}) {
    for (const auto* const name : {"dir", "socket"}) {
      const auto opened = directory_->open(name, mode);
      EXPECT_EQ(code_of(opened), Code::invalid_argument) << name;
      EXPECT_NE(message_of(opened).find("special file"), std::string::npos) << message_of(opened);
    }
  }
  EXPECT_EQ(code_of(open_directory("/dev")->open("null", OpenMode::read_only)),
            Code::invalid_argument);
}

TEST_F(PosixFileSystemTest, AFileWithASecondNameMayBeReadButNotWritten) {
  create("f", "abc");
  ASSERT_EQ(::link((root_ / "f").c_str(), (root_ / "g").c_str()), 0);
  EXPECT_EQ(read(*open("f", OpenMode::read_only), 0, 10), "abc");
  EXPECT_EQ(code_of(directory_->open("f", OpenMode::read_write)), Code::invalid_argument);
  EXPECT_EQ(try_lock("g"), Code::invalid_argument);
  EXPECT_EQ(directory_->list().value().front().names, 2U);
  ASSERT_TRUE(directory_->remove("g").ok());
  EXPECT_NE(open("f", OpenMode::read_write), nullptr);
}

TEST_F(PosixFileSystemTest, ModesDoNotDependOnTheUmask) {
  for (const mode_t mask : {0U, 022U, 077U, 0277U}) {
    const mode_t before = ::umask(mask);
    const std::string suffix = std::to_string(mask);
    create("file" + suffix);
    lock("lock" + suffix);
    const auto below = directory_->open_directory("below" + suffix, true);
    open_directory(root_ / ("dir" + suffix), true);
    ::umask(before);
    EXPECT_TRUE(below.has_value());
    EXPECT_EQ(mode_of("file" + suffix), 0600U);
    EXPECT_EQ(mode_of("lock" + suffix), 0600U);
    EXPECT_EQ(mode_of("dir" + suffix), 0700U);
    EXPECT_EQ(mode_of("below" + suffix), 0700U);
  }
}

TEST_F(PosixFileSystemTest, ADirectoryOf0750AsksForAGroupThatReads) {
  for (const mode_t asked : {0750U, 0755U, 0770U, 0700U}) {
    const auto path = root_ / std::to_string(asked);
    ASSERT_EQ(::mkdir(path.c_str(), 0700), 0);
    ASSERT_EQ(::chmod(path.c_str(), asked), 0);
    const mode_t before = ::umask(077);
    const auto directory = posix_file_system().open_directory(path, true).value();
    const auto file = directory->open("file", OpenMode::create_new);
    const auto lock = directory->lock("lock");
    const auto below = directory->open_directory("below", true).value();
    const auto deep = below->open("deep", OpenMode::create_new);
    ::umask(before);
    ASSERT_TRUE(file.has_value() && lock.has_value() && deep.has_value());
    const bool group = asked == 0750;
    const auto name = std::to_string(asked) + "/";
    EXPECT_EQ(mode_of(name + "file"), group ? 0640U : 0600U) << asked;
    EXPECT_EQ(mode_of(name + "lock"), group ? 0640U : 0600U) << asked;
    EXPECT_EQ(mode_of(name + "below"), group ? 0750U : 0700U) << asked;
    EXPECT_EQ(mode_of(name + "below/deep"), group ? 0640U : 0600U) << asked;
    EXPECT_EQ(mode_of(std::to_string(asked)), asked);
  }
}

TEST_F(PosixFileSystemTest, OnlyPlainNamesPass) {
  create("f");
  const std::string long_name(256, 'n');
  for (const std::string_view name :
       {std::string_view(""), std::string_view("."), std::string_view(".."),
        std::string_view("a/b"), std::string_view("/f"), std::string_view("f/"),
        std::string_view("f\0g", 3), std::string_view(long_name)}) {
    EXPECT_EQ(code_of(directory_->open(name, OpenMode::create_new)), Code::invalid_argument);
    EXPECT_EQ(code_of(directory_->open_directory(name, true)), Code::invalid_argument);
    EXPECT_EQ(directory_->rename("f", name).code(), Code::invalid_argument);
    EXPECT_EQ(directory_->rename(name, "g").code(), Code::invalid_argument);
    EXPECT_EQ(directory_->remove(name).code(), Code::invalid_argument);
    EXPECT_EQ(try_lock(name), Code::invalid_argument);
    EXPECT_EQ(code_of(directory_->locked(name)), Code::invalid_argument);
  }
  EXPECT_EQ(directory_->list().value().size(), 1U);
}

TEST_F(PosixFileSystemTest, DescriptorsCloseOnExecAndDoNotLeak) {
  const auto count = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  const auto before = count();
  {
    ASSERT_EQ(::mkfifo((root_ / "fifo").c_str(), 0600), 0);
    const auto file = create("f");
    const auto held = lock();
    EXPECT_FALSE(directory_->open("fifo", OpenMode::read_only).has_value());
    EXPECT_EQ(try_lock(), Code::busy);
    EXPECT_TRUE(locked());
    EXPECT_TRUE(directory_->list().has_value());
    for (int number = 3; number < 1024; ++number) {
      std::array<char, 512> target{};
      const std::string link = "/proc/self/fd/" + std::to_string(number);
      if (::readlink(link.c_str(), target.data(), target.size() - 1) <= 0) continue;
      if (std::string_view(target.data()).find(root_.native()) == std::string_view::npos) continue;
      EXPECT_NE(::fcntl(number, F_GETFD) & FD_CLOEXEC, 0) << target.data();
    }
  }
  EXPECT_EQ(count(), before);
}

// ── Directories ──

TEST_F(PosixFileSystemTest, OpensAndMakesDirectories) {
  EXPECT_EQ(code_of(posix_file_system().open_directory(root_ / "d", false)), Code::not_found);
  EXPECT_EQ(code_of(posix_file_system().open_directory(root_ / "d/e", true)), Code::not_found);
  EXPECT_EQ(open_directory(root_ / "d/", true)->path(), root_ / "d/");
  EXPECT_NE(open_directory(root_ / "d", true), nullptr);
  EXPECT_NE(open_directory(root_ / "d/.", true), nullptr);
  EXPECT_EQ(code_of(directory_->open_directory("e", false)), Code::not_found);
  auto below = directory_->open_directory("e", true);
  ASSERT_TRUE(below.has_value());
  EXPECT_EQ((*below)->path(), root_ / "e");
  EXPECT_TRUE((*below)->open("f", OpenMode::create_new).has_value());
  EXPECT_TRUE(fs::exists(root_ / "e/f"));
}

TEST_F(PosixFileSystemTest, OfADirectorysPathOnlyTheParentsMayBeLinks) {
  fs::create_directories(root_ / "real/log");
  fs::create_directory_symlink("real", root_ / "link");
  EXPECT_NE(open_directory(root_ / "link/log", true), nullptr);
  for (const auto& path : {root_ / "link", root_ / "link/"}) {
    for (const bool make : {false, true}) {
      const auto opened = posix_file_system().open_directory(path, make);
      EXPECT_EQ(code_of(opened), Code::invalid_argument);
      EXPECT_NE(message_of(opened).find("symbolic link"), std::string::npos);
    }
  }
  EXPECT_EQ(code_of(directory_->open_directory("link", true)), Code::invalid_argument);
}

TEST_F(PosixFileSystemTest, TellsWhoElseMayWrite) {
  EXPECT_EQ(open_directory(root_ / "d", true)->concerns(), std::vector<std::string>());
  const auto concern_of = [&](const char* name) {
    const std::vector<std::string> concerns = open_directory(root_ / name)->concerns();
    return concerns.size() == 1 ? concerns.front() : std::to_string(concerns.size());
  };
  const auto tells = [&](const char* name, std::string_view what) {
    return concern_of(name).find(what) != std::string::npos;
  };
  ASSERT_EQ(::chmod((root_ / "d").c_str(), 0755), 0);
  EXPECT_EQ(concern_of("d"), "0");
  ASSERT_EQ(::chmod((root_ / "d").c_str(), 0770), 0);
  EXPECT_TRUE(tells("d", "the group of its owner")) << concern_of("d");
  ASSERT_EQ(::chmod((root_ / "d").c_str(), 01777), 0);
  EXPECT_TRUE(tells("d", "every user")) << concern_of("d");
  if (::geteuid() != 0) GTEST_SKIP() << "giving a directory away takes root";
  ASSERT_EQ(::chmod((root_ / "d").c_str(), 0700), 0);
  ASSERT_EQ(::chown((root_ / "d").c_str(), kNobody, kNobody), 0);
  EXPECT_TRUE(tells("d", "belongs to another user, 65534")) << concern_of("d");
}

TEST_F(PosixFileSystemTest, AFileIsNoDirectory) {
  create("f");
  EXPECT_EQ(code_of(posix_file_system().open_directory(root_ / "f", true)), Code::invalid_argument);
  EXPECT_EQ(code_of(directory_->open_directory("f", false)), Code::invalid_argument);
}

TEST_F(PosixFileSystemTest, AParentThatMayNotBeReadIsSyncedAllTheSame) {
  fs::create_directories(root_ / "outer/inner");
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown((root_ / "outer/inner").c_str(), kNobody, kNobody), 0);
  }
  ASSERT_EQ(::chmod(root_.c_str(), 0711), 0);
  ASSERT_EQ(::chmod((root_ / "outer").c_str(), 0311), 0);
  Child child([&] {
    drop_root();
    return posix_file_system().open_directory(root_ / "outer/inner", true).has_value() ? 0 : 1;
  });
  EXPECT_EQ(child.exit_code(), 0);
  ASSERT_EQ(::chmod((root_ / "outer").c_str(), 0700), 0);
}

TEST_F(PosixFileSystemTest, MissingPermissionIsAnIoError) {
  create("f");
  ASSERT_EQ(::chmod(root_.c_str(), 0555), 0);
  ASSERT_EQ(::chmod((root_ / "f").c_str(), 0444), 0);
  Child child([&] {
    drop_root();
    if (code_of(directory_->open("f", OpenMode::read_write)) != Code::io_error) return 1;
    if (code_of(directory_->open("g", OpenMode::create_new)) != Code::io_error) return 2;
    if (directory_->remove("f").code() != Code::io_error) return 3;
    if (!directory_->open("f", OpenMode::read_only).has_value()) return 4;
    return 0;
  });
  EXPECT_EQ(child.exit_code(), 0);
}

TEST_F(PosixFileSystemTest, ListsInOrderOfNameWithKinds) {
  create("b", "12345");
  create("a");
  create(".hidden");
  fs::create_directory(root_ / "c");
  ASSERT_EQ(::symlink("nowhere", (root_ / "d").c_str()), 0);
  const auto entries = directory_->list().value();
  ASSERT_EQ(entries.size(), 5U);
  EXPECT_EQ(entries[0].name, ".hidden");
  EXPECT_EQ(entries[1].name, "a");
  EXPECT_EQ(entries[2].name, "b");
  EXPECT_EQ(entries[2].kind, FileKind::regular);
  EXPECT_EQ(entries[2].bytes, 5U);
  EXPECT_EQ(entries[3].kind, FileKind::directory);
  EXPECT_EQ(entries[4].kind, FileKind::other);
  EXPECT_EQ(directory_->list().value().size(), 5U);  // From the start again.
}

TEST_F(PosixFileSystemTest, RenamesAndRemoves) {
  create("a", "from a");
  create("b", "from b");
  ASSERT_TRUE(directory_->rename("a", "b").ok());
  EXPECT_EQ(read(*open("b", OpenMode::read_only), 0, 10), "from a");
  EXPECT_EQ(directory_->rename("a", "b").code(), Code::not_found);
  ASSERT_TRUE(directory_->remove("b").ok());
  EXPECT_EQ(directory_->remove("b").code(), Code::not_found);
  EXPECT_TRUE(directory_->sync().ok());
  EXPECT_TRUE(directory_->list().value().empty());
}

TEST_F(PosixFileSystemTest, DirectoriesAreNeitherRemovedNorReplaced) {
  create("f");
  fs::create_directories(root_ / "d/full");
  EXPECT_EQ(directory_->remove("d").code(), Code::invalid_argument);
  EXPECT_EQ(directory_->rename("f", "d").code(), Code::invalid_argument);
  EXPECT_EQ(directory_->rename("d", "f").code(), Code::invalid_argument);
}

TEST_F(PosixFileSystemTest, KeepsToTheDirectoryThatItOpened) {
  const auto held = open_directory(root_ / "old", true);
  fs::rename(root_ / "old", root_ / "new");
  fs::create_directory(root_ / "old");
  ASSERT_TRUE(held->open("f", OpenMode::create_new).has_value());
  EXPECT_TRUE(fs::exists(root_ / "new/f"));
}

TEST_F(PosixFileSystemTest, TellsFreeBytesTimeAndChance) {
  EXPECT_GT(directory_->free_bytes().value(), 0U);
  const Timestamp first = posix_file_system().now();
  EXPECT_GT(first, Timestamp(std::chrono::sys_days(std::chrono::year(2020) / 1 / 1)));
  EXPECT_NE(posix_file_system().random(), posix_file_system().random());
}

// ── Locks ──

TEST_F(PosixFileSystemTest, ALockExcludesEverybodyElse) {
  auto held = lock();
  EXPECT_EQ(try_lock(), Code::busy);
  EXPECT_EQ(code_of(open_directory(root_)->lock("lock")), Code::busy);
  Child child([&] { return try_lock() == Code::busy ? 0 : 1; });
  EXPECT_EQ(child.exit_code(), 0);
  EXPECT_EQ(try_lock("other"), Code::ok);
  held.reset();
  EXPECT_EQ(try_lock(), Code::ok);
}

TEST_F(PosixFileSystemTest, ALockStaysWhenAnotherDescriptorOfItsFileIsClosed) {
  const auto held = lock();
  open("lock", OpenMode::read_write).reset();
  EXPECT_TRUE(locked());
  Child child([&] { return try_lock() == Code::busy ? 0 : 1; });
  EXPECT_EQ(child.exit_code(), 0);
}

TEST_F(PosixFileSystemTest, ALockEndsWithItsProcess) {
  const Signal taken;
  const Signal never;
  Child child([&] {
    const auto held = lock();
    taken.give();
    never.wait();
    return 0;
  });
  taken.wait();
  EXPECT_EQ(try_lock(), Code::busy);
  EXPECT_TRUE(locked());
  child.kill();
  EXPECT_FALSE(locked());
  EXPECT_EQ(try_lock(), Code::ok);
}

TEST_F(PosixFileSystemTest, AForkedChildCannotTakeTheLockFromItsParent) {
  auto held = lock();
  Child child([&] {
    held.reset();
    return 0;
  });
  EXPECT_EQ(child.exit_code(), 0);
  EXPECT_TRUE(locked());
  EXPECT_EQ(try_lock(), Code::busy);
}

TEST_F(PosixFileSystemTest, AForkedChildDoesNotKeepTheLockOfItsParent) {
  auto held = lock();
  const Signal never;
  const Child child([&] {
    never.wait();
    return 0;
  });
  held.reset();
  EXPECT_FALSE(locked());
  EXPECT_EQ(try_lock(), Code::ok);
}

TEST_F(PosixFileSystemTest, AskingForALockNeedsNoRightToWriteAndTakesNothing) {
  EXPECT_FALSE(locked("missing"));
  EXPECT_FALSE(fs::exists(root_ / "missing"));
  lock().reset();
  ASSERT_EQ(::chmod(root_.c_str(), 0555), 0);
  ASSERT_EQ(::chmod((root_ / "lock").c_str(), 0444), 0);
  const auto ask = [&] {
    Child child([&] {
      drop_root();
      const auto reader = open_directory(root_);
      const auto answer = reader->locked("lock");
      return answer.has_value() ? static_cast<int>(*answer) : 2;
    });
    return child.exit_code();
  };
  EXPECT_EQ(ask(), 0);
  ASSERT_EQ(::chmod((root_ / "lock").c_str(), 0644), 0);
  const auto held = lock();
  ASSERT_EQ(::chmod((root_ / "lock").c_str(), 0444), 0);
  EXPECT_EQ(ask(), 1);
}

TEST_F(PosixFileSystemTest, ALockFileThatWasRemovedLocksNothing) {
  const auto held = lock();
  ASSERT_TRUE(directory_->remove("lock").ok());
  EXPECT_FALSE(locked());
  const auto successor = lock();
  EXPECT_TRUE(locked());
  EXPECT_EQ(try_lock(), Code::busy);
}

// ── The bell ──

std::uint32_t word(const File& file, std::uint64_t offset = 0) {
  std::uint32_t value = 0;
  const auto got = file.read_at(offset, std::as_writable_bytes(std::span(&value, 1)));
  EXPECT_TRUE(got.has_value() && *got == sizeof value);
  return value;
}

void set_word(File& file, std::uint32_t value, std::uint64_t offset = 0) {
  EXPECT_TRUE(file.write_at(offset, ByteView(std::as_bytes(std::span(&value, 1)))).ok());
}

TEST_F(PosixFileSystemTest, AReaderInAnotherProcessWakesWhenTheWordIsWritten) {
  const auto file = create("f");
  set_word(*file, 7, 64);
  ASSERT_EQ(::chmod(root_.c_str(), 0555), 0);
  ASSERT_EQ(::chmod((root_ / "f").c_str(), 0444), 0);
  const Signal ready;
  Child child([&] {
    drop_root();
    const auto reader = open_directory(root_)->open("f", OpenMode::read_only).value();
    ready.give();
    while (word(*reader, 64) == 7) reader->watch(64, 7, hours(1));
    return word(*reader, 64) == 8 ? 0 : 1;
  });
  ready.wait();
  set_word(*file, 8, 64);
  file->wake_watchers(64);
  EXPECT_EQ(child.exit_code(), 0);
}

TEST_F(PosixFileSystemTest, WakingAloneEndsAWatchInAnotherProcess) {
  const auto file = create("f");
  set_word(*file, 7);
  Child child([&] {
    open("f", OpenMode::read_only)->watch(0, 7, hours(1));
    return 0;
  });
  while (child.still_runs()) file->wake_watchers(0);
  EXPECT_EQ(child.exit_code(), 0);
}

TEST_F(PosixFileSystemTest, WhoWakesKnowsWhetherAnyoneWatches) {
  const auto file = create("f");
  set_word(*file, 7);
  file->wake_watchers(0);
  EXPECT_FALSE(file->watched());
  const Signal ready, done;
  Child child([&] {
    const auto reader = open("f", OpenMode::read_only);
    reader->watch(0, 7, microseconds(1));
    ready.give();
    done.wait();
    return 0;
  });
  ready.wait();
  while (!file->watched()) file->wake_watchers(0);  // It asks now and then.
  done.give();
  EXPECT_EQ(child.exit_code(), 0);
  file->wake_watchers(0);
  EXPECT_FALSE(file->watched());
}

TEST_F(PosixFileSystemTest, AWatchReturnsAtOnceWhenTheWordIsAnother) {
  const auto file = create("f");
  set_word(*file, 7);
  file->watch(0, 8, hours(1));
  file->watch(0, 8, microseconds::max());
}

TEST_F(PosixFileSystemTest, AWatchTimesOut) {
  const auto file = create("f");
  set_word(*file, 7);
  file->watch(0, 7, microseconds(1000));
  file->watch(0, 7, microseconds(0));
  file->watch(0, 7, microseconds::min());
}

TEST_F(PosixFileSystemTest, AWatchBehindTheEndOrOffTheBellNeverFaults) {
  const auto file = create("f");
  file->watch(0, 0, microseconds(1000));  // No page yet.
  file->wake_watchers(0);
  set_word(*file, 7);
  file->watch(0, 7, microseconds(1000));
  ASSERT_TRUE(file->truncate(0).ok());  // The page goes from under the mapping.
  file->watch(0, 7, microseconds(1000));
  file->wake_watchers(0);
  for (const std::uint64_t offset : {std::uint64_t{2}, std::uint64_t{4096}, UINT64_MAX}) {
    file->watch(offset, 0, microseconds(1000));
    file->wake_watchers(offset);
  }
}

TEST_F(PosixFileSystemTest, AWordThatCannotSleepIsPolled) {
  const auto file = create("f");
  set_word(*file, 7, 4096);  // Off the page that is mapped.
  const Signal ready;
  Child child([&] {
    const auto reader = open("f", OpenMode::read_only);
    ready.give();
    reader->watch(4096, 7, hours(1));
    return word(*reader, 4096) == 8 ? 0 : 1;
  });
  ready.wait();
  set_word(*file, 8, 4096);
  EXPECT_EQ(child.exit_code(), 0);
}

// ── Threads ──

class PosixFileSystemConcurrentTest : public PosixFileSystemTest {
 protected:
  static void in_threads(int count, const std::function<void(int)>& body) {
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) threads.emplace_back([&body, i] { body(i); });
    for (std::thread& thread : threads) thread.join();
  }
};

TEST_F(PosixFileSystemConcurrentTest, ThreadsShareAFileAndADirectory) {
  const auto file = create("f");
  in_threads(8, [&](int i) {
    const auto offset = static_cast<std::uint64_t>(i) * 100;
    const std::string text(100, static_cast<char>('a' + i));
    EXPECT_TRUE(file->write_at(offset, text).ok());
    EXPECT_EQ(read(*file, offset, 100), text);
    EXPECT_TRUE(directory_->open("g" + std::to_string(i), OpenMode::create_new).has_value());
    EXPECT_TRUE(directory_->list().has_value());
    file->wake_watchers(0);  // All of them map the first page at once.
  });
  EXPECT_EQ(directory_->list().value().size(), 9U);
}

TEST_F(PosixFileSystemConcurrentTest, OneOfManyTakesTheLock) {
  std::atomic<int> winners = 0;
  std::array<std::unique_ptr<DirectoryLock>, 8> locks;
  in_threads(8, [&](int i) {
    auto taken = directory_->lock("lock");
    if (!taken.has_value()) {
      EXPECT_EQ(taken.error().code(), Code::busy);
      return;
    }
    ++winners;
    locks[static_cast<std::size_t>(i)] = *std::move(taken);
  });
  EXPECT_EQ(winners, 1);
}

TEST_F(PosixFileSystemConcurrentTest, ThreadsPassAWordBackAndForth) {
  const auto file = create("f");
  set_word(*file, 0);
  in_threads(2, [&](int i) {
    for (std::uint32_t turn = static_cast<std::uint32_t>(i); turn < 200; turn += 2) {
      for (std::uint32_t seen = word(*file); seen != turn; seen = word(*file)) {
        file->watch(0, seen, hours(1));
      }
      set_word(*file, turn + 1);
      file->wake_watchers(0);
    }
  });
  EXPECT_EQ(word(*file), 200U);
}

}  // namespace
}  // namespace forelog
