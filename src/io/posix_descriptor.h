// What the posix file system is made of: an owned file descriptor, the translation of errno into
// Status, and the one way in which regular files are opened.
//
// Threading: a FileDescriptor is owned by one object; its number may be used by several threads.
// Invariant: every descriptor is close-on-exec, and no open follows a symbolic link in its last
// component or waits for a FIFO's other end.
#pragma once

#include <sys/types.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "forelog/file_system.h"

namespace forelog::io {

class FileDescriptor {
 public:
  explicit FileDescriptor(int number) noexcept : number_(number) {}
  FileDescriptor(FileDescriptor&& other) noexcept : number_(other.number_) { other.number_ = -1; }
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~FileDescriptor();

  int number() const noexcept { return number_; }

 private:
  int number_;
};

// Repeats a system call while it is interrupted. Never to be used for a sync: one that did not
// succeed may have dropped what it should have written.
template <typename Call>
auto retry_interrupted(const Call& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

// The Status of a system call that failed with `error` while `doing` something to `path`. Build
// `path` before the call that may fail: whatever is computed after it may change errno.
Status system_error(int error, std::string_view doing, std::string_view path);

// The same for `name` in `directory`, which could not be opened: where a right is missing, the
// message says who owns it, and which rights it takes.
Status cannot_open(int error, std::string_view doing, int directory, const std::string& name,
                   std::string_view path);

// fsync() of a directory, once.
Status sync_directory(int directory, std::string_view path);

// Opens the regular file `name` in `directory`; one that it makes gets `new_mode`, whatever the umask
// is; `path` is for messages. Refuses anything that is not regular, and a file with several names
// when it is to be written: somebody else's file could hide behind one of them.
Result<FileDescriptor> open_regular_file(int directory, const std::string& name, OpenMode mode,
                                         mode_t new_mode, std::string_view path);

}  // namespace forelog::io
