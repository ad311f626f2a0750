// Fixed-width integers in the byte order of the format: little-endian, at any alignment.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace forelog::base {

template <typename T>
T load_le(const std::byte* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  if constexpr (std::endian::native == std::endian::big) {
    T swapped = 0;
    for (std::size_t i = 0; i < sizeof value; ++i) {
      swapped = static_cast<T>((swapped << 8) | std::to_integer<T>(from[sizeof value - 1 - i]));
    }
    value = swapped;
  }
  return value;
}

template <typename T>
void store_le(std::byte* to, T value) noexcept {
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(to, &value, sizeof value);
  } else {
    for (std::size_t i = 0; i < sizeof value; ++i) {
      to[i] = static_cast<std::byte>(value >> (8 * i));
    }
  }
}

}  // namespace forelog::base
