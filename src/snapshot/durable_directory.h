// The directory of a durable state: log/ and snapshots/ in it, which belong together. Whatever of the two
// is lost is told of before it would be made anew, empty, in its place.
//
// Threading: a pure function of what is on the disk.
#pragma once

#include <filesystem>
#include <string_view>

#include "forelog/file_system.h"
#include "forelog/log.h"
#include "forelog/status.h"

namespace forelog::snapshot {

inline constexpr std::string_view kLogName = "log", kSnapshotsName = "snapshots";

// Makes the directory and snapshots/ in it, where Options::create_if_missing allows that: first, so that
// readers who find a log need not ask for both, and so that a log without it was never left by a crash.
// Errors, after which nothing was made or changed: invalid_argument (it is a log itself), corrupt (there
// are snapshots, and no log), trimmed (there is a log which does not begin at LSN 1, and no snapshots),
// and those of the file system.
Status prepare_directory(FileSystem& file_system, const std::filesystem::path& path,
                         const Options& options);

}  // namespace forelog::snapshot
