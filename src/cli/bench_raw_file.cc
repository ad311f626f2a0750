// pwrite and fdatasync, with their errors.
#include "cli/bench_raw_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "forelog/bytes.h"
#include "forelog/try.h"

namespace forelog::bench {

Result<RawFile> RawFile::make(const std::filesystem::path& path, Blocks blocks,
                              std::uint64_t bytes) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) return system_error("cannot create", path);
  RawFile file(path, descriptor, blocks == Blocks::written ? bytes : 0);
  if (blocks == Blocks::written) FORELOG_TRY(file.write_zeros());
  return file;
}

RawFile::RawFile(std::filesystem::path path, int descriptor, std::uint64_t bytes)
    : path_(std::move(path)), descriptor_(descriptor), bytes_(bytes) {}

RawFile::RawFile(RawFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      bytes_(other.bytes_),
      offset_(other.offset_) {}

RawFile::~RawFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Status RawFile::write_zeros() {
  // Why so small: the page cache keeps what one call wrote as one folio, and every later write and
  // sync of a few bytes inside a large one costs more (ext4 on Linux 6.18).
  const std::vector<std::byte> zeros(4 * KiB);
  while (offset_ < bytes_) {
    FORELOG_TRY(
        append(std::span(zeros).first(std::min<std::uint64_t>(zeros.size(), bytes_ - offset_))));
  }
  offset_ = 0;
  if (::fsync(descriptor_) != 0) return system_error("cannot sync", path_);
  return {};
}

Status RawFile::append(std::span<const std::byte> bytes) {
  if (bytes_ != 0 && offset_ + bytes.size() > bytes_) offset_ = 0;
  while (!bytes.empty()) {
    const ssize_t written =
        ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset_));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error("cannot write", path_);
    offset_ += static_cast<std::uint64_t>(written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Status RawFile::sync() {
  if (::fdatasync(descriptor_) != 0) return system_error("cannot sync", path_);
  return {};
}

}  // namespace forelog::bench
