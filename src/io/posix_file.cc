#include "io/posix_file.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdio>
#include <cstring>
#include <thread>

#include "forelog/try.h"
#include "io/arguments.h"

namespace forelog::io {
namespace {

constexpr std::size_t kVectorsMax = 64;
static_assert(kVectorsMax <= IOV_MAX);

constexpr std::size_t kWatchedBytes = 4096;
constexpr std::chrono::microseconds kPollInterval{500};
constexpr std::chrono::microseconds kWatchMax = std::chrono::hours(1);
// How often a writer asks whether anyone watches: a few hundred nanoseconds each time.
constexpr std::chrono::microseconds kAskAgain{2000};

// The parts of a gathering write that are still to be written.
class Unwritten {
 public:
  explicit Unwritten(std::span<const ByteView> parts) : parts_(parts) {}

  // The next vectors, empty ones left out; 0 when nothing is left.
  std::size_t fill(std::span<iovec> vectors) const {
    std::size_t count = 0;
    std::size_t skip = skip_;
    for (const ByteView& part : parts_) {
      if (count == vectors.size()) break;
      const auto rest = part.subspan(skip);
      skip = 0;
      if (rest.empty()) continue;
      vectors[count++] = {const_cast<std::byte*>(rest.data()), rest.size()};
    }
    return count;
  }

  void advance(std::size_t bytes) {
    skip_ += bytes;
    while (!parts_.empty() && skip_ >= parts_.front().size()) {
      skip_ -= parts_.front().size();
      parts_ = parts_.subspan(1);
    }
  }

 private:
  std::span<const ByteView> parts_;
  std::size_t skip_ = 0;  // Bytes of the first part that are written.
};

// Shared, not FUTEX_PRIVATE_FLAG: the kernel finds the word by its file, whoever mapped it.
long futex(void* word, int operation, std::uint32_t value, const timespec* timeout) {
  return ::syscall(SYS_futex, word, operation, value, timeout, nullptr, 0);
}

// A handle that has watched holds a shared lock on the first byte for as long as it is open, so that
// one that wakes can ask whether there is anyone to wake. Either costs a synced record more than a
// microsecond, so that it does not ask again for a while after it was told of no one; for as long,
// a handle that has just said that it watches sleeps only for short times.
struct flock watching_lock(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_len = 1;
  return lock;
}

timespec to_timespec(std::chrono::microseconds time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  timespec result{};
  result.tv_sec = seconds.count();
  result.tv_nsec = std::chrono::nanoseconds(time - seconds).count();
  return result;
}

constexpr bool can_be_watched(std::uint64_t offset) {
  return offset % sizeof(std::uint32_t) == 0 && offset < kWatchedBytes;
}

}  // namespace

PosixFile::PosixFile(FileDescriptor descriptor, std::string path)
    : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

PosixFile::~PosixFile() {
  void* const page = first_page_.load();
  if (page != nullptr) static_cast<void>(::munmap(page, kWatchedBytes));
}

Result<std::size_t> PosixFile::read_at(std::uint64_t offset, std::span<std::byte> to) const {
  FORELOG_TRY(check_range(offset, to.size()));
  std::size_t done = 0;
  while (done < to.size()) {
    const ssize_t got = retry_interrupted([&] {
      return ::pread(descriptor_.number(), to.data() + done, to.size() - done,
                     static_cast<off_t>(offset + done));
    });
    if (got < 0) return system_error(errno, "read", path_);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

Status PosixFile::write_at(std::uint64_t offset, std::span<const ByteView> parts) {
  FORELOG_TRY(check_range(offset, total_bytes(parts)));
  Unwritten unwritten(parts);
  std::array<iovec, kVectorsMax> vectors;
  while (const std::size_t count = unwritten.fill(vectors)) {
    const ssize_t put = retry_interrupted([&] {
      // A pwrite() is cheaper by a tenth of a microsecond.
      return count == 1 ? ::pwrite(descriptor_.number(), vectors[0].iov_base, vectors[0].iov_len,
                                   static_cast<off_t>(offset))
                        : ::pwritev(descriptor_.number(), vectors.data(), static_cast<int>(count),
                                    static_cast<off_t>(offset));
    });
    if (put < 0) return system_error(errno, "write", path_);
    // Why: no system writes nothing without an error; one that does would keep us here for ever.
    if (put == 0) return failure(Code::io_error, "write", path_, "the system wrote nothing");
    unwritten.advance(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

Status PosixFile::sync_data() {
  // Durability: called once. An error, be it EINTR, may mean that the kernel has already marked
  // pages clean that it did not write; a second call would then succeed and lie.
  if (::fdatasync(descriptor_.number()) != 0) return system_error(errno, "sync", path_);
  return {};
}

// Opened by its number, since its name may have changed. Where there is no /proc, or the file system
// has no direct writes, there is none.
bool PosixFile::writes_directly() {
  if (direct_) return true;
  char self[32];  // No std::string, which may throw.
  std::snprintf(self, sizeof self, "/proc/self/fd/%d", descriptor_.number());
  FileDescriptor opened(::open(self, O_WRONLY | O_DIRECT | O_DSYNC | O_CLOEXEC));
  if (opened.number() < 0) return false;
  direct_ = std::move(opened);
  return true;
}

Status PosixFile::write_synced(std::uint64_t offset, ByteView bytes) {
  if (!direct_) return File::write_synced(offset, bytes);
  FORELOG_TRY(check_range(offset, bytes.size()));
  const ssize_t put = retry_interrupted([&] {
    return ::pwrite(direct_->number(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
  });
  if (put == static_cast<ssize_t>(bytes.size())) return {};
  // EINVAL: blocks that are larger here than ours, say; nothing was written. A short write may end
  // inside a block.
  if (put >= 0 || errno == EINVAL) return File::write_synced(offset, bytes);
  return system_error(errno, "write and sync", path_);
}

Status PosixFile::allocate(std::uint64_t bytes) {
  FORELOG_TRY(check_range(0, bytes));
  if (bytes == 0) return {};
  // Not posix_fallocate(), which writes into the file where the file system cannot reserve.
  const int result = retry_interrupted(
      [&] { return ::fallocate(descriptor_.number(), 0, 0, static_cast<off_t>(bytes)); });
  if (result == 0) return {};
  const int error = errno;
  if (error == EOPNOTSUPP || error == ENOSYS || error == EINVAL) return extend_by_size_only(bytes);
  return system_error(error, "allocate", path_);
}

Status PosixFile::extend_by_size_only(std::uint64_t bytes) {
  const std::uint64_t size_now = FORELOG_TRY(size());
  return size_now < bytes ? truncate(bytes) : Status();
}

Status PosixFile::truncate(std::uint64_t bytes) {
  FORELOG_TRY(check_range(0, bytes));
  const int result = retry_interrupted(
      [&] { return ::ftruncate(descriptor_.number(), static_cast<off_t>(bytes)); });
  return result == 0 ? Status() : system_error(errno, "resize", path_);
}

Result<std::uint64_t> PosixFile::size() const {
  struct stat found {};
  if (::fstat(descriptor_.number(), &found) != 0) return system_error(errno, "size", path_);
  return static_cast<std::uint64_t>(found.st_size);
}

void PosixFile::watch(std::uint64_t offset, std::uint32_t seen,
                      std::chrono::microseconds timeout) const {
  if (timeout <= timeout.zero()) return;
  timeout = std::min(timeout, kWatchMax);
  const auto deadline = Clock::now() + timeout;
  void* const word = can_be_watched(offset) && tell_of_watching() ? futex_word(offset) : nullptr;
  if (word != nullptr) {
    if (Clock::now() < known_from_.load()) timeout = std::min(timeout, kPollInterval);
    const timespec relative = to_timespec(timeout);
    if (futex(word, FUTEX_WAIT, seen, &relative) == 0) return;
    if (errno == ETIMEDOUT || errno == EINTR) return;
    // EAGAIN: the word has changed. Where mapping and pread() disagree, as with some network file
    // systems, pread() is right. EFAULT: the page is not there. Others: no futexes on this file.
  }
  poll(offset, seen, deadline);
}

bool PosixFile::tell_of_watching() const {
  if (watches_.load()) return true;
  struct flock lock = watching_lock(F_RDLCK);
  if (::fcntl(descriptor_.number(), F_OFD_SETLK, &lock) != 0) return false;
  known_from_.store(Clock::now() + kAskAgain);
  watches_.store(true);
  return true;
}

bool PosixFile::anyone_watches() {
  if (watches_.load()) return true;  // A handle is not told of its own locks.
  const auto now = Clock::now();
  if (now < ask_again_.load()) return false;
  struct flock lock = watching_lock(F_WRLCK);
  const bool found =
      ::fcntl(descriptor_.number(), F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
  others_watch_.store(found);
  if (!found) ask_again_.store(now + kAskAgain);
  return found;
}

void PosixFile::wake_watchers(std::uint64_t offset) {
  if (!anyone_watches()) return;
  void* const word = can_be_watched(offset) ? futex_word(offset) : nullptr;
  if (word == nullptr) return;
  // Harmless when it fails: then nobody could have slept on the word, but only polled it.
  static_cast<void>(futex(word, FUTEX_WAKE, INT_MAX, nullptr));
}

void* PosixFile::futex_word(std::uint64_t offset) const {
  void* page = first_page_.load(std::memory_order_acquire);
  if (page == nullptr) {
    void* const mapped =
        ::mmap(nullptr, kWatchedBytes, PROT_READ, MAP_SHARED, descriptor_.number(), 0);
    if (mapped == MAP_FAILED) return nullptr;
    if (first_page_.compare_exchange_strong(page, mapped)) {
      page = mapped;
    } else {  // Another thread was first.
      static_cast<void>(::munmap(mapped, kWatchedBytes));
    }
  }
  return static_cast<std::byte*>(page) + offset;
}

bool PosixFile::differs(std::uint64_t offset, std::uint32_t seen) const {
  std::uint32_t word = 0;
  const auto got = read_at(offset, std::as_writable_bytes(std::span(&word, 1)));
  return got.has_value() && *got == sizeof word && word != seen;
}

void PosixFile::poll(std::uint64_t offset, std::uint32_t seen, Clock::time_point deadline) const {
  while (!differs(offset, seen)) {
    const auto left = deadline - Clock::now();
    if (left <= left.zero()) return;
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, kPollInterval));
  }
}

}  // namespace forelog::io
