// DirectoryView: a log that this process only reads. Beside a live writer it follows the WATERMARK
// file; without one it shows what a writer would keep. Needs read permission and changes nothing.
// Threading: every method from any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "log/view.h"

namespace forelog::log {

class DirectoryView final : public View {
 public:
  // Errors: not_found (no log there), io_error, unsupported.
  static Result<std::shared_ptr<DirectoryView>> open(std::unique_ptr<Directory> dir,
                                                     ProgressCallback on_progress);

  Result<std::optional<Place>> locate(Lsn lsn, Durability level, bool following) override;
  Truncation truncation() override;
  Result<Lsn> first_lsn() override;
  Result<std::optional<Lsn>> seek_time(Timestamp time) override;
  void wait_for(Lsn lsn, Durability level, const std::stop_token& stop) override;

  Watermarks watermarks() FORELOG_EXCLUDES(mutex_);
  std::string log_id() FORELOG_EXCLUDES(mutex_);  // Empty: no file told it yet.
  // As of the last look without a live writer.
  const RecoveryReport& report() const { return report_; }
  Directory& directory() { return *dir_; }

 private:
  // Sets `link` once it has chosen a segment.
  Result<std::optional<Place>> locate_once(Lsn lsn, Durability level, bool following, Link& link)
      FORELOG_EXCLUDES(mutex_);
  explicit DirectoryView(std::unique_ptr<Directory> dir) : dir_(std::move(dir)) {}
  Status refresh() FORELOG_REQUIRES(mutex_);
  void look() FORELOG_REQUIRES(mutex_);
  Status look_behind_mark() FORELOG_REQUIRES(mutex_);
  void doubt() FORELOG_EXCLUDES(mutex_);
  Status survey_again(const std::optional<format::WatermarkRecord>& mark, bool alive)
      FORELOG_REQUIRES(mutex_);
  Status check_still_ours(const Survey& found) const FORELOG_REQUIRES(mutex_);
  bool only_grew(const format::WatermarkRecord& mark) const FORELOG_REQUIRES(mutex_);
  Result<std::optional<format::WatermarkRecord>> read_mark() FORELOG_REQUIRES(mutex_);
  Lsn shown(Durability level, bool following) const FORELOG_REQUIRES(mutex_);

  std::unique_ptr<Directory> dir_;
  RecoveryReport report_;

  base::Mutex mutex_;
  std::shared_ptr<File> mark_file_ FORELOG_GUARDED_BY(mutex_);  // Null until there is one.
  // The word in it that rings, as it was last read; not that of mark_, which may be an older record
  // while this one is torn.
  std::uint32_t seen_ FORELOG_GUARDED_BY(mutex_) = 0;
  std::optional<format::WatermarkRecord> mark_ FORELOG_GUARDED_BY(mutex_);
  std::optional<format::LogId> log_id_ FORELOG_GUARDED_BY(mutex_);  // None: no file told it yet.
  bool surveyed_ FORELOG_GUARDED_BY(mutex_) = false;
  bool alive_ FORELOG_GUARDED_BY(mutex_) = false;
  std::vector<Link> links_ FORELOG_GUARDED_BY(mutex_);
  std::shared_ptr<segment::SegmentFile> last_ FORELOG_GUARDED_BY(mutex_);
  // How far the last segment may be read.
  Lsn written_ FORELOG_GUARDED_BY(mutex_), synced_ FORELOG_GUARDED_BY(mutex_);
  Lsn proven_ FORELOG_GUARDED_BY(mutex_);
  std::uint64_t written_offset_ FORELOG_GUARDED_BY(mutex_) = 0;
  std::uint64_t synced_offset_ FORELOG_GUARDED_BY(mutex_) = 0;
};

}  // namespace forelog::log
