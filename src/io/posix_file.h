// PosixFile: an open regular file, read and written with pread() and pwritev() only. A mapping
// could raise SIGBUS when the file is cut or the disk is full; the one mapping that exists is for
// the futex behind watch(), and no code of ours ever touches it.
//
// Threading: as File says; writes_directly() before the file is shared.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>

#include "forelog/file_system.h"
#include "io/posix_descriptor.h"

namespace forelog::io {

class PosixFile final : public File {
 public:
  PosixFile(FileDescriptor descriptor, std::string path);
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;
  ~PosixFile() override;

  using File::write_at;
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> to) const override;
  Status write_at(std::uint64_t offset, std::span<const ByteView> parts) override;
  Status sync_data() override;
  Status write_synced(std::uint64_t offset, ByteView bytes) override;
  bool writes_directly() override;
  Status allocate(std::uint64_t bytes) override;
  Status truncate(std::uint64_t bytes) override;
  Result<std::uint64_t> size() const override;
  void watch(std::uint64_t offset, std::uint32_t seen,
             std::chrono::microseconds timeout) const override;
  void wake_watchers(std::uint64_t offset) override;
  bool watched() const override { return watches_.load() || others_watch_.load(); }

 private:
  using Clock = std::chrono::steady_clock;

  Status extend_by_size_only(std::uint64_t bytes);
  // Where the kernel knows the word at `offset` by; null when the file cannot be mapped.
  // Invariant: never dereferenced, as the page may be gone.
  void* futex_word(std::uint64_t offset) const;
  bool tell_of_watching() const;  // False: this file system has no such locks.
  bool anyone_watches();
  bool differs(std::uint64_t offset, std::uint32_t seen) const;
  void poll(std::uint64_t offset, std::uint32_t seen, Clock::time_point deadline) const;

  const FileDescriptor descriptor_;
  std::optional<FileDescriptor> direct_;            // The same file, O_DIRECT and O_DSYNC.
  const std::string path_;                          // For messages.
  mutable std::atomic<void*> first_page_{nullptr};  // Mapped when first needed.
  mutable std::atomic<bool> watches_{false};
  mutable std::atomic<Clock::time_point> known_from_{};  // When who wakes will know of watches_.
  std::atomic<Clock::time_point> ask_again_{};           // Until then no one else watches.
  std::atomic<bool> others_watch_{false};                // As found when last asked.
};

}  // namespace forelog::io
