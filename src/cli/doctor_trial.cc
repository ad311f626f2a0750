// What doctor tries out, in a scratch directory of its own that it removes: syncs, names, locks,
// and waking another process.
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "cli/child_process.h"
#include "cli/doctor.h"
#include "forelog/bytes.h"

namespace forelog::cli {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kBlockBytes = 4096;
constexpr std::size_t kBlocks = 16;
constexpr int kSyncs = 33;
// On a slow disk fewer will do.
constexpr std::chrono::milliseconds kSyncingMax{500};

std::string message_of(int error) { return std::generic_category().message(error); }

class Scratch {
 public:
  explicit Scratch(const std::string& dir) : path_(dir + "/.forelog-doctor-XXXXXX") {
    error_ = ::mkdtemp(path_.data()) == nullptr ? errno : 0;
  }
  ~Scratch() {
    std::error_code ignored;
    if (error_ == 0) std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  int error() const { return error_; }  // Why it could not be made; 0: it was.
  std::string file(const char* name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int error_ = 0;
};

Descriptor open_file(const std::string& path) {
  return Descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
}

bool write_block(const Descriptor& file, std::size_t block) {
  const std::vector<std::byte> bytes(kBlockBytes, std::byte{0x5a});
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t put = ::pwrite(file.get(), bytes.data() + done, bytes.size() - done,
                                 static_cast<off_t>(block * kBlockBytes + done));
    if (put < 0) return false;  // A part goes first: only then does the system say why.
    done += static_cast<std::size_t>(put);
  }
  return true;
}

Finding failed(std::string subject, const std::string& doing, std::string advice) {
  return {std::move(subject), Health::problem, "cannot " + doing + ": " + message_of(errno),
          std::move(advice)};
}

// As a log does it: over blocks that are written already.
Finding try_syncs(const Scratch& scratch) {
  const Descriptor file = open_file(scratch.file("sync"));
  for (std::size_t block = 0; block < kBlocks; ++block) {
    if (!write_block(file, block))
      return failed("sync", "write a file", "see the free space, and the limits");
  }
  if (::fsync(file.get()) != 0) return failed("sync", "sync a file", "look at the kernel's log");
  std::vector<std::chrono::nanoseconds> times;
  const auto begin = steady_clock::now();
  while (times.size() < kSyncs && steady_clock::now() - begin < kSyncingMax) {
    const auto start = steady_clock::now();
    if (!write_block(file, times.size() % kBlocks)) return failed("sync", "write a file", "");
    if (::fdatasync(file.get()) != 0) {
      return failed("sync", "sync a file", "look at the kernel's log");
    }
    times.emplace_back(steady_clock::now() - start);
  }
  std::sort(times.begin(), times.end());
  return judge_sync(times[times.size() / 2]);
}

Finding try_reserving(const Scratch& scratch) {
  const Descriptor file = open_file(scratch.file("reserve"));
  if (::fallocate(file.get(), 0, 0, MiB) == 0) {
    return {"reserving", Health::ok, "space can be reserved (fallocate)", ""};
  }
  if (errno != EOPNOTSUPP && errno != ENOSYS) {
    return failed("reserving", "reserve 1 MiB", "make room; see the quota");
  }
  return {"reserving", Health::note,
          "space cannot be reserved: a full disk shows as a failed write here",
          "keep some space free, or use a file system that has fallocate, such as ext4 or xfs"};
}

Finding try_names(const Scratch& scratch) {
  const std::string from = scratch.file("from");
  const std::string to = scratch.file("to");
  const Descriptor file = open_file(from);
  const Descriptor directory(::open(scratch.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.get() < 0 || !write_block(file, 0) || ::fsync(file.get()) != 0) {
    return failed("names", "make a file", "");
  }
  if (::rename(from.c_str(), to.c_str()) != 0) {
    return failed("names", "rename a file", "put the log on another file system");
  }
  if (directory.get() < 0 || ::fsync(directory.get()) != 0) {
    return failed("names", "sync a directory",
                  "put the log on another file system: here a crash may take its files' names");
  }
  struct stat found {};
  if (::stat(to.c_str(), &found) != 0 || found.st_size != kBlockBytes) {
    return {"names", Health::problem, "a renamed file is not there", "use another file system"};
  }
  return {"names", Health::ok, "files can be renamed, and directories synced", ""};
}

Finding try_locks(const Scratch& scratch) {
  const Descriptor first = open_file(scratch.file("lock"));
  const Descriptor second = open_file(scratch.file("lock"));
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(first.get(), F_OFD_SETLK, &lock) != 0) {
    return failed("locks", "lock a file",
                  "put the log on a file system that has locks (open file description locks)");
  }
  lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(second.get(), F_OFD_SETLK, &lock) == 0) {
    return {"locks", Health::problem, "two writers can lock the same file",
            "put the log on another file system: two writers would destroy it"};
  }
  return {"locks", Health::ok, "a lock keeps a second writer out", ""};
}

// That a word which is written with pwrite is seen by the futex that tails sleep on. The kernel
// reads the word; this does not, as the page may be gone by then.
Finding try_waking(const Scratch& scratch) {
  const auto polls = [](const std::string& why) -> Finding {
    return {"waking", Health::note, why + ": tails of other processes look every 500 us instead",
            ""};
  };
  const Descriptor file = open_file(scratch.file("word"));
  if (!write_block(file, 0)) return failed("waking", "write a file", "");
  void* const page = ::mmap(nullptr, kBlockBytes, PROT_READ, MAP_SHARED, file.get(), 0);
  if (page == MAP_FAILED) return polls("files cannot be mapped");
  const timespec moment = {.tv_sec = 0, .tv_nsec = 1'000'000};
  const std::uint32_t written = 42;
  const bool wrote = ::pwrite(file.get(), &written, sizeof written, 0) == sizeof written;
  const long changed = ::syscall(SYS_futex, page, FUTEX_WAIT, 0x5a5a5a5aU, &moment, nullptr, 0);
  const bool told = changed == -1 && errno == EAGAIN;
  const long woken = ::syscall(SYS_futex, page, FUTEX_WAKE, 1, nullptr, nullptr, 0);
  ::munmap(page, kBlockBytes);
  if (!wrote || !told || woken < 0) return polls("a futex on a file does not work");
  return {"waking", Health::ok, "tails of other processes are woken at once (futex)", ""};
}

}  // namespace

void try_out(const std::string& dir, Findings& findings) {
  const Scratch scratch(dir);
  if (const int error = scratch.error(); error != 0) {
    const bool cannot_write = error == EACCES || error == EPERM || error == EROFS;
    findings.push_back(
        {"trial", cannot_write ? Health::note : Health::problem,
         "no scratch directory can be made: " + message_of(error) +
             (cannot_write ? "; logs can be read here, and nothing was tried out" : ""),
         cannot_write ? "to have syncs and locks tried out, run this as the user who writes the log"
                      : "make room; see the quota"});
    return;
  }
  findings.push_back(try_syncs(scratch));
  findings.push_back(try_reserving(scratch));
  findings.push_back(try_names(scratch));
  findings.push_back(try_locks(scratch));
  findings.push_back(try_waking(scratch));
}

}  // namespace forelog::cli
