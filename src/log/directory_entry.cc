#include "log/directory_entry.h"

#include <string_view>

#include "base/text.h"
#include "log/survey.h"
#include "segment/segment_name.h"

namespace forelog::log {

namespace {

bool is_own_directory(std::string_view name) {
  return name == kHoldersName || name == kQuarantineName;
}

bool is_own_file(std::string_view name) {
  return segment::parse_segment_name(name) || name == kWatermarkName || name == kLockName ||
         name == kHolesName || name.ends_with(segment::kTemporarySuffix);
}

}  // namespace

Status check_entry(const Directory& dir, const FileEntry& entry, OpenMode mode) {
  const auto refuse = [&](std::string_view why) -> Status {
    return {Code::invalid_argument, base::concat(dir.path().string(), "/", entry.name, ": ", why)};
  };
  if (is_own_directory(entry.name) && entry.kind != FileKind::directory) {
    return refuse(
        "is not a directory (a symbolic link is none); move it out of the log's directory");
  }
  if (!is_own_file(entry.name)) return {};
  if (entry.kind != FileKind::regular) {
    return refuse(
        "is not a regular file, but a directory, a symbolic link or a special file; move it out of "
        "the log's directory");
  }
  if (entry.names > 1 && mode == OpenMode::read_write) {
    return refuse(
        "has further names (hard links), which writing would change too; copy it, or remove the "
        "others");
  }
  return {};
}

}  // namespace forelog::log
