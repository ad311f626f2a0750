// The zstd Compression. Link to forelog::zstd, which needs libzstd; the library itself does not.
#pragma once

#include "forelog/compression.h"
#include "forelog/export.h"

namespace forelog {

// Lives for ever. A level from 1 (fast) to 19 (small); others are brought into that range.
FORELOG_EXPORT const Compression& zstd(int level = 3);

}  // namespace forelog
