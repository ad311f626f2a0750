// FaultFileSystem: every handle holds the handle of the base and asks the State, before each call,
// whether it shall fail. A call that fails has no effect, except a write with partial_bytes.
#include "forelog/fault_file_system.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"
#include "forelog/try.h"
#include "io/arguments.h"

namespace forelog {

std::string_view to_string(FileOperation operation) noexcept {
  switch (operation) {
    case FileOperation::open: return "open";
    case FileOperation::read: return "read";
    case FileOperation::write: return "write";
    case FileOperation::sync_data: return "sync_data";
    case FileOperation::allocate: return "allocate";
    case FileOperation::truncate: return "truncate";
    case FileOperation::size: return "size";
    case FileOperation::open_directory: return "open_directory";
    case FileOperation::list: return "list";
    case FileOperation::rename: return "rename";
    case FileOperation::remove: return "remove";
    case FileOperation::sync_directory: return "sync_directory";
    case FileOperation::lock: return "lock";
  }
  return "unknown";
}

struct FaultFileSystem::State {
  using Hook = std::function<std::optional<Fault>(const Call&)>;

  explicit State(FileSystem& base_file_system) : base(base_file_system) {}

  // Counts the call, and asks the hook what shall become of it.
  std::optional<Fault> ask(FileOperation operation, std::string_view name, std::uint64_t offset = 0,
                           std::uint64_t bytes = 0) {
    Call call{operation, 0, name, offset, bytes};
    std::shared_ptr<const Hook> asked;
    {
      const base::MutexLock lock(mutex);
      call.index = ++counts[index_of(operation)];
      asked = hook;
    }
    if (asked == nullptr) return std::nullopt;
    std::optional<Fault> fault = (*asked)(call);
    FORELOG_CHECK(!fault.has_value() || !fault->status.ok());
    return fault;
  }

  Status check(FileOperation operation, std::string_view name, std::uint64_t offset = 0,
               std::uint64_t bytes = 0) {
    std::optional<Fault> fault = ask(operation, name, offset, bytes);
    return fault.has_value() ? std::move(fault->status) : Status();
  }

  static std::size_t index_of(FileOperation operation) {
    const auto index = static_cast<std::size_t>(operation);
    FORELOG_CHECK(index < kFileOperations);
    return index;
  }

  FileSystem& base;
  base::Mutex mutex;
  std::array<std::uint64_t, kFileOperations> counts FORELOG_GUARDED_BY(mutex){};
  std::shared_ptr<const Hook> hook FORELOG_GUARDED_BY(mutex);
};

namespace {

using State = FaultFileSystem::State;
using StatePtr = std::shared_ptr<State>;

// "log" of "/var/log" and of "/var/log/".
std::string last_name(const std::filesystem::path& path) {
  return (path.has_filename() ? path : path.parent_path()).filename().native();
}

// The first `bytes` bytes of `parts`.
std::vector<ByteView> first_bytes(std::span<const ByteView> parts, std::uint64_t bytes) {
  std::vector<ByteView> first;
  for (const ByteView& part : parts) {
    const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(part.size(), bytes));
    first.emplace_back(part.first(taken));
    bytes -= taken;
  }
  return first;
}

class FaultFile final : public File {
 public:
  FaultFile(StatePtr state, std::unique_ptr<File> base, std::string name)
      : state_(std::move(state)), base_(std::move(base)), name_(std::move(name)) {}

  using File::write_at;

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> to) const override {
    FORELOG_TRY(state_->check(FileOperation::read, name_, offset, to.size()));
    return base_->read_at(offset, to);
  }

  Status write_at(std::uint64_t offset, std::span<const ByteView> parts) override {
    const auto fault = state_->ask(FileOperation::write, name_, offset, io::total_bytes(parts));
    if (!fault.has_value()) return base_->write_at(offset, parts);
    if (fault->partial_bytes > 0) {
      FORELOG_TRY(base_->write_at(offset, first_bytes(parts, fault->partial_bytes)));
    }
    return fault->status;
  }

  Status sync_data() override {
    FORELOG_TRY(state_->check(FileOperation::sync_data, name_));
    return base_->sync_data();
  }

  // write_synced() is a write and a sync, each of which may be made to fail.
  bool writes_directly() override { return base_->writes_directly(); }

  Status allocate(std::uint64_t bytes) override {
    FORELOG_TRY(state_->check(FileOperation::allocate, name_, 0, bytes));
    return base_->allocate(bytes);
  }

  Status truncate(std::uint64_t bytes) override {
    FORELOG_TRY(state_->check(FileOperation::truncate, name_, 0, bytes));
    return base_->truncate(bytes);
  }

  Result<std::uint64_t> size() const override {
    FORELOG_TRY(state_->check(FileOperation::size, name_));
    return base_->size();
  }

  void watch(std::uint64_t offset, std::uint32_t seen,
             std::chrono::microseconds timeout) const override {
    base_->watch(offset, seen, timeout);
  }
  void wake_watchers(std::uint64_t offset) override { base_->wake_watchers(offset); }
  bool watched() const override { return base_->watched(); }

 private:
  const StatePtr state_;
  const std::unique_ptr<File> base_;
  const std::string name_;
};

class FaultDirectory final : public Directory {
 public:
  FaultDirectory(StatePtr state, std::unique_ptr<Directory> base)
      : state_(std::move(state)), base_(std::move(base)), name_(last_name(base_->path())) {}

  const std::filesystem::path& path() const override { return base_->path(); }

  Result<std::unique_ptr<File>> open(std::string_view name, OpenMode mode) override {
    FORELOG_TRY(state_->check(FileOperation::open, name));
    auto file = FORELOG_TRY(base_->open(name, mode));
    return std::unique_ptr<File>(
        std::make_unique<FaultFile>(state_, std::move(file), std::string(name)));
  }

  Result<std::vector<FileEntry>> list() override {
    FORELOG_TRY(state_->check(FileOperation::list, name_));
    return base_->list();
  }

  Status rename(std::string_view from, std::string_view to) override {
    FORELOG_TRY(state_->check(FileOperation::rename, from));
    return base_->rename(from, to);
  }

  Status remove(std::string_view name) override {
    FORELOG_TRY(state_->check(FileOperation::remove, name));
    return base_->remove(name);
  }

  Status sync() override {
    FORELOG_TRY(state_->check(FileOperation::sync_directory, name_));
    return base_->sync();
  }

  Result<std::unique_ptr<Directory>> open_directory(std::string_view name, bool create) override {
    FORELOG_TRY(state_->check(FileOperation::open_directory, name));
    auto directory = FORELOG_TRY(base_->open_directory(name, create));
    return std::unique_ptr<Directory>(
        std::make_unique<FaultDirectory>(state_, std::move(directory)));
  }

  Result<std::unique_ptr<DirectoryLock>> lock(std::string_view name) override {
    FORELOG_TRY(state_->check(FileOperation::lock, name));
    return base_->lock(name);
  }

  Result<bool> locked(std::string_view name) override { return base_->locked(name); }
  bool overwrites_in_place() override { return base_->overwrites_in_place(); }
  std::vector<std::string> concerns() override { return base_->concerns(); }
  Result<std::uint64_t> free_bytes() override { return base_->free_bytes(); }

 private:
  const StatePtr state_;
  const std::unique_ptr<Directory> base_;
  const std::string name_;
};

}  // namespace

FaultFileSystem::FaultFileSystem(FileSystem& base) : state_(std::make_shared<State>(base)) {}
FaultFileSystem::~FaultFileSystem() = default;

Result<std::unique_ptr<Directory>> FaultFileSystem::open_directory(
    const std::filesystem::path& path, bool create) {
  FORELOG_TRY(state_->check(FileOperation::open_directory, last_name(path)));
  auto directory = FORELOG_TRY(state_->base.open_directory(path, create));
  return std::unique_ptr<Directory>(std::make_unique<FaultDirectory>(state_, std::move(directory)));
}

Timestamp FaultFileSystem::now() { return state_->base.now(); }
std::uint64_t FaultFileSystem::random() { return state_->base.random(); }

void FaultFileSystem::set_hook(std::function<std::optional<Fault>(const Call&)> hook) {
  auto shared = hook ? std::make_shared<const State::Hook>(std::move(hook)) : nullptr;
  const base::MutexLock lock(state_->mutex);
  state_->hook = std::move(shared);
}

void FaultFileSystem::fail_nth(FileOperation operation, std::uint64_t n, Status status) {
  set_hook([operation, n, failure = std::move(status)](const Call& call) -> std::optional<Fault> {
    if (call.operation != operation || call.index != n) return std::nullopt;
    return Fault{failure};
  });
}

void FaultFileSystem::fail_from_nth(FileOperation operation, std::uint64_t n, Status status) {
  set_hook([operation, n, failure = std::move(status)](const Call& call) -> std::optional<Fault> {
    if (call.operation != operation || call.index < n) return std::nullopt;
    return Fault{failure};
  });
}

void FaultFileSystem::fail_nothing() { set_hook(nullptr); }

std::uint64_t FaultFileSystem::count(FileOperation operation) const {
  const base::MutexLock lock(state_->mutex);
  return state_->counts[State::index_of(operation)];
}

void FaultFileSystem::reset_counts() {
  const base::MutexLock lock(state_->mutex);
  state_->counts.fill(0);
}

}  // namespace forelog
