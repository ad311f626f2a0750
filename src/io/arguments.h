// What every FileSystem checks of its arguments, so that all of them refuse the same ones: names
// that are not plain, and byte ranges that no file can have.
// Threading: pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "forelog/bytes.h"
#include "forelog/status.h"

namespace forelog::io {

// A file offset is a signed 64-bit number on every system that we know of.
inline constexpr std::uint64_t kFileBytesMax = INT64_MAX;

// invalid_argument unless `name` is plain: 1 to 255 bytes, none of them '/' or NUL, and neither
// "." nor "..". Nothing that passes can leave the directory that it is looked up in.
Status check_plain_name(std::string_view name);

// invalid_argument unless [offset, offset + bytes) lies below kFileBytesMax.
Status check_range(std::uint64_t offset, std::uint64_t bytes);

std::uint64_t total_bytes(std::span<const ByteView> parts);

// The error `code` of `doing` something to `path`: "open /log/lock: is held".
Status failure(Code code, std::string_view doing, std::string_view path, std::string_view why);

}  // namespace forelog::io
