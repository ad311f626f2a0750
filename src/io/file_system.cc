#include "forelog/file_system.h"

#include <sys/random.h>

#include <cerrno>

#include "base/check.h"

namespace forelog {

Timestamp FileSystem::now() {
  return std::chrono::time_point_cast<Timestamp::duration>(std::chrono::system_clock::now());
}

std::uint64_t FileSystem::random() {
  std::uint64_t value = 0;
  ssize_t got = -1;
  do {
    got = ::getrandom(&value, sizeof value, 0);
  } while (got < 0 && errno == EINTR);
  // Why a check: the kernel gives 8 bytes whole, and salts that are not random would let stale
  // bytes verify.
  FORELOG_CHECK(got == static_cast<ssize_t>(sizeof value));
  return value;
}

}  // namespace forelog
