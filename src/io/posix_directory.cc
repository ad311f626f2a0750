#include "io/posix_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "base/text.h"
#include "forelog/try.h"
#include "io/arguments.h"
#include "io/posix_file.h"

namespace forelog::io {
namespace {

constexpr mode_t kForGroup = 0750;
constexpr mode_t kAccessBits = 0777;  // Not the set-group-id bit that a parent may hand down.
constexpr int kLockAttempts = 100;
constexpr std::string_view kHeld = "is held through another handle, in this process or another";

struct CloseStream {
  void operator()(DIR* stream) const { static_cast<void>(::closedir(stream)); }
};
using DirectoryStream = std::unique_ptr<DIR, CloseStream>;

// A lock of the open file description (fcntl(2), F_OFD_SETLK): unlike a record lock, it stays when
// another descriptor of the same file is closed, and it conflicts within one process too.
class PosixLock final : public DirectoryLock {
 public:
  explicit PosixLock(FileDescriptor descriptor) : descriptor_(std::move(descriptor)) {}
  PosixLock(const PosixLock&) = delete;
  PosixLock& operator=(const PosixLock&) = delete;

  ~PosixLock() override {
    // Why explicitly: a forked child shares the description and would keep the lock alive. And why
    // not in the child: it would take the lock from its parent.
    if (::getpid() != owner_) return;
    struct flock request = whole_file(F_UNLCK);
    static_cast<void>(::fcntl(descriptor_.number(), F_OFD_SETLK, &request));
  }

  const FileDescriptor& descriptor() const { return descriptor_; }

  static struct flock whole_file(short type) {
    struct flock request {};
    request.l_type = type;
    request.l_whence = SEEK_SET;
    return request;
  }

 private:
  const FileDescriptor descriptor_;
  const pid_t owner_ = ::getpid();
};

// Nullopt when the entry has gone since it was listed.
Result<std::optional<FileEntry>> describe(int directory, const char* name,
                                          const std::string& path) {
  struct stat found {};
  if (::fstatat(directory, name, &found, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return std::optional<FileEntry>();
    return system_error(errno, "list", path);
  }
  FileEntry entry;
  entry.name = name;
  entry.kind = S_ISREG(found.st_mode)   ? FileKind::regular
               : S_ISDIR(found.st_mode) ? FileKind::directory
                                        : FileKind::other;
  if (entry.kind == FileKind::regular) {
    entry.bytes = static_cast<std::uint64_t>(found.st_size);
    entry.names = found.st_nlink;
  }
  return std::optional<FileEntry>(std::move(entry));
}

// A stream with a position of its own, so that several threads may list at once.
Result<DirectoryStream> open_stream(int directory, const std::string& path) {
  const int number = retry_interrupted(
      [&] { return ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (number < 0) return system_error(errno, "list", path);
  DirectoryStream stream(::fdopendir(number));
  if (stream == nullptr) {
    const int error = errno;
    static_cast<void>(::close(number));
    return system_error(error, "list", path);
  }
  return stream;
}

bool is_still_named(int file, int directory, const std::string& name) {
  struct stat ours {};
  struct stat named {};
  return ::fstat(file, &ours) == 0 &&
         ::fstatat(directory, name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

// Why a directory could not be opened. A link is refused with ENOTDIR, as a file is; a person is to
// be told which.
Status cannot_enter(int error, int parent, const std::string& name, const std::string& path) {
  struct stat found {};
  if (error == ENOTDIR && ::fstatat(parent, name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 &&
      S_ISLNK(found.st_mode)) {
    return failure(
        Code::invalid_argument, "open the directory", path,
        "is a symbolic link, which is never followed: whoever can change it could have "
        "another place written to; name the directory itself, as `readlink -f` tells it");
  }
  return cannot_open(error, "open the directory", parent, name, path);
}

// Syncs the directory that holds `directory`. ".." is the one that holds it in truth, whatever
// path it was reached by.
Status sync_holder(int directory, const std::string& path) {
  const std::string holder_path = path + "/..";
  const FileDescriptor holder(retry_interrupted(
      [&] { return ::openat(directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (holder.number() >= 0) return sync_directory(holder.number(), holder_path);
  if (errno != EACCES) return system_error(errno, "open", holder_path);
  // We may pass through the parent, but not read it: sync the whole file system instead.
  if (::syncfs(directory) != 0) return system_error(errno, "sync the file system of", path);
  return {};
}

}  // namespace

Result<std::unique_ptr<Directory>> PosixDirectory::open_at(int parent, const std::string& name,
                                                           bool create, mode_t new_mode,
                                                           std::filesystem::path path) {
  const bool made = create && ::mkdirat(parent, name.c_str(), new_mode) == 0;
  if (create && !made && errno != EEXIST) {
    return system_error(errno, "make the directory", path.native());
  }
  FileDescriptor directory(retry_interrupted([&] {
    return ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  }));
  if (directory.number() < 0) return cannot_enter(errno, parent, name, path.native());
  struct stat found {};
  if (::fstat(directory.number(), &found) != 0) {
    return system_error(errno, "look at", path.native());
  }
  const mode_t mode = found.st_mode & kAccessBits;
  if (made && mode != new_mode && ::fchmod(directory.number(), new_mode) != 0) {
    return system_error(errno, "set the mode of", path.native());
  }
  if (create) FORELOG_TRY(sync_holder(directory.number(), path.native()));
  const mode_t inside = !made && mode == kForGroup ? kForGroup : new_mode;
  return std::unique_ptr<Directory>(
      std::make_unique<PosixDirectory>(std::move(directory), inside, std::move(path)));
}

Result<std::unique_ptr<File>> PosixDirectory::open(std::string_view name, OpenMode mode) {
  std::string path = path_of(name);
  FileDescriptor file = FORELOG_TRY(
      open_regular_file(descriptor_.number(), std::string(name), mode, file_mode(), path));
  return std::unique_ptr<File>(std::make_unique<PosixFile>(std::move(file), std::move(path)));
}

Result<std::vector<FileEntry>> PosixDirectory::list() {
  DirectoryStream stream = FORELOG_TRY(open_stream(descriptor_.number(), path_.native()));
  std::vector<FileEntry> entries;
  while (true) {
    errno = 0;
    const dirent* const found = ::readdir(stream.get());
    if (found == nullptr) break;
    const std::string_view name(found->d_name);
    if (name == "." || name == "..") continue;
    auto entry = FORELOG_TRY(describe(descriptor_.number(), found->d_name, path_of(name)));
    if (entry.has_value()) entries.push_back(*std::move(entry));
  }
  if (errno != 0) return system_error(errno, "list", path_.native());
  std::sort(entries.begin(), entries.end(),
            [](const FileEntry& a, const FileEntry& b) { return a.name < b.name; });
  return entries;
}

Status PosixDirectory::rename(std::string_view from, std::string_view to) {
  FORELOG_TRY(check_plain_name(from));
  FORELOG_TRY(check_plain_name(to));
  const std::string old_name(from);
  const std::string new_name(to);
  const std::string path = path_of(from) + " to " + new_name;
  const int directory = descriptor_.number();
  if (::renameat(directory, old_name.c_str(), directory, new_name.c_str()) == 0) return {};
  const int error = errno == EEXIST || errno == ENOTEMPTY ? EISDIR : errno;
  return system_error(error, "rename", path);
}

Status PosixDirectory::remove(std::string_view name) {
  FORELOG_TRY(check_plain_name(name));
  const std::string text(name);
  const std::string path = path_of(name);
  if (::unlinkat(descriptor_.number(), text.c_str(), 0) == 0) return {};
  return system_error(errno, "remove", path);
}

Status PosixDirectory::sync() { return sync_directory(descriptor_.number(), path_.native()); }

Result<std::unique_ptr<Directory>> PosixDirectory::open_directory(std::string_view name,
                                                                  bool create) {
  FORELOG_TRY(check_plain_name(name));
  return open_at(descriptor_.number(), std::string(name), create, mode_, path_ / name);
}

Result<std::unique_ptr<DirectoryLock>> PosixDirectory::lock(std::string_view name) {
  const std::string text(name);
  const std::string path = path_of(name);
  for (int attempt = 0; attempt < kLockAttempts; ++attempt) {
    FileDescriptor file = FORELOG_TRY(open_lock_file(text));
    struct flock request = PosixLock::whole_file(F_WRLCK);
    if (::fcntl(file.number(), F_OFD_SETLK, &request) != 0) {
      if (errno != EAGAIN && errno != EACCES) return system_error(errno, "lock", path);
      return failure(Code::busy, "lock", path, kHeld);
    }
    auto lock = std::make_unique<PosixLock>(std::move(file));
    // Another owner may have removed the file between our open and our lock, and a third may hold
    // its successor.
    if (is_still_named(lock->descriptor().number(), descriptor_.number(), text)) {
      return std::unique_ptr<DirectoryLock>(std::move(lock));
    }
  }
  return failure(Code::busy, "lock", path, "is removed and made again all the time");
}

Result<FileDescriptor> PosixDirectory::open_lock_file(const std::string& name) const {
  const std::string path = path_of(name);
  for (int attempt = 0; attempt < kLockAttempts; ++attempt) {
    auto file =
        open_regular_file(descriptor_.number(), name, OpenMode::read_write, file_mode(), path);
    if (file.has_value() || file.error().code() != Code::not_found) return file;
    file = open_regular_file(descriptor_.number(), name, OpenMode::create_new, file_mode(), path);
    if (file.has_value() || file.error().code() != Code::busy) return file;
  }
  return failure(Code::busy, "lock", path, "is removed and made again all the time");
}

Result<bool> PosixDirectory::locked(std::string_view name) {
  const std::string path = path_of(name);
  auto file = open_regular_file(descriptor_.number(), std::string(name), OpenMode::read_only,
                                file_mode(), path);
  if (!file.has_value()) {
    if (file.error().code() == Code::not_found) return false;
    return file.error();
  }
  // Only asks: unlike a try to lock, it makes nobody else's try fail, and it needs no right to
  // write.
  struct flock request = PosixLock::whole_file(F_WRLCK);
  if (::fcntl(file->number(), F_OFD_GETLK, &request) != 0) {
    return system_error(errno, "look for a lock on", path);
  }
  return request.l_type != F_UNLCK;
}

bool PosixDirectory::overwrites_in_place() {
  // From linux/magic.h, and what OpenZFS and bcachefs report.
  constexpr unsigned long kCopyOnWrite[] = {0x9123683E /* btrfs */, 0x2FC12FC1 /* zfs */,
                                            0xCA451A4E /* bcachefs */};
  struct statfs info {};
  if (::fstatfs(descriptor_.number(), &info) != 0) return true;
  return std::none_of(std::begin(kCopyOnWrite), std::end(kCopyOnWrite), [&](unsigned long magic) {
    return static_cast<unsigned long>(info.f_type) == magic;
  });
}

std::vector<std::string> PosixDirectory::concerns() {
  std::vector<std::string> found;
  struct stat now {};
  if (::fstat(descriptor_.number(), &now) != 0) return found;
  if ((now.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    const bool all = (now.st_mode & S_IWOTH) != 0;
    found.push_back(base::concat("the directory may be written by ",
                                 all ? "every user" : "the group of its owner",
                                 ", who can replace the log's files; `chmod go-w` ends that"));
  }
  // Root needs no rights to write here, so that owning the directory gives it none.
  if (now.st_uid != ::geteuid() && now.st_uid != 0) {
    found.push_back(base::concat("the directory belongs to another user, ", now.st_uid,
                                 " (this process runs as ", ::geteuid(),
                                 "), who can replace the log's files"));
  }
  return found;
}

Result<std::uint64_t> PosixDirectory::free_bytes() {
  struct statvfs found {};
  if (::fstatvfs(descriptor_.number(), &found) != 0) {
    return system_error(errno, "free bytes of", path_.native());
  }
  return static_cast<std::uint64_t>(found.f_bavail) * found.f_frsize;
}

std::string PosixDirectory::path_of(std::string_view name) const { return (path_ / name).native(); }

}  // namespace forelog::io
