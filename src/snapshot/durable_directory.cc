#include "snapshot/durable_directory.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "forelog/maintain.h"
#include "forelog/try.h"
#include "segment/segment_name.h"
#include "snapshot/snapshots.h"

namespace forelog::snapshot {

using base::concat;

namespace {

// Some names, for a person to find the files by.
std::string named(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 3;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) {
    text += concat(i == 0 ? "" : ", ", names[i]);
  }
  if (names.size() > kShown) text += concat(" and ", names.size() - kShown, " more");
  return text;
}

class Contents {
 public:
  Contents(FileSystem& file_system, const std::filesystem::path& path, Directory& dir)
      : file_system_(file_system), path_(path), dir_(dir) {}

  Status check() {
    std::vector<std::string> segments;
    for (const FileEntry& entry : FORELOG_TRY(dir_.list())) {
      if (segment::parse_segment_name(entry.name)) segments.push_back(entry.name);
      has_log_ = has_log_ || entry.name == kLogName;
      has_snapshots_ = has_snapshots_ || entry.name == kSnapshotsName;
    }
    if (!segments.empty()) return is_a_log(segments);
    if (has_snapshots_) return check_log();
    return has_log_ ? check_beginning() : Status();
  }

 private:
  Status is_a_log(const std::vector<std::string>& segments) const {
    std::string text = concat(path_.string(), " is itself a log: ", named(segments), ". ");
    if (has_log_ && has_snapshots_) {
      text += concat("It is also a durable state, whose log is in ", (path_ / kLogName).string(),
                     "; something else was appended here by mistake. Move these segments away, "
                     "and it opens");
    } else {
      text += concat("A durable state has its log in ", (path_ / kLogName).string(),
                     ", below the directory that it is opened by");
    }
    return {Code::invalid_argument, std::move(text)};
  }

  // There is a directory of snapshots: if there are any in it, there was a log with their records.
  Status check_log() {
    if (FORELOG_TRY(has_segments())) return {};
    auto snapshots = FORELOG_TRY(dir_.open_directory(kSnapshotsName, false));
    std::optional<Lsn> newest;
    for (const FileEntry& entry : FORELOG_TRY(snapshots->list())) {
      if (const auto lsn = parse_snapshot_name(entry.name)) newest = lsn;
    }
    if (!newest) return {};
    return {Code::corrupt,
            concat((path_ / kLogName).string(), has_log_ ? " has no segments" : " is missing",
                   ": the log of this state, with the records behind its newest snapshot, of LSN ",
                   newest->value,
                   ", is lost. Nothing was changed; restore it from a copy. To begin anew without "
                   "it, move ",
                   (path_ / kSnapshotsName).string(), " away, and the state is empty")};
  }

  Result<bool> has_segments() {
    if (!has_log_) return false;
    auto log = FORELOG_TRY(dir_.open_directory(kLogName, false));
    for (const FileEntry& entry : FORELOG_TRY(log->list())) {
      if (segment::parse_segment_name(entry.name)) return true;
    }
    return false;
  }

  // There is no directory of snapshots: nothing is lost where the log has every record.
  Status check_beginning() {
    if (!FORELOG_TRY(has_segments())) return {};
    const LogInfo info = FORELOG_TRY(inspect(path_ / kLogName, {.file_system = &file_system_}));
    if (info.first_lsn <= Lsn(1)) return {};
    return {Code::trimmed,
            concat((path_ / kSnapshotsName).string(), " is missing: the log begins at LSN ",
                   info.first_lsn.value, ", and LSNs 1 to ", info.first_lsn.value - 1,
                   " were in a snapshot. Nothing was changed; restore the snapshots that belong to "
                   "this log")};
  }

  FileSystem& file_system_;
  const std::filesystem::path& path_;
  Directory& dir_;
  bool has_log_ = false, has_snapshots_ = false;
};

}  // namespace

Status prepare_directory(FileSystem& file_system, const std::filesystem::path& path,
                         const Options& options) {
  const bool create = options.create_if_missing && options.recovery != RecoveryPolicy::read_only;
  auto dir = FORELOG_TRY(file_system.open_directory(path, create));
  FORELOG_TRY(Contents(file_system, path, *dir).check());
  if (create) FORELOG_TRY(dir->open_directory(kSnapshotsName, true));
  return {};
}

}  // namespace forelog::snapshot
