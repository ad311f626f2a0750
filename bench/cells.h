// Cells: the state that states-* keep durable: cells of 128 bytes, as many as it is told to have, each
// of which holds the last command that was for it. An image shares its pages until one of them
// changes, as a copy-on-write state of a real program would.
//
// Commands: 16 bytes, a number of cells and a seed, make that many cells of bytes that do not
// compress; 128 bytes, an index and a value, set one cell; others are only there to be logged.
// Numbers are in this machine's byte order.
// Threading: as StateMachine says; an image is read and dropped by any other thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "forelog/state_machine.h"

namespace forelog::bench {

class Cells final : public StateMachine {
 public:
  static constexpr std::size_t kCellBytes = 128;
  using Set = std::array<std::byte, kCellBytes>;
  using Fill = std::array<std::byte, 2 * sizeof(std::uint64_t)>;
  static Fill fill(std::uint64_t cells, std::uint64_t seed);
  // The value is a few words that change with `index`.
  static Set set(std::uint64_t index);

  // Without images a checkpoint builds a second state.
  explicit Cells(bool has_images) : has_images_(has_images) {}

  Status apply(Lsn lsn, ByteView command) override;
  Status save(Sink& out) const override { return save(groups_, cells_, out); }
  Status load(Source& in) override;
  std::unique_ptr<Image> freeze() const override;

 private:
  static constexpr std::size_t kPageBytes = 4096, kPagesPerGroup = 512;
  static constexpr std::size_t kCellsPerPage = kPageBytes / kCellBytes;
  using Page = std::array<std::byte, kPageBytes>;
  // Two levels, so that an image of 1 GiB is made by copying 512 pointers.
  using Group = std::array<std::shared_ptr<Page>, kPagesPerGroup>;
  using Groups = std::vector<std::shared_ptr<Group>>;
  struct Shared;

  static Status save(const Groups& groups, std::uint64_t cells, Sink& out);
  void make(std::uint64_t cells);
  Page& own_page(std::uint64_t page);

  Groups groups_;
  std::uint64_t cells_ = 0;
  const bool has_images_;
};

}  // namespace forelog::bench
