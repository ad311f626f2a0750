#include "cells.h"

#include <atomic>
#include <cstring>
#include <utility>

#include "forelog/try.h"

namespace forelog::bench {
namespace {

// splitmix64 (Vigna): enough that nothing compresses what it yields.
std::uint64_t mixed(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

// What `shared` points to, copied first where an image has it too.
template <typename T>
T& own(std::shared_ptr<T>& shared) {
  if (shared.use_count() != 1) {
    shared = std::make_shared<T>(*shared);
  } else {
    // Behind the reads of the image that has let go of it.
    std::atomic_thread_fence(std::memory_order_acquire);
  }
  return *shared;
}

}  // namespace

struct Cells::Shared final : Image {
  Shared(Groups shared, std::uint64_t count) : groups(std::move(shared)), cells(count) {}
  Status save(Sink& out) const override { return Cells::save(groups, cells, out); }
  const Groups groups;
  const std::uint64_t cells;
};

Cells::Fill Cells::fill(std::uint64_t cells, std::uint64_t seed) {
  const std::array<std::uint64_t, 2> words{cells, seed};
  Fill bytes;
  std::memcpy(bytes.data(), words.data(), bytes.size());
  return bytes;
}

Cells::Set Cells::set(std::uint64_t index) {
  std::array<std::uint64_t, kCellBytes / sizeof(std::uint64_t)> words{};
  words.fill(mixed(index));
  words[0] = index;
  Set bytes;
  std::memcpy(bytes.data(), words.data(), bytes.size());
  return bytes;
}

Status Cells::apply(Lsn /*lsn*/, ByteView command) {
  std::array<std::uint64_t, 2> words{};
  if (command.size() != kCellBytes && command.size() != sizeof(Fill)) return {};
  std::memcpy(words.data(), command.data(), sizeof(words));
  if (command.size() == kCellBytes) {
    if (cells_ == 0) return {Code::unsupported, "a cell is set before there are any"};
    const std::uint64_t cell = words[0] % cells_;
    std::byte* const place =
        own_page(cell / kCellsPerPage).data() + (cell % kCellsPerPage) * kCellBytes;
    std::memcpy(place, command.data(), kCellBytes);
    return {};
  }
  make(words[0]);
  std::array<std::uint64_t, kPageBytes / sizeof(std::uint64_t)> content{};
  for (const auto& group : groups_) {
    for (const auto& page : *group) {
      for (std::uint64_t& word : content) word = mixed(words[1]++);
      std::memcpy(page->data(), content.data(), kPageBytes);
    }
  }
  return {};
}

// Whole groups: it is no matter of a few pages.
void Cells::make(std::uint64_t cells) {
  cells_ = cells;
  const std::uint64_t per_group = kCellsPerPage * kPagesPerGroup;
  groups_.assign((cells + per_group - 1) / per_group, nullptr);
  for (auto& group : groups_) {
    group = std::make_shared<Group>();
    for (auto& page : *group) page = std::make_shared<Page>();
  }
}

Cells::Page& Cells::own_page(std::uint64_t page) {
  return own(own(groups_[page / kPagesPerGroup])[page % kPagesPerGroup]);
}

Status Cells::save(const Groups& groups, std::uint64_t cells, Sink& out) {
  FORELOG_TRY(out.write(std::as_bytes(std::span(&cells, 1))));
  for (const auto& group : groups) {
    for (const auto& page : *group) FORELOG_TRY(out.write(std::span<const std::byte>(*page)));
  }
  return {};
}

Status Cells::load(Source& in) {
  std::uint64_t cells = 0;
  FORELOG_TRY(in.read_exactly(std::as_writable_bytes(std::span(&cells, 1))));
  make(cells);
  for (const auto& group : groups_) {
    for (const auto& page : *group) FORELOG_TRY(in.read_exactly(*page));
  }
  return {};
}

std::unique_ptr<StateMachine::Image> Cells::freeze() const {
  if (!has_images_) return nullptr;
  return std::make_unique<Shared>(groups_, cells_);
}

}  // namespace forelog::bench
