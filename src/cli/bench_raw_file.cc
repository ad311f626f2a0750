// pwrite and fdatasync, or writes past the page cache; with their errors.
#include "cli/bench_raw_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "forelog/bytes.h"
#include "forelog/try.h"

namespace forelog::bench {
namespace {

// What O_DIRECT is aligned to. Devices ask for less; the page cache and the file system use this.
constexpr std::uint64_t kBlockBytes = 4 * KiB;

std::uint64_t up_to_blocks(std::uint64_t bytes) {
  return (bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
}

// Whole blocks, which a direct write can take as they are.
bool is_aligned(std::span<const std::byte> bytes) {
  return bytes.size() % kBlockBytes == 0 &&
         reinterpret_cast<std::uintptr_t>(bytes.data()) % kBlockBytes == 0;
}

}  // namespace

Result<RawFile> RawFile::make(const std::filesystem::path& path, Blocks blocks,
                              std::uint64_t bytes) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) return system_error("cannot create", path);
  RawFile file(path, descriptor, blocks == Blocks::growing ? 0 : bytes);
  if (blocks != Blocks::growing) FORELOG_TRY(file.write_zeros());
  if (blocks == Blocks::direct) FORELOG_TRY(file.go_direct());
  return file;
}

RawFile::RawFile(std::filesystem::path path, int descriptor, std::uint64_t bytes)
    : path_(std::move(path)), descriptor_(descriptor), bytes_(bytes) {}

RawFile::RawFile(RawFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      direct_(other.direct_),
      bytes_(other.bytes_),
      offset_(other.offset_),
      buffer_(std::move(other.buffer_)),
      buffer_bytes_(std::exchange(other.buffer_bytes_, 0)) {}

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

Status RawFile::go_direct() {
  // Why: a direct write that meets pages of the file in the cache has to throw them out first.
  ::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_DONTNEED);
  const int direct = ::open(path_.c_str(), O_WRONLY | O_DIRECT | O_DSYNC | O_CLOEXEC);
  if (direct < 0 && errno == EINVAL) {
    return {Code::unsupported, "this file system knows no O_DIRECT"};
  }
  if (direct < 0) return system_error("cannot open", path_);
  ::close(std::exchange(descriptor_, direct));
  direct_ = true;
  return {};
}

std::size_t RawFile::repeated() const { return direct_ ? offset_ % kBlockBytes : 0; }

std::span<std::byte> RawFile::room(std::size_t bytes) {
  if (bytes_ != 0 && offset_ + bytes > bytes_) offset_ = 0;
  const std::size_t repeats = repeated();
  const std::size_t needed = up_to_blocks(repeats + bytes);
  if (needed > buffer_bytes_) {
    std::unique_ptr<std::byte[], Free> larger(
        static_cast<std::byte*>(std::aligned_alloc(kBlockBytes, needed)));
    if (larger == nullptr) throw std::bad_alloc();
    std::memset(larger.get(), 0, needed);
    if (repeats > 0) std::memcpy(larger.get(), buffer_.get(), repeats);
    buffer_ = std::move(larger);
    buffer_bytes_ = needed;
  }
  return {buffer_.get() + repeats, bytes};
}

Status RawFile::append(std::span<const std::byte> bytes) {
  if (!direct_) {
    if (bytes_ != 0 && offset_ + bytes.size() > bytes_) offset_ = 0;
    FORELOG_TRY(write(bytes, offset_));
    offset_ += bytes.size();
    return {};
  }
  if (is_aligned(bytes) && offset_ % kBlockBytes == 0) {
    if (offset_ + bytes.size() > bytes_) offset_ = 0;
    FORELOG_TRY(write(bytes, offset_));
    offset_ += bytes.size();
    return {};
  }
  const std::span<std::byte> to = room(bytes.size());
  if (to.data() != bytes.data()) std::memcpy(to.data(), bytes.data(), bytes.size());
  const std::size_t repeats = repeated();
  const std::size_t whole = up_to_blocks(repeats + bytes.size());
  FORELOG_TRY(write({buffer_.get(), whole}, offset_ - repeats));
  offset_ += bytes.size();
  if (repeated() > 0) std::memmove(buffer_.get(), buffer_.get() + whole - kBlockBytes, kBlockBytes);
  return {};
}

Status RawFile::write(std::span<const std::byte> bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t written =
        ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error("cannot write", path_);
    offset += static_cast<std::uint64_t>(written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Status RawFile::sync() {
  if (!direct_ && ::fdatasync(descriptor_) != 0) return system_error("cannot sync", path_);
  return {};
}

}  // namespace forelog::bench
