// Quarantine: copies of bytes that recovery cuts off or declares lost, so that no evidence goes.
// Threading: none of its own.
#pragma once

#include <cstdint>
#include <string>

#include "forelog/file_system.h"

namespace forelog::log {

// Copies `bytes` bytes of `file` from `offset` into quarantine/, durably, and returns the copy's
// name below the directory. The name tells what it is a copy of and a checksum of it, so that a
// recovery that is cut short and repeated makes the same one.
Result<std::string> copy_to_quarantine(Directory& dir, const File& file, std::string_view file_name,
                                       std::uint64_t offset, std::uint64_t bytes);

}  // namespace forelog::log
