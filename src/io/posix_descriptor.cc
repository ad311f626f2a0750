#include "io/posix_descriptor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <system_error>

#include "base/text.h"
#include "forelog/try.h"
#include "io/arguments.h"

namespace forelog::io {
namespace {

constexpr mode_t kPermissionBits = 07777;

Code code_of(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return Code::no_space;
    case ENOENT: return Code::not_found;
    case EEXIST: return Code::busy;
    case ELOOP:
    case ENXIO:
    case ENODEV:
    case EISDIR:
    case ENOTDIR:
    case ENAMETOOLONG: return Code::invalid_argument;
    default: return Code::io_error;
  }
}

// What strerror() leaves open.
std::string_view hint_of(int error) {
  switch (error) {
    case ELOOP: return " (a symbolic link, which is never followed)";
    case ENXIO:
    case ENODEV: return " (a special file, where a regular file is expected)";
    case EROFS:
      return " (what is there can be opened read-only; to write, remount the file system)";
    case EFBIG: return " (over RLIMIT_FSIZE or the file system's largest file)";
    default: return "";
  }
}

Status not_regular(std::string_view path) {
  return failure(Code::invalid_argument, "open", path,
                 "is a directory or another special file, where a regular file is expected");
}

int open_flags(OpenMode mode) {
  constexpr int kAlways = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  switch (mode) {
    case OpenMode::read_only: return kAlways | O_RDONLY;
    case OpenMode::read_write: return kAlways | O_RDWR;
    case OpenMode::create_new: return kAlways | O_RDWR | O_CREAT | O_EXCL;
  }
  return kAlways | O_RDONLY;
}

Status check_kind(int file, OpenMode mode, mode_t new_mode, std::string_view path) {
  struct stat found {};
  if (::fstat(file, &found) != 0) return system_error(errno, "open", path);
  if (!S_ISREG(found.st_mode)) return not_regular(path);
  if (mode == OpenMode::read_write && found.st_nlink > 1) {
    return failure(Code::invalid_argument, "open", path,
                   "has further names (hard links), so that writing it would change them too; "
                   "copy it or remove the others");
  }
  const bool other_mode = (found.st_mode & kPermissionBits) != new_mode;  // The umask's doing.
  if (mode == OpenMode::create_new && other_mode && ::fchmod(file, new_mode) != 0) {
    return system_error(errno, "set the mode of", path);
  }
  return {};
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  // Not retried when interrupted: Linux has given the number back by then.
  if (number_ >= 0) static_cast<void>(::close(number_));
}

Status system_error(int error, std::string_view doing, std::string_view path) {
  std::string why = std::generic_category().message(error);
  why.append(hint_of(error));
  return failure(code_of(error), doing, path, why);
}

Status cannot_open(int error, std::string_view doing, int directory, const std::string& name,
                   std::string_view path) {
  struct stat found {};
  if (error != EACCES || ::fstatat(directory, name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
    return system_error(error, doing, path);
  }
  std::array<char, 8> mode;
  static_cast<void>(
      std::snprintf(mode.data(), mode.size(), "%04o", found.st_mode & kPermissionBits));
  return failure(
      Code::io_error, doing, path,
      base::concat(std::generic_category().message(error), " (it belongs to user ", found.st_uid,
                   " and has mode ", mode.data(), "; this process runs as user ", ::geteuid(),
                   "; readers need the right to read, and to enter a directory; a "
                   "writer needs the right to write, too)"));
}

Status sync_directory(int directory, std::string_view path) {
  if (::fsync(directory) != 0) return system_error(errno, "sync the directory", path);
  return {};
}

Result<FileDescriptor> open_regular_file(int directory, const std::string& name, OpenMode mode,
                                         mode_t new_mode, std::string_view path) {
  FORELOG_TRY(check_plain_name(name));
  FileDescriptor file(retry_interrupted(
      [&] { return ::openat(directory, name.c_str(), open_flags(mode), new_mode); }));
  if (file.number() < 0) {
    const int error = errno;
    return error == EISDIR ? not_regular(path) : cannot_open(error, "open", directory, name, path);
  }
  Status status = check_kind(file.number(), mode, new_mode, path);
  if (!status.ok()) {
    if (mode == OpenMode::create_new) static_cast<void>(::unlinkat(directory, name.c_str(), 0));
    return status;
  }
  // Why: O_NONBLOCK was for a FIFO only; some file systems hand it on to their server.
  if (::fcntl(file.number(), F_SETFL, 0) != 0) return system_error(errno, "open", path);
  return file;
}

}  // namespace forelog::io
