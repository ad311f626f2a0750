// RawFile: a plain file written from front to back with pwrite and fdatasync, or with O_DIRECT and
// O_DSYNC; nothing else.
//
// Threading: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <span>

#include "cli/bench_raw.h"
#include "forelog/status.h"

namespace forelog::bench {

class RawFile {
 public:
  // Made afresh. Unless it is to grow, `bytes` long; writes begin at its front again when they
  // reach its end, as a log does with a recycled segment. unsupported: Blocks::direct, and the file
  // system knows no such writes.
  static Result<RawFile> make(const std::filesystem::path& path, Blocks blocks,
                              std::uint64_t bytes = kSegmentBytes);
  RawFile(RawFile&& other) noexcept;
  RawFile& operator=(RawFile&&) = delete;
  ~RawFile();

  // Room for `bytes`, from which append() need not copy. As good as the next append.
  std::span<std::byte> room(std::size_t bytes);
  Status append(std::span<const std::byte> bytes);
  Status sync();  // Nothing to do with Blocks::direct: each append is.

  static constexpr std::uint64_t kSegmentBytes = std::uint64_t{64} << 20;

 private:
  struct Free {
    void operator()(std::byte* bytes) const { std::free(bytes); }
  };

  RawFile(std::filesystem::path path, int descriptor, std::uint64_t bytes);
  Status write_zeros();
  Status go_direct();
  Status write(std::span<const std::byte> bytes, std::uint64_t offset);
  // Bytes of the block that holds the end, which a direct write must repeat: they lie at the front of
  // buffer_.
  std::size_t repeated() const;

  std::filesystem::path path_;
  int descriptor_ = -1;
  bool direct_ = false;
  std::uint64_t bytes_ = 0;  // Where to begin again; 0: never.
  std::uint64_t offset_ = 0;
  std::unique_ptr<std::byte[], Free> buffer_;  // Aligned to a block.
  std::size_t buffer_bytes_ = 0;
};

}  // namespace forelog::bench
