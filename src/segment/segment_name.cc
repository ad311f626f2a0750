#include "segment/segment_name.h"

namespace forelog::segment {

namespace {

constexpr std::string_view kDigits = "0123456789abcdef";
constexpr std::size_t kNumberDigits = 16;

}  // namespace

std::string segment_name(std::uint64_t number) {
  std::string name(kNumberDigits, '0');
  for (std::size_t at = kNumberDigits; at-- > 0; number >>= 4) name[at] = kDigits[number & 15];
  return name.append(kSegmentSuffix);
}

std::optional<std::uint64_t> parse_segment_name(std::string_view name) {
  if (name.size() != kNumberDigits + kSegmentSuffix.size() || !name.ends_with(kSegmentSuffix)) {
    return std::nullopt;
  }
  std::uint64_t number = 0;
  for (const char c : name.substr(0, kNumberDigits)) {
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    number = number << 4 | digit;
  }
  return number == 0 ? std::nullopt : std::optional(number);
}

}  // namespace forelog::segment
