// What stands in for fuse_disk.cc where libfuse3 is not installed: a disk that cannot be had.
#include <utility>

#include "crash/fuse_disk.h"

namespace forelog::crash_test {

class FuseDisk::Server {};

Result<std::unique_ptr<FuseDisk>> FuseDisk::mount(MemoryFileSystem& /*disk*/,
                                                  const std::filesystem::path& /*place*/,
                                                  Syncs /*syncs*/) {
  return Status(Code::unsupported,
                "built without libfuse3 (on Debian: apt-get install libfuse3-dev)");
}

FuseDisk::FuseDisk(std::unique_ptr<Server> server) : server_(std::move(server)) {}
FuseDisk::~FuseDisk() = default;
void FuseDisk::stop_before(std::uint64_t /*operations*/, const Stop& /*stop*/) {}
void FuseDisk::stop_now(const Stop& /*stop*/) {}
bool FuseDisk::has_stopped() const { return true; }

}  // namespace forelog::crash_test
