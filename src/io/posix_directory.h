// PosixDirectory: an open directory. It is opened once; everything in it is then reached by a plain
// name relative to the descriptor, so that nobody who renames it or puts a link in its place can
// lead us elsewhere.
//
// Threading: as Directory says; it holds nothing that changes.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "forelog/file_system.h"
#include "io/posix_descriptor.h"

namespace forelog::io {

class PosixDirectory final : public Directory {
 public:
  PosixDirectory(FileDescriptor descriptor, mode_t mode, std::filesystem::path path)
      : descriptor_(std::move(descriptor)), mode_(mode), path_(std::move(path)) {}

  // Opens `name`, which is relative to `parent` (AT_FDCWD allowed) and need not be plain. With
  // `create`, makes it with `new_mode` when missing, and syncs the directory that holds it in any
  // case.
  static Result<std::unique_ptr<Directory>> open_at(int parent, const std::string& name,
                                                    bool create, mode_t new_mode,
                                                    std::filesystem::path path);

  const std::filesystem::path& path() const override { return path_; }
  Result<std::unique_ptr<File>> open(std::string_view name, OpenMode mode) override;
  Result<std::vector<FileEntry>> list() override;
  Status rename(std::string_view from, std::string_view to) override;
  Status remove(std::string_view name) override;
  Status sync() override;
  Result<std::unique_ptr<Directory>> open_directory(std::string_view name, bool create) override;
  Result<std::unique_ptr<DirectoryLock>> lock(std::string_view name) override;
  Result<bool> locked(std::string_view name) override;
  bool overwrites_in_place() override;
  std::vector<std::string> concerns() override;
  Result<std::uint64_t> free_bytes() override;

 private:
  std::string path_of(std::string_view name) const;  // For messages.
  Result<FileDescriptor> open_lock_file(const std::string& name) const;
  mode_t file_mode() const { return mode_ & 0666; }

  const FileDescriptor descriptor_;
  const mode_t mode_;  // Of directories in it: 0700, or 0750 when it has that itself.
  const std::filesystem::path path_;
};

}  // namespace forelog::io
