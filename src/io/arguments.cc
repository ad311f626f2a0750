#include "io/arguments.h"

#include "base/text.h"

namespace forelog::io {
namespace {

constexpr std::size_t kNameBytesMax = 255;

}  // namespace

Status check_plain_name(std::string_view name) {
  const bool plain = !name.empty() && name.size() <= kNameBytesMax && name != "." && name != ".." &&
                     name.find_first_of(std::string_view("/\0", 2)) == name.npos;
  if (plain) return {};
  return {Code::invalid_argument,
          base::concat("\"", name.substr(0, kNameBytesMax),
                       "\" is not a plain file name: use 1 to 255 bytes without '/'")};
}

Status check_range(std::uint64_t offset, std::uint64_t bytes) {
  if (offset <= kFileBytesMax && bytes <= kFileBytesMax - offset) return {};
  return {Code::invalid_argument,
          base::concat("no file reaches ", bytes, " bytes behind offset ", offset)};
}

std::uint64_t total_bytes(std::span<const ByteView> parts) {
  std::uint64_t total = 0;
  for (const ByteView& part : parts) total += part.size();
  return total;
}

Status failure(Code code, std::string_view doing, std::string_view path, std::string_view why) {
  return {code, base::concat(doing, " ", path, ": ", why)};
}

}  // namespace forelog::io
