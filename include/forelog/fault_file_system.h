// FaultFileSystem: wraps another FileSystem, counts its calls by kind, and makes chosen ones fail.
// For tests: fail the nth write, sync, rename, … for every n, and see that nothing is lost.
// A call that fails does not reach the base, but for the partial_bytes of a write. locked(),
// concerns(), free_bytes(), watch(), wake_watchers() and watched() are passed on, neither counted nor failed.
//
// Threading: every method may be called from several threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "forelog/file_system.h"

namespace forelog {

enum class FileOperation : std::uint8_t {
  // On files:
  open,
  read,
  write,
  sync_data,
  allocate,
  truncate,
  size,
  // On directories:
  open_directory,
  list,
  rename,
  remove,
  sync_directory,
  lock,
};
inline constexpr std::size_t kFileOperations = 13;
FORELOG_EXPORT std::string_view to_string(FileOperation operation) noexcept;

class FORELOG_EXPORT FaultFileSystem : public FileSystem {
 public:
  explicit FaultFileSystem(FileSystem& base);  // Must outlive this and every handle.
  ~FaultFileSystem() override;

  Result<std::unique_ptr<Directory>> open_directory(const std::filesystem::path& path,
                                                    bool create) override;
  Timestamp now() override;
  std::uint64_t random() override;

  struct Call {
    FileOperation operation;
    std::uint64_t index;       // Of this kind of call, from 1, since the start or reset_counts().
    std::string_view name;     // Last part of the file's or directory's name; a rename's source.
    std::uint64_t offset = 0;  // Of reads and writes.
    std::uint64_t bytes = 0;   // Of reads and writes; the new size of allocate and truncate.
  };
  struct Fault {
    Status status;                    // What the call returns; must not be ok.
    std::uint64_t partial_bytes = 0;  // A write first writes this many of its bytes.
  };
  // Asked before every call; nullopt lets it through. Called without a lock of this object held,
  // possibly from several threads at once; it may block, to delay the call.
  void set_hook(std::function<std::optional<Fault>(const Call&)> hook);

  // The usual hooks. They replace one another and any set_hook().
  void fail_nth(FileOperation operation, std::uint64_t n, Status status);       // That one only.
  void fail_from_nth(FileOperation operation, std::uint64_t n, Status status);  // And all later.
  void fail_nothing();

  std::uint64_t count(FileOperation operation) const;
  void reset_counts();

  struct FORELOG_HIDDEN State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace forelog
