// Batch: records that survive a crash all together or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "forelog/bytes.h"
#include "forelog/export.h"

namespace forelog {

// Owned by one thread at a time. Reusable: clear() keeps the memory.
class FORELOG_EXPORT Batch {
 public:
  // Copies. As with a container of std, memory that runs out is std::bad_alloc, and nothing added.
  Batch& add(ByteView record);
  void clear() noexcept;

  bool empty() const noexcept { return count_ == 0; }
  std::size_t size() const noexcept { return count_; }  // Records.
  std::uint64_t payload_bytes() const noexcept { return payload_bytes_; }
  std::uint64_t record_bytes_max() const noexcept { return record_bytes_max_; }
  ByteView encoded() const noexcept { return encoded_; }  // As docs/format.md lays out a body.

 private:
  std::vector<std::byte> encoded_;
  std::size_t count_ = 0;
  std::uint64_t payload_bytes_ = 0;
  std::uint64_t record_bytes_max_ = 0;  // Of the largest one added.
};

}  // namespace forelog
