// The disk behind a MemoryFileSystem: the tree of its files and directories, the space they take,
// and which life of the process may still use them.
//
// Owned together by the MemoryFileSystem and every handle made from it. Threading: one mutex guards
// all of it, the nodes included; methods say when they want it held.
// Invariant: used_blocks is the sum of the blocks of all files that have a name or an open handle.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "base/mutex.h"
#include "forelog/memory_file_system.h"
#include "io/memory_content.h"
#include "io/memory_names.h"

namespace forelog::io {

struct MemoryNode {
  MemoryNode(FileKind kind_of_node, std::uint64_t sector_bytes)
      : kind(kind_of_node), content(sector_bytes) {}

  bool is_directory() const { return kind == FileKind::directory; }
  bool in_use() const { return named || handles > 0; }

  FileKind kind;
  MemoryContent content;  // Of a file.
  MemoryNames names;      // Of a directory.

  bool named = true;
  std::uint64_t handles = 0;         // Open files of this life.
  std::uint64_t locked_in_life = 0;  // The life that holds its lock; held only if that goes on.
  std::uint64_t rings = 0;           // Calls of wake_watchers().
  std::uint64_t watchers = 0;        // Those of the handles that have watched.
};

}  // namespace forelog::io

namespace forelog {

struct MemoryFileSystem::State {
  using Node = io::MemoryNode;
  using NodePtr = io::MemoryNodePtr;

  explicit State(const Options& options);

  // From the root, without "." or ".." or a slash behind it.
  static std::filesystem::path absolute(const std::filesystem::path& path);
  // The node at `path`, an absolute() one; null when there is none.
  NodePtr find(const std::filesystem::path& path) const FORELOG_REQUIRES(mutex);
  NodePtr make(Node& parent, std::string_view name, FileKind kind) FORELOG_REQUIRES(mutex);
  // Finds the directory at `path`, or makes it and those above it, durably.
  Result<NodePtr> make_directories(const std::filesystem::path& path) FORELOG_REQUIRES(mutex);

  // io_error unless `handle_life` goes on.
  Status check_alive(std::uint64_t handle_life, std::string_view doing, std::string_view path) const
      FORELOG_REQUIRES(mutex);

  std::uint64_t free_blocks() const FORELOG_REQUIRES(mutex);
  // Calls change(content, free blocks) and accounts for the blocks that it takes or gives back.
  template <typename Change>
  auto change_content(Node& file, const Change& change) FORELOG_REQUIRES(mutex);
  void take_name(Node& file) FORELOG_REQUIRES(mutex);
  void drop_handle(Node& file, std::uint64_t handle_life) FORELOG_REQUIRES(mutex);

  // Ends every handle and lock; with `keep`, cuts the power too.
  void end_life(const io::Dice* keep) FORELOG_REQUIRES(mutex);

  mutable base::Mutex mutex;
  base::CondVar bell;  // Rung when any node's `rings` or `life` changed.
  std::uint64_t capacity_bytes FORELOG_GUARDED_BY(mutex);
  const std::uint64_t sector_bytes;
  std::uint64_t dice FORELOG_GUARDED_BY(mutex);
  Timestamp clock FORELOG_GUARDED_BY(mutex);
  std::uint64_t life FORELOG_GUARDED_BY(mutex) = 1;
  std::uint64_t used_blocks FORELOG_GUARDED_BY(mutex) = 0;
  bool sync_fails_next FORELOG_GUARDED_BY(mutex) = false;
  NodePtr root FORELOG_GUARDED_BY(mutex);

 private:
  void settle(Node& directory, const io::Dice* keep) FORELOG_REQUIRES(mutex);
};

template <typename Change>
auto MemoryFileSystem::State::change_content(Node& file, const Change& change) {
  const std::uint64_t before = file.content.blocks();
  const auto result = change(file.content, free_blocks());
  used_blocks += file.content.blocks() - before;  // Modulo 2^64, so that it may also shrink.
  return result;
}

}  // namespace forelog

namespace forelog::io {

std::unique_ptr<Directory> make_memory_directory(std::shared_ptr<MemoryFileSystem::State> state,
                                                 MemoryNodePtr node, std::uint64_t life,
                                                 std::filesystem::path path);

}  // namespace forelog::io
