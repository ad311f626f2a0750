// FuseDisk: mounts a MemoryFileSystem, so that real programs keep their files on it with the
// kernel's own calls. What they write and do not sync is held back in memory, and is at the mercy of
// what happens when the disk stops: at a chosen moment in the middle of what they do.
//
// The kernel writes through: each write reaches the disk in memory before it returns. Locks and
// mappings are the kernel's own business, as on a local file system. Once it has stopped, every
// operation fails; drop this FuseDisk, and with it all that the kernel had cached, and mount the
// disk anew.
// Threading: one thread of its own answers the kernel, one operation at a time. The methods are for
// any thread. The process has called private_mounts() before.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

#include "forelog/memory_file_system.h"

namespace forelog::crash_test {

class FuseDisk {
 public:
  // A disk may say "synced" and not have done it: with the content of files, or with their names.
  enum class Syncs : std::uint8_t { honest, data_lies, names_lie };

  // Serves `disk`, which outlives this, at `place`, an empty directory. An error says why there is
  // no FUSE to be had: a reason to skip a test.
  static Result<std::unique_ptr<FuseDisk>> mount(MemoryFileSystem& disk,
                                                 const std::filesystem::path& place,
                                                 Syncs syncs = Syncs::honest);
  ~FuseDisk();  // Unmounts.
  FuseDisk(const FuseDisk&) = delete;
  FuseDisk& operator=(const FuseDisk&) = delete;

  // What ends all operations: power_cut() or kill_process() of the disk.
  using Stop = std::function<void()>;

  // Stops just before the `operations`th operation from now that writes, syncs or changes a name or
  // a size; 1 is the next one. `stop` is called by the thread that answers the kernel.
  void stop_before(std::uint64_t operations, const Stop& stop);
  // Stops now, unless it has stopped already.
  void stop_now(const Stop& stop);
  bool has_stopped() const;

  class Server;

 private:
  explicit FuseDisk(std::unique_ptr<Server> server);
  std::unique_ptr<Server> server_;
};

}  // namespace forelog::crash_test
