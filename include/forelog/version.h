// The version of the library. Semantic; the format on disk has its own (docs/format.md).
#pragma once

#include <string_view>

#include "forelog/export.h"

#define FORELOG_VERSION_MAJOR 0
#define FORELOG_VERSION_MINOR 1
#define FORELOG_VERSION_PATCH 0

namespace forelog {

FORELOG_EXPORT std::string_view version() noexcept;  // "0.1.0", of the library that runs.

}  // namespace forelog
