#include "segment/segment_name.h"

namespace forelog::segment {

namespace {

constexpr std::string_view kDigits = "0123456789abcdef";
constexpr std::size_t kNumberDigits = 16;

}  // namespace

std::string numbered_name(std::uint64_t number, std::string_view suffix) {
  std::string name(kNumberDigits, '0');
  for (std::size_t at = kNumberDigits; at-- > 0; number >>= 4) name[at] = kDigits[number & 15];
  return name.append(suffix);
}

std::optional<std::uint64_t> parse_numbered_name(std::string_view name, std::string_view suffix) {
  if (name.size() != kNumberDigits + suffix.size() || !name.ends_with(suffix)) {
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

std::string segment_name(std::uint64_t number) { return numbered_name(number, kSegmentSuffix); }

std::optional<std::uint64_t> parse_segment_name(std::string_view name) {
  return parse_numbered_name(name, kSegmentSuffix);
}

}  // namespace forelog::segment
