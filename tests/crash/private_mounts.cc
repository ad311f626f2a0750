#include "crash/private_mounts.h"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <system_error>

namespace forelog::crash_test {
namespace {

Status failed(const std::string& doing) {
  return {Code::io_error, doing + ": " + std::generic_category().message(errno)};
}

bool write_file(const char* path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  return file.flush().good();
}

// With a user namespace of its own, in which it is who it was, a process may mount there.
Status enter_user_namespace() {
  const std::string user = std::to_string(::getuid()), group = std::to_string(::getgid());
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    return failed("neither root nor allowed to make a user namespace");
  }
  if (!write_file("/proc/self/setgroups", "deny") ||
      !write_file("/proc/self/uid_map", user + " " + user + " 1") ||
      !write_file("/proc/self/gid_map", group + " " + group + " 1")) {
    return failed("cannot set up a user namespace");
  }
  return {};
}

Status enter() {
  if (::unshare(CLONE_NEWNS) != 0) {
    Status entered = errno == EPERM ? enter_user_namespace() : failed("no mount namespace");
    if (!entered.ok()) return entered;
  }
  // What is mounted from here on is not handed on to where we came from.
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return failed("cannot make mounts private");
  }
  return {};
}

}  // namespace

Status private_mounts() {
  static const Status entered = enter();
  return entered;
}

Status unmount(const std::filesystem::path& path) {
  // Forced: who still waits for the file system gets an error, and its server its end. In a user
  // namespace that takes a right that nobody has; there the last one who uses it ends it.
  if (::umount2(path.c_str(), MNT_FORCE | MNT_DETACH) == 0) return {};
  if (errno == EPERM && ::umount2(path.c_str(), MNT_DETACH) == 0) return {};
  return failed("cannot unmount " + path.native());
}

}  // namespace forelog::crash_test
