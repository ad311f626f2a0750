#include "forelog/memory_file_system.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "forelog/try.h"
#include "io/arguments.h"
#include "io/memory_state.h"

namespace forelog {
namespace {

using base::MutexLock;
using io::MemoryContent;
using io::MemoryNode;
using io::MemoryNodePtr;

constexpr std::chrono::microseconds kTick{1};

// Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
std::uint64_t split_mix(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15U;
  std::uint64_t mixed = state;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
  return mixed ^ (mixed >> 31);
}

Status no_such_file(std::string_view doing, const std::filesystem::path& path) {
  return io::failure(Code::not_found, doing, path.native(), "there is no such file");
}

Status not_a_file(std::string_view doing, const std::filesystem::path& path) {
  return io::failure(Code::invalid_argument, doing, path.native(), "is a directory");
}

// Copies a tree, what is unsynced in it included; a node with several names, or with one that is
// only on the disk or only cached, stays one node.
class TreeCopy {
 public:
  MemoryNodePtr operator()(const MemoryNodePtr& node) {
    MemoryNodePtr& copy = copies_[node.get()];
    if (copy != nullptr) return copy;
    copy = std::make_shared<MemoryNode>(*node);
    copy->handles = copy->watchers = 0;
    copy->locked_in_life = 0;
    copy->names = node->names.copy([this](const MemoryNodePtr& child) { return (*this)(child); });
    return copy;
  }

 private:
  std::unordered_map<const MemoryNode*, MemoryNodePtr> copies_;
};

void list_below(const MemoryNode& directory, const std::filesystem::path& path,
                std::vector<std::filesystem::path>& files) {
  for (const auto& [name, node] : directory.names.all()) {
    if (node->is_directory()) {
      list_below(*node, path / name, files);
    } else {
      files.push_back(path / name);
    }
  }
}

}  // namespace

MemoryFileSystem::MemoryFileSystem() : MemoryFileSystem(Options()) {}
MemoryFileSystem::MemoryFileSystem(Options options) : state_(std::make_shared<State>(options)) {}
MemoryFileSystem::~MemoryFileSystem() = default;

Result<std::unique_ptr<Directory>> MemoryFileSystem::open_directory(
    const std::filesystem::path& path, bool create) {
  const auto place = State::absolute(path);
  const MutexLock lock(state_->mutex);
  const MemoryNodePtr parent = state_->find(place.parent_path());
  MemoryNodePtr found = state_->find(place);
  if (found == nullptr && create && parent != nullptr && parent->is_directory()) {
    FORELOG_TRY(io::check_plain_name(place.filename().native()));
    found = state_->make(*parent, place.filename().native(), FileKind::directory);
  }
  if (found == nullptr) return no_such_file("open the directory", path);
  if (!found->is_directory()) {
    return io::failure(Code::invalid_argument, "open the directory", path.native(),
                       "is not a directory");
  }
  if (create) parent->names.sync();
  return io::make_memory_directory(state_, std::move(found), state_->life, path);
}

Timestamp MemoryFileSystem::now() {
  const MutexLock lock(state_->mutex);
  return std::exchange(state_->clock, state_->clock + kTick);
}

std::uint64_t MemoryFileSystem::random() {
  const MutexLock lock(state_->mutex);
  return split_mix(state_->dice);
}

void MemoryFileSystem::set_now(Timestamp now) {
  const MutexLock lock(state_->mutex);
  state_->clock = now;
}

void MemoryFileSystem::set_capacity(std::uint64_t bytes) {
  const MutexLock lock(state_->mutex);
  state_->capacity_bytes = bytes;
}

void MemoryFileSystem::fail_next_sync() {
  const MutexLock lock(state_->mutex);
  state_->sync_fails_next = true;
}

void MemoryFileSystem::kill_process() {
  const MutexLock lock(state_->mutex);
  state_->end_life(nullptr);
}

void MemoryFileSystem::power_cut(const std::function<std::uint64_t(std::uint64_t)>& keep) {
  const MutexLock lock(state_->mutex);
  state_->end_life(&keep);
}

void MemoryFileSystem::power_cut() {
  power_cut([](std::uint64_t) { return std::uint64_t{0}; });
}

Result<std::vector<std::byte>> MemoryFileSystem::read_file(
    const std::filesystem::path& path) const {
  const MutexLock lock(state_->mutex);
  const MemoryNodePtr file = state_->find(State::absolute(path));
  if (file == nullptr) return no_such_file("read", path);
  if (file->is_directory()) return not_a_file("read", path);
  std::vector<std::byte> bytes(static_cast<std::size_t>(file->content.size()));
  static_cast<void>(file->content.read(0, bytes));
  return bytes;
}

Status MemoryFileSystem::write_file(const std::filesystem::path& path, ByteView bytes) {
  const auto place = State::absolute(path);
  const MutexLock lock(state_->mutex);
  const MemoryNodePtr parent = FORELOG_TRY(state_->make_directories(place.parent_path()));
  MemoryNodePtr file = state_->find(place);
  if (file == nullptr) {
    FORELOG_TRY(io::check_plain_name(place.filename().native()));
    file = state_->make(*parent, place.filename().native(), FileKind::regular);
  }
  if (file->is_directory()) return not_a_file("write", path);
  parent->names.sync();
  state_->change_content(*file, [&](MemoryContent& content, std::uint64_t /*free*/) {
    content.resize(0);
    const std::size_t written = content.write(0, bytes, UINT64_MAX);
    content.sync();
    return written;
  });
  return {};
}

Status MemoryFileSystem::remove_file(const std::filesystem::path& path) {
  const auto place = State::absolute(path);
  const MutexLock lock(state_->mutex);
  const MemoryNodePtr file = state_->find(place);
  if (file == nullptr) return no_such_file("remove", path);
  if (file->is_directory()) return not_a_file("remove", path);
  const MemoryNodePtr parent = state_->find(place.parent_path());
  state_->take_name(*file);
  parent->names.remove(place.filename().native());
  parent->names.sync();
  return {};
}

Status MemoryFileSystem::make_directory(const std::filesystem::path& path) {
  const auto place = State::absolute(path);
  const MutexLock lock(state_->mutex);
  const std::string name = place.filename().native();
  FORELOG_TRY(io::check_plain_name(name));
  const MemoryNodePtr parent = state_->find(place.parent_path());
  if (parent == nullptr || !parent->is_directory()) return no_such_file("make a directory", path);
  if (parent->names.find(name) != nullptr) {
    return io::failure(Code::busy, "make the directory", path.native(), "the name exists");
  }
  state_->make(*parent, name, FileKind::directory);
  return {};
}

std::vector<std::filesystem::path> MemoryFileSystem::list_files() const {
  const MutexLock lock(state_->mutex);
  std::vector<std::filesystem::path> files;
  list_below(*state_->root, "/", files);
  std::sort(files.begin(), files.end());
  return files;
}

std::unique_ptr<MemoryFileSystem> MemoryFileSystem::clone() const {
  auto result = std::make_unique<MemoryFileSystem>(Options{.sector_bytes = state_->sector_bytes});
  State& copy = *result->state_;
  const MutexLock lock(state_->mutex);
  const MutexLock copy_lock(copy.mutex);
  copy.capacity_bytes = state_->capacity_bytes;
  copy.dice = state_->dice;
  copy.clock = state_->clock;
  copy.root = TreeCopy()(state_->root);
  copy.end_life(nullptr);  // Counts the blocks of what has a name.
  return result;
}

}  // namespace forelog
