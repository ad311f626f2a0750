// MemoryFileSystem: a disk in memory that knows what was written, what was synced and which names
// were synced, and can lose power. For tests of Forelog and of what is built on it.
//
// Model: writes land in a page cache; File::sync_data() moves a file's content and size to the
// disk; Directory::sync() moves a directory's names. power_cut() ends every open handle and lock,
// and leaves of what is unsynced what the caller's dice say:
// - Each sector independently holds what it held at the last sync, what it holds now, or one of the
//   last few versions between. Where there was nothing, it holds zeros.
// - The size of a file is, independently of its sectors, the one at the last sync, the one now, or
//   one of the last few between.
// - Each change of a name (file made, moved or removed) independently happened, whole, or did not;
//   but not without the changes that it builds on: earlier ones to the same file or to the one it
//   replaces, and the rename that vacated the name it takes. A file without a name is gone, even
//   if its content was synced.
// Threading: every method may be called from several threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "forelog/file_system.h"

namespace forelog {

class FORELOG_EXPORT MemoryFileSystem : public FileSystem {
 public:
  struct Options {
    // Counts the 4096-byte blocks written or allocated, of files that have a name or a handle.
    // Writes past it write what fits, allocations past it nothing; both return no_space.
    std::uint64_t capacity_bytes = UINT64_MAX;
    std::uint64_t sector_bytes = 512;  // What survives a power cut whole or not: divides 4096.
    std::uint64_t seed = 1;            // For random().
  };
  MemoryFileSystem();
  explicit MemoryFileSystem(Options options);
  ~MemoryFileSystem() override;

  Result<std::unique_ptr<Directory>> open_directory(const std::filesystem::path& path,
                                                    bool create) override;
  Timestamp now() override;         // Starts at set_now()'s value, or 2026; advances 1 us a call.
  std::uint64_t random() override;  // Deterministic from the seed.

  void set_now(Timestamp now);
  void set_capacity(std::uint64_t bytes);

  // The next sync_data() fails as a kernel's does: io_error, and what was unsynced is taken for clean.
  // Reads show it, later syncs pass it over, a power cut may lose it; writing it again helps.
  void fail_next_sync();

  // The process dies: every handle and lock made so far is dead (later calls on them: io_error;
  // locks are free again), and all that was written stays.
  void kill_process();

  // The power goes: as kill_process(), and of each unsynced name change, size and sector `keep`
  // decides what reached the disk. keep(n) returns a number below n; 0 means "lost", n - 1 the
  // newest. It is asked only where there is a choice, in an order that depends on nothing but the
  // disk, and must not call this object.
  void power_cut(const std::function<std::uint64_t(std::uint64_t)>& keep);
  void power_cut();  // Everything unsynced is lost.

  // Direct access for tests that damage a disk. The path is absolute, as given to open_directory
  // and below; `bytes` is both what is cached and what is on the disk, as are then the names in the
  // file's directory. Missing directories are made. The capacity does not count.
  Result<std::vector<std::byte>> read_file(const std::filesystem::path& path) const;
  Status write_file(const std::filesystem::path& path, ByteView bytes);  // Creates or replaces.
  Status remove_file(const std::filesystem::path& path);
  // Makes a directory in one that is there, as mkdir(2) does: its name is not synced. `busy` when
  // the name exists. For those who serve this disk to the kernel.
  Status make_directory(const std::filesystem::path& path);
  std::vector<std::filesystem::path> list_files() const;  // Regular files, sorted.
  // A copy of the disk, of what is unsynced too; no handles, no locks.
  std::unique_ptr<MemoryFileSystem> clone() const;

  struct FORELOG_HIDDEN State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace forelog
