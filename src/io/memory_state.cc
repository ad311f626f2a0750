#include "io/memory_state.h"

#include <utility>

#include "base/check.h"
#include "forelog/try.h"
#include "io/arguments.h"

namespace forelog {
namespace {

constexpr std::uint64_t kBlockBytes = io::MemoryContent::kBlockBytes;
constexpr Timestamp kFirstNow{std::chrono::sys_days(std::chrono::year(2026) / 1 / 1)};

}  // namespace

MemoryFileSystem::State::State(const Options& options)
    : capacity_bytes(options.capacity_bytes),
      sector_bytes(options.sector_bytes),
      dice(options.seed),
      clock(kFirstNow),
      root(std::make_shared<Node>(FileKind::directory, options.sector_bytes)) {
  FORELOG_CHECK(sector_bytes > 0 && kBlockBytes % sector_bytes == 0);
}

std::filesystem::path MemoryFileSystem::State::absolute(const std::filesystem::path& path) {
  const auto normal = ("/" / path).lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

io::MemoryNodePtr MemoryFileSystem::State::find(const std::filesystem::path& path) const {
  NodePtr node = root;
  for (const auto& name : path.relative_path()) {
    node = node->names.find(name.native());
    if (node == nullptr) break;
  }
  return node;
}

Result<io::MemoryNodePtr> MemoryFileSystem::State::make_directories(
    const std::filesystem::path& path) {
  NodePtr node = root;
  for (const auto& name : path.relative_path()) {
    FORELOG_TRY(io::check_plain_name(name.native()));
    NodePtr child = node->names.find(name.native());
    if (child == nullptr) {
      child = make(*node, name.native(), FileKind::directory);
      node->names.sync();
    }
    if (!child->is_directory()) {
      return io::failure(Code::invalid_argument, "make the directory", path.native(),
                         "a file is in the way");
    }
    node = std::move(child);
  }
  return node;
}

io::MemoryNodePtr MemoryFileSystem::State::make(Node& parent, std::string_view name,
                                                FileKind kind) {
  auto node = std::make_shared<Node>(kind, sector_bytes);
  parent.names.create(name, node);
  return node;
}

Status MemoryFileSystem::State::check_alive(std::uint64_t handle_life, std::string_view doing,
                                            std::string_view path) const {
  if (handle_life == life) return {};
  return io::failure(Code::io_error, doing, path, "the process that had it open died");
}

std::uint64_t MemoryFileSystem::State::free_blocks() const {
  const std::uint64_t capacity_blocks = capacity_bytes / kBlockBytes;
  return capacity_blocks > used_blocks ? capacity_blocks - used_blocks : 0;
}

void MemoryFileSystem::State::take_name(Node& file) {
  file.named = false;
  if (!file.in_use()) used_blocks -= file.content.blocks();
}

void MemoryFileSystem::State::drop_handle(Node& file, std::uint64_t handle_life) {
  if (handle_life != life) return;
  --file.handles;
  if (!file.in_use()) used_blocks -= file.content.blocks();
}

void MemoryFileSystem::State::end_life(const io::Dice* keep) {
  ++life;
  sync_fails_next = false;
  used_blocks = 0;
  settle(*root, keep);
  bell.notify_all();
}

void MemoryFileSystem::State::settle(Node& directory, const io::Dice* keep) {
  if (keep != nullptr) directory.names.lose_power(*keep);
  for (const auto& [name, node] : directory.names.all()) {
    node->named = true;  // A removed file may have returned.
    node->handles = node->watchers = 0;
    if (node->is_directory()) {
      settle(*node, keep);
    } else {
      if (keep != nullptr) node->content.lose_power(*keep);
      used_blocks += node->content.blocks();
    }
  }
}

}  // namespace forelog
