// ByteView: non-owning bytes, and the units that sizes are given in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "forelog/export.h"  // Asks for C++20.

namespace forelog {

inline constexpr std::uint64_t KiB = 1024;
inline constexpr std::uint64_t MiB = 1024 * KiB;
inline constexpr std::uint64_t GiB = 1024 * MiB;

// Converts from text and from any contiguous range of bytes. Owns nothing.
class ByteView : public std::span<const std::byte> {
 public:
  using std::span<const std::byte>::span;
  ByteView(std::span<const std::byte> bytes) : span(bytes) {}
  ByteView(std::string_view text) : span(std::as_bytes(std::span(text))) {}
  ByteView(const std::string& text) : ByteView(std::string_view(text)) {}
  ByteView(const char* text) : ByteView(std::string_view(text)) {}  // Without its final NUL.

  std::string_view text() const noexcept { return {reinterpret_cast<const char*>(data()), size()}; }
};

}  // namespace forelog
