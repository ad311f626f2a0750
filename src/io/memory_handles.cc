// What a program holds of a MemoryFileSystem: its files, directories and locks. Each belongs to one
// life of the process and answers io_error in any later one.
//
// Threading: each call takes the one mutex of the disk (io/memory_state.h) and touches nothing
// without it.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "base/thread.h"
#include "forelog/try.h"
#include "io/arguments.h"
#include "io/memory_state.h"

namespace forelog::io {
namespace {

using State = MemoryFileSystem::State;
using StatePtr = std::shared_ptr<State>;
using base::MutexLock;

constexpr std::chrono::microseconds kWatchMax = std::chrono::hours(1);

class MemoryFile final : public File {
 public:
  // The caller has counted the handle.
  MemoryFile(StatePtr state, MemoryNodePtr node, std::uint64_t life, bool writable,
             std::string path)
      : state_(std::move(state)),
        node_(std::move(node)),
        life_(life),
        writable_(writable),
        path_(std::move(path)) {}
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() override {
    const MutexLock lock(state_->mutex);
    if (watches_ && life_ == state_->life) --node_->watchers;
    state_->drop_handle(*node_, life_);
  }

  using File::write_at;

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> to) const override {
    FORELOG_TRY(check_range(offset, to.size()));
    const MutexLock lock(state_->mutex);
    FORELOG_TRY(state_->check_alive(life_, "read", path_));
    return node_->content.read(offset, to);
  }

  Status write_at(std::uint64_t offset, std::span<const ByteView> parts) override {
    FORELOG_TRY(check_range(offset, total_bytes(parts)));
    const MutexLock lock(state_->mutex);
    FORELOG_TRY(check_writable("write"));
    for (const ByteView& part : parts) {
      const std::size_t written =
          state_->change_content(*node_, [&](MemoryContent& content, std::uint64_t free) {
            return content.write(offset, part, free);
          });
      if (written < part.size()) return disk_full("write");
      offset += written;
    }
    return {};
  }

  Status sync_data() override {
    const MutexLock lock(state_->mutex);
    FORELOG_TRY(state_->check_alive(life_, "sync", path_));
    if (std::exchange(state_->sync_fails_next, false)) {
      node_->content.fail_sync();
      return failure(Code::io_error, "sync", path_, "made to fail");
    }
    node_->content.sync();
    return {};
  }

  // So that tests meet both ways of a log to make a group durable.
  bool writes_directly() override { return true; }

  Status allocate(std::uint64_t bytes) override {
    FORELOG_TRY(check_range(0, bytes));
    const MutexLock lock(state_->mutex);
    FORELOG_TRY(check_writable("allocate"));
    const bool done = state_->change_content(
        *node_,
        [&](MemoryContent& content, std::uint64_t free) { return content.allocate(bytes, free); });
    return done ? Status() : disk_full("allocate");
  }

  Status truncate(std::uint64_t bytes) override {
    FORELOG_TRY(check_range(0, bytes));
    const MutexLock lock(state_->mutex);
    FORELOG_TRY(check_writable("resize"));
    state_->change_content(*node_, [&](MemoryContent& content, std::uint64_t /*free*/) {
      content.resize(bytes);
      return true;
    });
    return {};
  }

  Result<std::uint64_t> size() const override {
    const MutexLock lock(state_->mutex);
    FORELOG_TRY(state_->check_alive(life_, "size", path_));
    return node_->content.size();
  }

  void watch(std::uint64_t offset, std::uint32_t seen,
             std::chrono::microseconds timeout) const override {
    if (timeout <= timeout.zero()) return;
    const auto deadline = base::now() + std::min(timeout, kWatchMax);
    const MutexLock lock(state_->mutex);
    if (!watches_ && life_ == state_->life) {
      watches_ = true;
      ++node_->watchers;
    }
    const std::uint64_t rings = node_->rings;
    while (life_ == state_->life && node_->rings == rings && !differs(offset, seen)) {
      if (!state_->bell.wait_until(state_->mutex, deadline)) return;
    }
  }

  void wake_watchers(std::uint64_t /*offset*/) override {
    const MutexLock lock(state_->mutex);
    if (life_ != state_->life) return;
    ++node_->rings;
    state_->bell.notify_all();
    watched_.store(node_->watchers > 0, std::memory_order_relaxed);
  }

  bool watched() const override { return watched_.load(std::memory_order_relaxed); }

 private:
  Status check_writable(std::string_view doing) const FORELOG_REQUIRES(state_->mutex) {
    FORELOG_TRY(state_->check_alive(life_, doing, path_));
    return writable_ ? Status() : failure(Code::io_error, doing, path_, "is open for reading only");
  }

  Status disk_full(std::string_view doing) const {
    return failure(Code::no_space, doing, path_, "the disk in memory is full");
  }

  bool differs(std::uint64_t offset, std::uint32_t seen) const FORELOG_REQUIRES(state_->mutex) {
    std::uint32_t word = 0;
    const auto to = std::as_writable_bytes(std::span(&word, 1));
    return node_->content.read(offset, to) == sizeof word && word != seen;
  }

  const StatePtr state_;
  const MemoryNodePtr node_;
  const std::uint64_t life_;
  const bool writable_;
  const std::string path_;  // For messages.
  mutable bool watches_ FORELOG_GUARDED_BY(state_->mutex) = false;
  std::atomic<bool> watched_{false};
};

class MemoryLock final : public DirectoryLock {
 public:
  // The caller has marked `node` as locked.
  MemoryLock(StatePtr state, MemoryNodePtr node, std::uint64_t life)
      : state_(std::move(state)), node_(std::move(node)), life_(life) {}
  MemoryLock(const MemoryLock&) = delete;
  MemoryLock& operator=(const MemoryLock&) = delete;
  ~MemoryLock() override {
    const MutexLock lock(state_->mutex);
    if (node_->locked_in_life == life_) node_->locked_in_life = 0;
  }

 private:
  const StatePtr state_;
  const MemoryNodePtr node_;
  const std::uint64_t life_;
};

class MemoryDirectory final : public Directory {
 public:
  MemoryDirectory(StatePtr state, MemoryNodePtr node, std::uint64_t life,
                  std::filesystem::path path)
      : state_(std::move(state)), node_(std::move(node)), life_(life), path_(std::move(path)) {}

  const std::filesystem::path& path() const override { return path_; }
  Result<std::unique_ptr<File>> open(std::string_view name, OpenMode mode) override;
  Result<std::vector<FileEntry>> list() override;
  Status rename(std::string_view from, std::string_view to) override;
  Status remove(std::string_view name) override;
  Status sync() override;
  Result<std::unique_ptr<Directory>> open_directory(std::string_view name, bool create) override;
  Result<std::unique_ptr<DirectoryLock>> lock(std::string_view name) override;
  Result<bool> locked(std::string_view name) override;
  Result<std::uint64_t> free_bytes() override;

 private:
  std::string path_of(std::string_view name) const { return (path_ / name).native(); }

  Status check(std::string_view doing, std::string_view name) const
      FORELOG_REQUIRES(state_->mutex) {
    FORELOG_TRY(check_plain_name(name));
    return state_->check_alive(life_, doing, path_of(name));
  }

  Status missing(std::string_view doing, std::string_view name) const {
    return failure(Code::not_found, doing, path_of(name), "there is no such file");
  }

  Status wrong_kind(std::string_view doing, std::string_view name) const {
    return failure(Code::invalid_argument, doing, path_of(name),
                   "is a directory or another special file, where a regular file is expected");
  }

  const StatePtr state_;
  const MemoryNodePtr node_;
  const std::uint64_t life_;
  const std::filesystem::path path_;
};

Result<std::unique_ptr<File>> MemoryDirectory::open(std::string_view name, OpenMode mode) {
  const MutexLock lock(state_->mutex);
  FORELOG_TRY(check("open", name));
  MemoryNodePtr file = node_->names.find(name);
  if (mode == OpenMode::create_new) {
    if (file != nullptr) return failure(Code::busy, "open", path_of(name), "the file exists");
    file = state_->make(*node_, name, FileKind::regular);
  }
  if (file == nullptr) return missing("open", name);
  if (file->is_directory()) return wrong_kind("open", name);
  ++file->handles;
  return std::unique_ptr<File>(std::make_unique<MemoryFile>(
      state_, std::move(file), life_, mode != OpenMode::read_only, path_of(name)));
}

Result<std::vector<FileEntry>> MemoryDirectory::list() {
  const MutexLock lock(state_->mutex);
  FORELOG_TRY(state_->check_alive(life_, "list", path_.native()));
  std::vector<FileEntry> entries;
  for (const auto& [name, node] : node_->names.all()) {
    FileEntry entry;
    entry.name = name;
    entry.kind = node->kind;
    entry.bytes = node->content.size();
    entries.push_back(std::move(entry));
  }
  return entries;
}

Status MemoryDirectory::rename(std::string_view from, std::string_view to) {
  const MutexLock lock(state_->mutex);
  FORELOG_TRY(check("rename", from));
  FORELOG_TRY(check("rename", to));
  const MemoryNodePtr moved = node_->names.find(from);
  if (moved == nullptr) return missing("rename", from);
  const MemoryNodePtr replaced = node_->names.find(to);
  if (replaced == moved) return {};
  if (replaced != nullptr) {
    if (moved->is_directory() || replaced->is_directory()) return wrong_kind("rename", to);
    state_->take_name(*replaced);
  }
  node_->names.rename(from, to);
  return {};
}

Status MemoryDirectory::remove(std::string_view name) {
  const MutexLock lock(state_->mutex);
  FORELOG_TRY(check("remove", name));
  const MemoryNodePtr file = node_->names.find(name);
  if (file == nullptr) return missing("remove", name);
  if (file->is_directory()) return wrong_kind("remove", name);
  state_->take_name(*file);
  node_->names.remove(name);
  return {};
}

Status MemoryDirectory::sync() {
  const MutexLock lock(state_->mutex);
  FORELOG_TRY(state_->check_alive(life_, "sync the directory", path_.native()));
  node_->names.sync();
  return {};
}

Result<std::unique_ptr<Directory>> MemoryDirectory::open_directory(std::string_view name,
                                                                   bool create) {
  const MutexLock lock(state_->mutex);
  FORELOG_TRY(check("open the directory", name));
  MemoryNodePtr found = node_->names.find(name);
  if (found == nullptr && create) found = state_->make(*node_, name, FileKind::directory);
  if (found == nullptr) return missing("open the directory", name);
  if (!found->is_directory()) {
    return failure(Code::invalid_argument, "open the directory", path_of(name),
                   "is not a directory");
  }
  if (create) node_->names.sync();
  return make_memory_directory(state_, std::move(found), life_, path_ / name);
}

Result<std::unique_ptr<DirectoryLock>> MemoryDirectory::lock(std::string_view name) {
  const MutexLock lock(state_->mutex);
  FORELOG_TRY(check("lock", name));
  MemoryNodePtr file = node_->names.find(name);
  if (file == nullptr) file = state_->make(*node_, name, FileKind::regular);
  if (file->is_directory()) return wrong_kind("lock", name);
  if (file->locked_in_life == life_) {
    return failure(Code::busy, "lock", path_of(name), "is held through another handle");
  }
  file->locked_in_life = life_;
  return std::unique_ptr<DirectoryLock>(
      std::make_unique<MemoryLock>(state_, std::move(file), life_));
}

Result<bool> MemoryDirectory::locked(std::string_view name) {
  const MutexLock lock(state_->mutex);
  FORELOG_TRY(check("look for a lock on", name));
  const MemoryNodePtr file = node_->names.find(name);
  if (file == nullptr) return false;
  if (file->is_directory()) return wrong_kind("look for a lock on", name);
  return file->locked_in_life == life_;
}

Result<std::uint64_t> MemoryDirectory::free_bytes() {
  const MutexLock lock(state_->mutex);
  FORELOG_TRY(state_->check_alive(life_, "free bytes of", path_.native()));
  return state_->free_blocks() * MemoryContent::kBlockBytes;
}

}  // namespace

std::unique_ptr<Directory> make_memory_directory(StatePtr state, MemoryNodePtr node,
                                                 std::uint64_t life, std::filesystem::path path) {
  return std::make_unique<MemoryDirectory>(std::move(state), std::move(node), life,
                                           std::move(path));
}

}  // namespace forelog::io
