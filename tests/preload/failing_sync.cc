// A library that a program is started with (LD_PRELOAD): while the file that FORELOG_SYNCS_FAIL_WHILE
// names is there, no sync of a file succeeds. So a test chooses the moment at which the disk begins
// to fail under a real program. Directories are synced as ever.
//
// Threading: as the calls that it stands before.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace {

bool fails() {
  const char* const file = std::getenv("FORELOG_SYNCS_FAIL_WHILE");
  const int before = errno;
  const bool there = file != nullptr && ::access(file, F_OK) == 0;
  errno = there ? EIO : before;
  return there;
}

// A write around the page cache, which is synced with it.
bool is_synced(int file) {
  const int flags = ::fcntl(file, F_GETFL);
  return flags >= 0 && (flags & O_DSYNC) != 0;
}

}  // namespace

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): they are declared elsewhere.
extern "C" {

int fdatasync(int file) {
  if (fails()) return -1;
  return static_cast<int>(::syscall(SYS_fdatasync, file));
}

ssize_t pwrite(int file, const void* from, size_t bytes, off_t offset) {
  if (is_synced(file) && fails()) return -1;
  return ::syscall(SYS_pwrite64, file, from, bytes, offset);
}

}  // extern "C"
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
