// Names of files in a log's directory. Implements docs/format.md, "The directory".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace forelog::segment {

inline constexpr std::string_view kSegmentSuffix = ".segment";
inline constexpr std::string_view kTemporarySuffix = ".tmp";  // Never read back; removed at open.

// 16 hexadecimal digits, so that names sort as numbers do, and a suffix. A number is not 0.
std::string numbered_name(std::uint64_t number, std::string_view suffix);
std::optional<std::uint64_t> parse_numbered_name(std::string_view name, std::string_view suffix);

// "000000000000000a.segment".
std::string segment_name(std::uint64_t number);
std::optional<std::uint64_t> parse_segment_name(std::string_view name);  // Exactly that form.

}  // namespace forelog::segment
