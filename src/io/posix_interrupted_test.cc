// The posix file system on a kernel that interrupts every other call and moves a few bytes at a
// time, and in a process that has no descriptor left. The calls go through this file: its
// definitions stand before the C library's.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "forelog/file_system.h"

namespace forelog {
namespace {

#ifdef __has_feature
constexpr bool kSanitized = __has_feature(address_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

// Of the test that runs; one thread.
struct Kernel {
  bool difficult = false;
  std::uint64_t calls = 0, syncs = 0;

  bool interrupts() {
    if (!difficult || ++calls % 2 == 0) return false;
    errno = EINTR;
    return true;
  }
  std::size_t moves(std::size_t bytes) const {
    return difficult ? std::min<std::size_t>(bytes, 7) : bytes;
  }
};
Kernel kernel;

}  // namespace
}  // namespace forelog

extern "C" {

ssize_t pread(int file, void* to, size_t bytes, off_t offset) {
  if (forelog::kernel.interrupts()) return -1;
  return ::syscall(SYS_pread64, file, to, forelog::kernel.moves(bytes), offset);
}

ssize_t pwrite(int file, const void* from, size_t bytes, off_t offset) {
  if (forelog::kernel.interrupts()) return -1;
  return ::syscall(SYS_pwrite64, file, from, forelog::kernel.moves(bytes), offset);
}

ssize_t pwritev(int file, const iovec* parts, int count, off_t offset) {
  if (forelog::kernel.interrupts()) return -1;
  if (!forelog::kernel.difficult) return ::syscall(SYS_pwritev, file, parts, count, offset, 0);
  return ::syscall(SYS_pwrite64, file, parts->iov_base, forelog::kernel.moves(parts->iov_len),
                   offset);
}

int fallocate(int file, int mode, off_t offset, off_t bytes) {
  if (forelog::kernel.interrupts()) return -1;
  return static_cast<int>(::syscall(SYS_fallocate, file, mode, offset, bytes));
}

int ftruncate(int file, off_t bytes) noexcept {
  if (forelog::kernel.interrupts()) return -1;
  return static_cast<int>(::syscall(SYS_ftruncate, file, bytes));
}

int fdatasync(int file) {
  ++forelog::kernel.syncs;
  if (forelog::kernel.interrupts()) return -1;
  return static_cast<int>(::syscall(SYS_fdatasync, file));
}

}  // extern "C"

namespace forelog {
namespace {

class PosixInterruptedTest : public ::testing::Test {
 protected:
  PosixInterruptedTest() {
    std::string place = (std::filesystem::temp_directory_path() / "forelog-XXXXXX").native();
    EXPECT_NE(::mkdtemp(place.data()), nullptr);
    root_ = place;
    auto directory = posix_file_system().open_directory(root_, false);
    EXPECT_TRUE(directory);
    directory_ = *std::move(directory);
    auto file = directory_->open("f", OpenMode::create_new);
    EXPECT_TRUE(file);
    file_ = *std::move(file);
    kernel = {.difficult = true};
  }
  ~PosixInterruptedTest() override {
    kernel = {};
    std::filesystem::remove_all(root_);
  }

  std::filesystem::path root_;
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<File> file_;
};

TEST_F(PosixInterruptedTest, ReadsAndWritesGoOnWhereTheyStopped) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += std::to_string(i);
  const ByteView all(text);
  const std::array<ByteView, 3> parts = {all.first(10), all.subspan(10, 990), all.subspan(1000)};
  ASSERT_TRUE(file_->write_at(5, parts).ok());
  ASSERT_TRUE(file_->write_at(0, ByteView("front")).ok());
  std::string read(text.size() + 100, '\0');
  const auto got = file_->read_at(0, std::as_writable_bytes(std::span(read)));
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(*got, text.size() + 5);
  EXPECT_EQ(read.substr(0, *got), "front" + text);
  EXPECT_GT(kernel.calls, 2 * text.size() / 7);
}

TEST_F(PosixInterruptedTest, SizesAreChangedAllTheSame) {
  EXPECT_TRUE(file_->allocate(100'000).ok());
  EXPECT_EQ(*file_->size(), 100'000u);
  EXPECT_TRUE(file_->truncate(5000).ok());
  EXPECT_EQ(*file_->size(), 5000u);
}

// A second call would not speak of the pages that the first one gave up.
TEST_F(PosixInterruptedTest, ASyncIsNotTriedAgain) {
  EXPECT_EQ(file_->sync_data().code(), Code::io_error);
  EXPECT_EQ(kernel.syncs, 1u);
}

TEST_F(PosixInterruptedTest, WithoutADescriptorLeftACallFailsAndALaterOneDoesNot) {
  if (kSanitized) GTEST_SKIP() << "UBSan asks the system through a pipe what a pointer leads to";
  kernel = {};
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto file = directory_->open("g", OpenMode::create_new);
  const auto entries = directory_->list();
  const auto lock = directory_->lock("LOCK");
  const auto directory = posix_file_system().open_directory(root_, false);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code(), Code::io_error);
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().code(), Code::io_error);
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().code(), Code::io_error);
  EXPECT_TRUE(entries || entries.error().code() == Code::io_error);
  EXPECT_TRUE(directory_->open("g", OpenMode::create_new));
  EXPECT_TRUE(directory_->list());
  EXPECT_TRUE(directory_->lock("LOCK"));
}

}  // namespace
}  // namespace forelog
