// What every fuzzer shares: a property that must hold, and an input that is taken apart from its
// front. An input that ends early gives zeros: every input means something.
// Threading: none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace forelog::fuzz {

// The stack below says where.
inline void require(bool holds, const char* property) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", property);
  std::abort();
}

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size)
      : left_(reinterpret_cast<const std::byte*>(data), size) {}

  bool empty() const { return left_.empty(); }
  std::span<const std::byte> rest() const { return left_; }

  // Little-endian.
  template <typename Number>
  Number number() {
    Number value = 0;
    const std::size_t bytes = std::min(sizeof(Number), left_.size());
    if (bytes > 0) std::memcpy(&value, left_.data(), bytes);
    left_ = left_.subspan(bytes);
    return value;
  }
  // Up to `most` bytes: as many as there are.
  std::span<const std::byte> bytes(std::size_t most) {
    const auto taken = left_.first(std::min(most, left_.size()));
    left_ = left_.subspan(taken.size());
    return taken;
  }
  // Exactly `size` bytes.
  std::vector<std::byte> filled(std::size_t size) {
    const auto taken = bytes(size);
    std::vector<std::byte> all(taken.begin(), taken.end());
    all.resize(size);
    return all;
  }
  std::string_view text() const {
    return {reinterpret_cast<const char*>(left_.data()), left_.size()};
  }

 private:
  std::span<const std::byte> left_;
};

}  // namespace forelog::fuzz
