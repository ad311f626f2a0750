// RawFile: a plain file written from front to back with pwrite and fdatasync, nothing else.
//
// Threading: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "cli/bench_raw.h"
#include "forelog/status.h"

namespace forelog::bench {

class RawFile {
 public:
  // Made afresh. With Blocks::written, `bytes` long; writes begin at its front again when they
  // reach its end, as a log does with a recycled segment.
  static Result<RawFile> make(const std::filesystem::path& path, Blocks blocks,
                              std::uint64_t bytes = kSegmentBytes);
  RawFile(RawFile&& other) noexcept;
  RawFile& operator=(RawFile&&) = delete;
  ~RawFile();

  Status append(std::span<const std::byte> bytes);
  Status sync();

  static constexpr std::uint64_t kSegmentBytes = std::uint64_t{64} << 20;

 private:
  RawFile(std::filesystem::path path, int descriptor, std::uint64_t bytes);
  Status write_zeros();

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t bytes_ = 0;  // Where to begin again; 0: never.
  std::uint64_t offset_ = 0;
};

}  // namespace forelog::bench
