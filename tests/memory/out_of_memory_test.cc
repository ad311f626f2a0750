// Memory runs out at every allocation in turn, once and from then on: in the caller's thread and in
// the log's own. Nothing aborts, hangs or throws; every call succeeds or says that memory ran out;
// and with memory back, everything that was acknowledged is there.
//
// On a disk in memory, which stands for the kernel and keeps its own memory, and on a real one.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>

#include <unistd.h>

#include "log/test_course.h"
#include "memory/allocations.h"

namespace forelog::testing {
namespace {

// A file system whose own allocations are exempt: each call goes on to another one's handle.
class ExemptFile : public File {
 public:
  explicit ExemptFile(std::unique_ptr<File> base) : base_(std::move(base)) {}
  ~ExemptFile() override {
    const Exempt exempt;
    base_.reset();
  }
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> to) const override {
    const Exempt exempt;
    return base_->read_at(offset, to);
  }
  Status write_at(std::uint64_t offset, std::span<const ByteView> parts) override {
    const Exempt exempt;
    return base_->write_at(offset, parts);
  }
  Status sync_data() override {
    const Exempt exempt;
    return base_->sync_data();
  }
  Status write_synced(std::uint64_t offset, ByteView bytes) override {
    const Exempt exempt;
    return base_->write_synced(offset, bytes);
  }
  bool writes_directly() override {
    const Exempt exempt;
    return base_->writes_directly();
  }
  Status allocate(std::uint64_t bytes) override {
    const Exempt exempt;
    return base_->allocate(bytes);
  }
  Status truncate(std::uint64_t bytes) override {
    const Exempt exempt;
    return base_->truncate(bytes);
  }
  Result<std::uint64_t> size() const override {
    const Exempt exempt;
    return base_->size();
  }
  void watch(std::uint64_t offset, std::uint32_t seen,
             std::chrono::microseconds timeout) const override {
    base_->watch(offset, seen, timeout);
  }
  void wake_watchers(std::uint64_t offset) override {
    const Exempt exempt;
    base_->wake_watchers(offset);
  }
  bool watched() const override { return base_->watched(); }

 private:
  std::unique_ptr<File> base_;
};

class ExemptLock : public DirectoryLock {
 public:
  explicit ExemptLock(std::unique_ptr<DirectoryLock> base) : base_(std::move(base)) {}
  ~ExemptLock() override {
    const Exempt exempt;
    base_.reset();
  }

 private:
  std::unique_ptr<DirectoryLock> base_;
};

template <typename Handle, typename Base, typename As>
Result<std::unique_ptr<As>> wrapped(Result<std::unique_ptr<Base>> handle) {
  if (!handle) return handle.error();
  return std::unique_ptr<As>(std::make_unique<Handle>(*std::move(handle)));
}

class ExemptDirectory : public Directory {
 public:
  explicit ExemptDirectory(std::unique_ptr<Directory> base) : base_(std::move(base)) {}
  ~ExemptDirectory() override {
    const Exempt exempt;
    base_.reset();
  }
  const std::filesystem::path& path() const override { return base_->path(); }
  Result<std::unique_ptr<File>> open(std::string_view name, OpenMode mode) override {
    const Exempt exempt;
    return wrapped<ExemptFile, File, File>(base_->open(name, mode));
  }
  Result<std::vector<FileEntry>> list() override {
    const Exempt exempt;
    return base_->list();
  }
  Status rename(std::string_view from, std::string_view to) override {
    const Exempt exempt;
    return base_->rename(from, to);
  }
  Status remove(std::string_view name) override {
    const Exempt exempt;
    return base_->remove(name);
  }
  Status sync() override {
    const Exempt exempt;
    return base_->sync();
  }
  Result<std::unique_ptr<Directory>> open_directory(std::string_view name, bool create) override {
    const Exempt exempt;
    return wrapped<ExemptDirectory, Directory, Directory>(base_->open_directory(name, create));
  }
  Result<std::unique_ptr<DirectoryLock>> lock(std::string_view name) override {
    const Exempt exempt;
    return wrapped<ExemptLock, DirectoryLock, DirectoryLock>(base_->lock(name));
  }
  Result<bool> locked(std::string_view name) override {
    const Exempt exempt;
    return base_->locked(name);
  }
  Result<std::uint64_t> free_bytes() override {
    const Exempt exempt;
    return base_->free_bytes();
  }

 private:
  std::unique_ptr<Directory> base_;
};

class ExemptFileSystem : public FileSystem {
 public:
  explicit ExemptFileSystem(FileSystem& base) : base_(base) {}
  Result<std::unique_ptr<Directory>> open_directory(const std::filesystem::path& path,
                                                    bool create) override {
    const Exempt exempt;
    return wrapped<ExemptDirectory, Directory, Directory>(base_.open_directory(path, create));
  }
  Timestamp now() override { return base_.now(); }
  std::uint64_t random() override { return base_.random(); }

 private:
  FileSystem& base_;
};

// The test's thread is exempt, but for the calls of the library.
thread_local std::optional<Exempt> test_thread;

class OutOfMemoryTest : public ::testing::TestWithParam<std::tuple<bool, bool>> {
 protected:
  OutOfMemoryTest() {
    test_thread.emplace();
    Course::Library::enter = [] { test_thread.reset(); };
    Course::Library::leave = [] { test_thread.emplace(); };
  }
  ~OutOfMemoryTest() override { test_thread.reset(); }

  static bool and_later() { return std::get<0>(GetParam()); }
  static Course::Setting setting_on(FileSystem& disk) {
    Course::Setting setting;
    setting.options = test_options(disk);
    setting.disk_fails = false;
    if (std::get<1>(GetParam())) {
      setting.options.preallocate = true;
      setting.options.write_behind = std::chrono::milliseconds(1);
    }
    return setting;
  }

  // The course with the nth allocation refused; how many were.
  static std::uint64_t run(Course& course, std::uint64_t n) {
    refuse_allocation(n, and_later());
    course.run();
    const std::uint64_t refused = allocations_refused();
    refuse_allocation(0, false);
    return refused;
  }

  // With n rising from 1 in steps, until a course needs fewer than n allocations.
  template <typename RunNth>
  static void run_all(std::uint64_t step, RunNth run_nth) {
    std::uint64_t n = 1;
    while (run_nth(n) > 0) {
      ASSERT_FALSE(HasFailure()) << "at allocation " << n << (and_later() ? " and later" : "");
      n += step;
    }
    std::printf("%llu allocations\n", static_cast<unsigned long long>(n - 1));
    EXPECT_GT(n, 400u);
  }
};

constexpr std::uint64_t kStep = kSanitized ? 3 : 1;

TEST_P(OutOfMemoryTest, OnADiskInMemory) {
  run_all(kStep, [](std::uint64_t n) {
    MemoryFileSystem disk;
    ExemptFileSystem kernel(disk);
    Course::Setting setting = setting_on(kernel);
    setting.memory = &disk;
    Course course(setting);
    const std::uint64_t refused = run(course, n);
    if (n % 2 == 0) {
      disk.kill_process();
    } else {
      disk.power_cut();
    }
    course.check(disk);
    return refused;
  });
}

TEST_P(OutOfMemoryTest, OnARealDisk) {
  const std::filesystem::path shm = "/dev/shm";
  const std::filesystem::path parent =
      ::access(shm.c_str(), W_OK) == 0 ? shm : std::filesystem::temp_directory_path();
  const std::filesystem::path dir = parent / ("forelog-memory-" + std::to_string(::getpid()));
  run_all(kStep, [&](std::uint64_t n) {
    std::filesystem::remove_all(dir);
    Course::Setting setting = setting_on(posix_file_system());
    setting.dir = dir;
    Course course(setting);
    const std::uint64_t refused = run(course, n);
    course.check(posix_file_system());
    return refused;
  });
  std::filesystem::remove_all(dir);
}

INSTANTIATE_TEST_SUITE_P(Refusals, OutOfMemoryTest,
                         ::testing::Combine(::testing::Bool(), ::testing::Bool()),
                         [](const auto& each) {
                           return std::string(std::get<0>(each.param) ? "and_later" : "once") +
                                  (std::get<1>(each.param) ? "_with_threads" : "");
                         });

}  // namespace
}  // namespace forelog::testing
