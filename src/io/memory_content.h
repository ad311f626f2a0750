// MemoryContent: the bytes of one file in memory. It holds what the page cache would hold and, for
// each sector written since the last sync, the older versions that a disk might hold instead.
// Syncing forgets these versions: it costs what was written since, not the size of the file.
//
// Threading: none; the owner locks. Knows no names, no handles and no capacity but what it is told.
// Invariant: bytes behind size() are zeros; a block without memory reads as zeros.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "forelog/bytes.h"

namespace forelog::io {

// keep(n) returns a number below n; 0 is what the disk held at the last sync, n - 1 the newest.
using Dice = std::function<std::uint64_t(std::uint64_t)>;
// Asks, and checks the answer.
std::uint64_t throw_dice(const Dice& keep, std::size_t outcomes);

class MemoryContent {
 public:
  static constexpr std::uint64_t kBlockBytes = 4096;

  // `sector_bytes` divides kBlockBytes.
  explicit MemoryContent(std::uint64_t sector_bytes) : sector_bytes_(sector_bytes) {}

  std::uint64_t size() const { return size_; }
  // How many blocks are taken on the disk: written or reserved.
  std::uint64_t blocks() const { return reserved_blocks_ + blocks_behind_reserve_; }

  // As File::read_at.
  std::size_t read(std::uint64_t offset, std::span<std::byte> to) const;

  // Writes `bytes`, or as many of them as can be had for `new_blocks_max` more blocks, and returns
  // how many.
  std::size_t write(std::uint64_t offset, ByteView bytes, std::uint64_t new_blocks_max);

  // Reserves [0, bytes) and extends the file to it. False, and nothing done, when that takes more
  // than `new_blocks_max` more blocks.
  bool allocate(std::uint64_t bytes, std::uint64_t new_blocks_max);

  void resize(std::uint64_t bytes);

  void sync();
  // A sync that fails as a kernel's does: what was unsynced is taken for clean. Reads show it, later
  // syncs pass it over, and only writing it again brings it to the disk.
  void fail_sync();

  // Replaces what was cached by what `keep` lets the disk hold: first it is asked for the size, then
  // for each sector below it, in order, but only where there is a choice.
  void lose_power(const Dice& keep);

 private:
  using Block = std::array<std::byte, kBlockBytes>;
  using Version = std::vector<std::byte>;  // Of one sector; empty: zeros.

  // Besides the disk's own version and the newest. Why bounded: a sector that is appended to a
  // hundred times between two syncs would hold a hundred copies of itself.
  static constexpr std::size_t kVersionsBetween = 3;

  template <typename T>
  static void push_version(std::vector<T>& older, T version);
  void remember_sectors(std::uint64_t begin, std::uint64_t end);
  void set_size(std::uint64_t bytes);
  void store(std::uint64_t sector, const Version& version);
  void drop_behind(std::uint64_t bytes);
  std::uint64_t count_blocks(std::uint64_t first, std::uint64_t end) const;

  std::uint64_t sector_bytes_;
  std::uint64_t size_ = 0;
  std::uint64_t reserved_blocks_ = 0;        // From the file's start.
  std::uint64_t blocks_behind_reserve_ = 0;  // Of blocks_, those that are not among these.
  std::map<std::uint64_t, Block> blocks_;    // By number: all that were ever written.

  // What the disk may hold instead: the version at the last sync first, then newer ones.
  std::vector<std::uint64_t> older_sizes_;
  std::map<std::uint64_t, std::vector<Version>> older_sectors_;  // By number.
  std::set<std::uint64_t> falsely_clean_;                        // Of these, what no sync writes.
};

}  // namespace forelog::io
