#include "io/memory_content.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace forelog::io {
namespace {

constexpr std::uint64_t divide_up(std::uint64_t value, std::uint64_t by) {
  return value / by + (value % by != 0 ? 1 : 0);
}

}  // namespace

std::uint64_t throw_dice(const Dice& keep, std::size_t outcomes) {
  const std::uint64_t chosen = keep(outcomes);
  FORELOG_CHECK(chosen < outcomes);
  return chosen;
}

std::size_t MemoryContent::read(std::uint64_t offset, std::span<std::byte> to) const {
  if (offset >= size_) return 0;
  const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), size_ - offset));
  std::size_t done = 0;
  while (done < bytes) {
    const std::uint64_t within = (offset + done) % kBlockBytes;
    const auto piece = std::min<std::size_t>(bytes - done, kBlockBytes - within);
    const auto block = blocks_.find((offset + done) / kBlockBytes);
    if (block == blocks_.end()) {
      std::memset(to.data() + done, 0, piece);
    } else {
      std::memcpy(to.data() + done, block->second.data() + within, piece);
    }
    done += piece;
  }
  return bytes;
}

std::size_t MemoryContent::write(std::uint64_t offset, ByteView bytes,
                                 std::uint64_t new_blocks_max) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const std::uint64_t at = offset + done;
    const std::uint64_t within = at % kBlockBytes;
    const auto piece = std::min<std::size_t>(bytes.size() - done, kBlockBytes - within);
    auto block = blocks_.find(at / kBlockBytes);
    if (block == blocks_.end() && at / kBlockBytes >= reserved_blocks_) {
      if (new_blocks_max == 0) break;
      --new_blocks_max;
      ++blocks_behind_reserve_;
    }
    remember_sectors(at, at + piece);
    if (block == blocks_.end()) block = blocks_.try_emplace(at / kBlockBytes).first;
    std::memcpy(block->second.data() + within, bytes.data() + done, piece);
    done += piece;
  }
  if (done > 0 && offset + done > size_) set_size(offset + done);
  return done;
}

bool MemoryContent::allocate(std::uint64_t bytes, std::uint64_t new_blocks_max) {
  const std::uint64_t wanted = divide_up(bytes, kBlockBytes);
  if (wanted > reserved_blocks_) {
    const std::uint64_t already_there = count_blocks(reserved_blocks_, wanted);
    if (wanted - reserved_blocks_ - already_there > new_blocks_max) return false;
    reserved_blocks_ = wanted;
    blocks_behind_reserve_ -= already_there;
  }
  if (bytes > size_) set_size(bytes);
  return true;
}

void MemoryContent::resize(std::uint64_t bytes) {
  for (auto block = blocks_.lower_bound(bytes / kBlockBytes); block != blocks_.end(); ++block) {
    const std::uint64_t begin = std::max(bytes, block->first * kBlockBytes);
    const std::uint64_t end = std::min(size_, (block->first + 1) * kBlockBytes);
    if (begin < end) remember_sectors(begin, end);
  }
  set_size(bytes);
  drop_behind(bytes);
}

void MemoryContent::sync() {
  older_sizes_.clear();
  if (falsely_clean_.empty()) {
    older_sectors_.clear();
  } else {
    std::erase_if(older_sectors_,
                  [&](const auto& sector) { return !falsely_clean_.contains(sector.first); });
  }
}

void MemoryContent::fail_sync() {
  for (const auto& sector : older_sectors_) falsely_clean_.insert(sector.first);
}

void MemoryContent::lose_power(const Dice& keep) {
  if (!older_sizes_.empty()) {
    const std::uint64_t chosen = throw_dice(keep, older_sizes_.size() + 1);
    if (chosen < older_sizes_.size()) size_ = older_sizes_[chosen];
  }
  for (const auto& [sector, older] : older_sectors_) {
    if (sector * sector_bytes_ >= size_) break;
    const std::uint64_t chosen = throw_dice(keep, older.size() + 1);
    if (chosen < older.size()) store(sector, older[chosen]);
  }
  drop_behind(size_);
  falsely_clean_.clear();
  sync();
}

template <typename T>
void MemoryContent::push_version(std::vector<T>& older, T version) {
  // The disk's own version stays, and the newest of the others.
  if (older.size() > kVersionsBetween) older.erase(older.begin() + 1);
  older.push_back(std::move(version));
}

void MemoryContent::remember_sectors(std::uint64_t begin, std::uint64_t end) {
  for (std::uint64_t sector = begin / sector_bytes_; sector * sector_bytes_ < end; ++sector) {
    const std::uint64_t at = sector * sector_bytes_;
    const auto block = blocks_.find(at / kBlockBytes);
    Version version;
    if (block != blocks_.end()) {
      const std::byte* const from = block->second.data() + at % kBlockBytes;
      version.assign(from, from + sector_bytes_);
    }
    push_version(older_sectors_[sector], std::move(version));
    falsely_clean_.erase(sector);
  }
}

void MemoryContent::set_size(std::uint64_t bytes) {
  if (bytes == size_) return;
  push_version(older_sizes_, size_);
  size_ = bytes;
}

void MemoryContent::store(std::uint64_t sector, const Version& version) {
  const std::uint64_t at = sector * sector_bytes_;
  auto block = blocks_.find(at / kBlockBytes);
  if (block == blocks_.end()) {
    if (version.empty()) return;
    block = blocks_.try_emplace(at / kBlockBytes).first;
  }
  std::byte* const to = block->second.data() + at % kBlockBytes;
  if (version.empty()) {
    std::memset(to, 0, sector_bytes_);
  } else {
    std::memcpy(to, version.data(), sector_bytes_);
  }
}

std::uint64_t MemoryContent::count_blocks(std::uint64_t first, std::uint64_t end) const {
  return static_cast<std::uint64_t>(
      std::distance(blocks_.lower_bound(first), blocks_.lower_bound(end)));
}

void MemoryContent::drop_behind(std::uint64_t bytes) {
  const std::uint64_t blocks = divide_up(bytes, kBlockBytes);
  blocks_.erase(blocks_.lower_bound(blocks), blocks_.end());
  reserved_blocks_ = std::min(reserved_blocks_, blocks);
  blocks_behind_reserve_ = count_blocks(reserved_blocks_, blocks);
  const auto last = blocks_.find(bytes / kBlockBytes);
  if (last == blocks_.end()) return;
  const std::uint64_t within = bytes % kBlockBytes;
  std::memset(last->second.data() + within, 0, kBlockBytes - within);
}

}  // namespace forelog::io
