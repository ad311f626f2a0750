#include "log/directory_view.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/endian.h"
#include "base/guarded.h"
#include "base/text.h"
#include "base/thread.h"
#include "forelog/try.h"
#include "segment/frame_scanner.h"

namespace forelog::log {

using base::concat;

namespace {

// A survey beside a writer may see the directory half-way through a rotation or a trim; the
// watermark file tells that it has moved, and the look is taken again.
constexpr int kLooksMax = 20;
constexpr std::chrono::milliseconds kPoll{50};

bool same_place(const format::WatermarkRecord& a, const format::WatermarkRecord& b) {
  return a.segment == b.segment && a.salt == b.salt && a.first_segment == b.first_segment &&
         a.generation == b.generation;
}

using Mark = std::optional<format::WatermarkRecord>;

bool same_log(const Mark& a, const Mark& b) {
  if (!a || !b) return a.has_value() == b.has_value();
  return a->log_id == b->log_id;
}

bool same_record(const Mark& a, const Mark& b) {
  return same_log(a, b) && (!a || a->sequence == b->sequence);
}

}  // namespace

Result<std::shared_ptr<DirectoryView>> DirectoryView::open(std::unique_ptr<Directory> dir,
                                                           ProgressCallback on_progress) {
  std::shared_ptr<DirectoryView> view(new DirectoryView(std::move(dir)));
  SurveyOptions options;
  options.on_progress = std::move(on_progress);
  base::MutexLock lock(view->mutex_);
  FORELOG_TRY(view->refresh());
  if (view->links_.empty() && view->report_.damage.empty()) {
    return Status(Code::not_found, concat(view->dir_->path().string(), ": no log there"));
  }
  return view;
}

Result<std::optional<format::WatermarkRecord>> DirectoryView::read_mark() {
  if (mark_file_ == nullptr) {
    auto file = dir_->open(kWatermarkName, OpenMode::read_only);
    if (!file) return file.error().code() == Code::not_found ? Result<Mark>(Mark()) : file.error();
    mark_file_ = *std::move(file);
  }
  // Block 0 is overwritten while it is read now and then; the checksum tells.
  for (int look = 0; look < kLooksMax; ++look) {
    std::array<std::byte, format::kWatermarkRecordBytes> bytes{};
    format::WatermarkRecord record;
    const bool whole = FORELOG_TRY(mark_file_->read_at(0, bytes)) == bytes.size();
    std::memcpy(&seen_, bytes.data() + format::kWatermarkSequenceOffset, sizeof seen_);
    if (whole && format::decode_watermark(bytes, record)) {
      return Mark(record);
    }
    base::yield();
  }
  return read_watermark(*dir_);
}

bool DirectoryView::only_grew(const format::WatermarkRecord& mark) const {
  return surveyed_ && alive_ && mark_ && same_place(*mark_, mark) && !links_.empty() &&
         links_.back().number == mark.segment && links_.back().salt == mark.salt;
}

Status DirectoryView::refresh() {
  Status looked;
  for (int look = 0; look < kLooksMax; ++look) {
    // The lock first: a writer that dies between the two has left its last mark.
    const bool alive = FORELOG_TRY(dir_->locked(kLockName));
    const std::optional<format::WatermarkRecord> mark = FORELOG_TRY(read_mark());
    if (surveyed_ && alive == alive_ && same_record(mark, mark_)) return {};
    if (alive && mark && only_grew(*mark)) {
      mark_ = mark;
      if (mark->written > written_) {  // It may have been found to be further already.
        written_ = mark->written;
        written_offset_ = mark->written_offset;
      }
      synced_ = proven_ = mark->synced;
      synced_offset_ = mark->synced_offset;
      return {};
    }
    looked = survey_again(mark, alive);
    // A trim may take files away between their being listed and their being opened.
    if (looked.code() == Code::not_found) continue;
    FORELOG_TRY(Status(looked));
    if (!alive) return {};
    const std::optional<format::WatermarkRecord> now = FORELOG_TRY(read_mark());
    if (mark.has_value() == now.has_value() && (!mark || same_place(*mark, *now))) return {};
    surveyed_ = false;
  }
  return looked;
}

Status DirectoryView::check_still_ours(const Survey& found) const {
  if (!log_id_) return {};
  if (!found.exists) {
    return {Code::not_found, "the log that was read here is gone: its files were removed"};
  }
  // An id of zeros: no file tells it any more, which is damage.
  if (found.log_id == *log_id_ || found.log_id == format::LogId()) return {};
  return {Code::not_found, concat("the log that was read here is gone: another one, ",
                                  format::to_string(found.log_id), ", has taken its place")};
}

Status DirectoryView::survey_again(const std::optional<format::WatermarkRecord>& mark, bool alive) {
  SurveyOptions options;
  options.scan_tail = !alive;
  Survey found = FORELOG_TRY(survey(*dir_, options));
  FORELOG_TRY(check_still_ours(found));
  std::vector<Link> links = links_of(found);  // First what may throw.
  surveyed_ = true;
  if (found.log_id != format::LogId()) log_id_ = found.log_id;
  alive_ = alive;
  mark_ = mark;
  links_ = std::move(links);
  last_ = std::move(found.last);
  report_ = std::move(found.report);
  proven_ = std::min(report_.proven_synced, report_.last_lsn);
  written_ = synced_ = report_.last_lsn;
  written_offset_ = synced_offset_ = found.tail.offset;
  if (!alive && report_.proven_synced > report_.last_lsn) {
    // Rot in the last segment. What lies behind it was acknowledged too: readers are led to the
    // damage, told of it, and may step over it.
    written_ = synced_ = proven_ = report_.proven_synced;
    written_offset_ = synced_offset_ = std::max(found.tail.offset, found.behind_tail);
  }
  if (alive && found.watermark && !links_.empty() &&
      links_.back().number == found.watermark->segment) {
    written_ = found.watermark->written;
    written_offset_ = found.watermark->written_offset;
  }
  return {};
}

// A writer marks each sync, but not each write (LiveView::set_written). What verifies behind its mark
// was written.
Status DirectoryView::look_behind_mark() {
  if (!alive_ || !mark_ || last_ == nullptr || links_.back().number != mark_->segment) return {};
  const std::uint64_t bytes = FORELOG_TRY(last_->file->size());
  segment::FrameScanner scanner(*last_->file, last_->key, written_offset_, bytes);
  segment::ScannedFrame frame;
  while (FORELOG_TRY(scanner.next(frame)) == segment::ScanStep::frame) {
    if (frame.header.kind != format::FrameKind::data) break;
    if (frame.header.first_lsn.value != written_.value + 1) break;
    written_ = Lsn(frame.header.next_lsn().value - 1);
    written_offset_ = frame.end();
  }
  return {};
}

// A tail shows only what is proven: beside a writer those are its watermarks. A read shows what a
// writer would keep.
Lsn DirectoryView::shown(Durability level, bool following) const {
  if (!alive_ && following) return proven_;
  return level == Durability::synced ? synced_ : written_;
}

Result<std::optional<Place>> DirectoryView::locate(Lsn lsn, Durability level, bool following) {
  for (int look = 1;; ++look) {
    Link link;
    auto place = locate_once(lsn, level, following, link);
    if (place || look == kLooksMax) return place;
    // Did the segment go between the look at the directory and its being opened?
    base::MutexLock lock(mutex_);
    surveyed_ = false;
    FORELOG_TRY(refresh());
    const bool there = std::any_of(links_.begin(), links_.end(), [&](const Link& now) {
      return now.number == link.number && now.salt == link.salt;
    });
    if (link.number == 0 || there) return place;
  }
}

Result<std::optional<Place>> DirectoryView::locate_once(Lsn lsn, Durability level, bool following,
                                                        Link& link) {
  Place place;
  {
    base::MutexLock lock(mutex_);
    FORELOG_TRY(refresh());
    if (links_.empty()) {
      return Status(Code::corrupt, concat(dir_->path().string(),
                                          ": no segment can be read; run `forelog verify`"));
    }
    if (lsn < links_.front().first_lsn) return trimmed_error(lsn, links_.front().first_lsn);
    if (level != Durability::synced && lsn > written_) FORELOG_TRY(look_behind_mark());
    const Lsn last = shown(level, following);
    if (lsn > last) return std::optional<Place>();
    const Link* found = find_link(links_, lsn);
    if (found == nullptr) return std::optional(lost_place(links_, lsn));
    link = *found;
    place.generation = mark_ ? mark_->generation : 0;
    place.limit = link.ended()                  ? link.end_offset
                  : level == Durability::synced ? synced_offset_
                                                : written_offset_;
    place.last = link.ended() ? Lsn(link.next_lsn.value - 1) : last;
    place.last = std::min(place.last, last);
    if (!link.ended()) place.segment = last_;
  }
  if (place.segment == nullptr) place.segment = FORELOG_TRY(open_link(*dir_, link));
  place.begin = FORELOG_TRY(seek_in_segment(*place.segment, link, lsn));
  return std::optional(std::move(place));
}

// What it could not read now, the next locate() reports.
void DirectoryView::look() {
  (void)base::guarded([&]() FORELOG_REQUIRES(mutex_) { return refresh(); });
}

View::Truncation DirectoryView::truncation() {
  base::MutexLock lock(mutex_);
  look();
  return mark_ ? Truncation{mark_->generation, mark_->kept_through} : Truncation();
}

Result<Lsn> DirectoryView::first_lsn() {
  base::MutexLock lock(mutex_);
  FORELOG_TRY(refresh());
  return links_.empty() ? Lsn{1} : links_.front().first_lsn;
}

Result<std::optional<Lsn>> DirectoryView::seek_time(Timestamp time) {
  std::vector<Link> links;
  std::shared_ptr<segment::SegmentFile> last;
  {
    base::MutexLock lock(mutex_);
    FORELOG_TRY(refresh());
    links = links_;
    last = last_;
  }
  const auto nanoseconds = std::max<std::int64_t>(0, time.time_since_epoch().count());
  return seek_time_in_links(links, static_cast<std::uint64_t>(nanoseconds),
                            [&](const Link& link) -> Result<std::shared_ptr<segment::SegmentFile>> {
                              if (!link.ended()) return last;
                              return open_link(*dir_, link);
                            });
}

void DirectoryView::wait_for(Lsn, Durability, const std::stop_token& stop) {
  std::shared_ptr<File> file;
  std::uint32_t seen = 0;
  {
    base::MutexLock lock(mutex_);
    file = mark_file_;
    seen = seen_;
  }
  if (stop.stop_requested()) return;
  if (file == nullptr) {
    base::sleep_for(kPoll);  // A log without a watermark file.
    return doubt();
  }
  const base::OnStop wake(stop, [&file] { file->wake_watchers(format::kWatermarkSequenceOffset); });
  const auto quiet = base::now() + kPoll;
  file->watch(format::kWatermarkSequenceOffset, seen, kPoll);
  if (base::now() >= quiet) doubt();
}

// Nobody has rung for a while. Files that were removed, or exchanged for others, never tell of it: do
// those at hand still bear their names?
void DirectoryView::doubt() {
  const Result<Mark> named = read_watermark(*dir_);
  base::MutexLock lock(mutex_);
  if (named && !same_log(*named, mark_)) mark_file_.reset();
  if (mark_ || links_.empty()) return;
  const auto last = dir_->open(links_.back().name, OpenMode::read_only);
  if (!last && last.error().code() == Code::not_found) surveyed_ = false;
}

std::string DirectoryView::log_id() {
  base::MutexLock lock(mutex_);
  return log_id_ ? format::to_string(*log_id_) : std::string();
}

Watermarks DirectoryView::watermarks() {
  base::MutexLock lock(mutex_);
  look();
  (void)base::guarded([&]() FORELOG_REQUIRES(mutex_) { return look_behind_mark(); });
  return {written_, written_, synced_};
}

}  // namespace forelog::log
