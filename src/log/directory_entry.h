// What may stand under the names that a log uses in its directory. Under them there are files and
// directories of its own only: a symbolic link, a device or a FIFO was put there by someone else,
// for the log to write to, or to wait for.
// Implements docs/format.md, "The directory". Threading: a function without state.
#pragma once

#include "forelog/file_system.h"

namespace forelog::log {

// invalid_argument: `entry` has one of those names and is not what belongs there; or it is a file
// with further names (hard links), and `mode` says that a writer asks. Reading such a file changes
// nothing under them.
Status check_entry(const Directory& dir, const FileEntry& entry, OpenMode mode);

}  // namespace forelog::log
