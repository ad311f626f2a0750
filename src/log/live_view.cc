#include "log/live_view.h"

#include <algorithm>

#include "base/check.h"
#include "base/guarded.h"
#include "base/simulation.h"
#include "base/thread.h"
#include "forelog/try.h"

namespace forelog::log {

namespace {

// How often other processes are told of writes while none of them is known to watch. As often as that
// is looked at (PosixFile).
constexpr std::chrono::milliseconds kWrittenMarkEvery{2};

}  // namespace

LiveView::LiveView(Directory& dir, WatermarkFile file, std::vector<Link> links,
                   std::shared_ptr<segment::SegmentFile> active, const segment::SegmentTail& tail,
                   const format::WatermarkRecord& record)
    : dir_(dir),
      frame_(Lsn(tail.next_lsn.value - 1)),
      written_(tail.next_lsn.value - 1),
      synced_(tail.next_lsn.value - 1),
      links_(std::move(links)),
      active_(std::move(active)),
      record_(record),
      file_(std::move(file)) {
  record_.log_id = active_->header.log_id;
  log_id_ = format::to_string(record_.log_id);
  record_.segment = active_->header.number;
  record_.salt = active_->header.salt;
  record_.written = record_.synced = Lsn(tail.next_lsn.value - 1);
  record_.written_offset = record_.synced_offset = tail.offset;
  record_.first_segment = links_.front().number;
  record_.first_lsn = links_.front().first_lsn;
}

Watermarks LiveView::watermarks() const {
  // In this order, so that a move between two loads cannot turn the invariant around.
  Watermarks marks;
  marks.synced = Lsn(synced_.load(std::memory_order_acquire));
  marks.written = Lsn(written_.load(std::memory_order_acquire));
  marks.appended = appended();
  return marks;
}

void LiveView::check_order() const {
  const Watermarks marks = watermarks();
  FORELOG_CHECK(marks.synced <= marks.written);
  FORELOG_CHECK(marks.written <= marks.appended);
}

std::vector<Link> LiveView::links() const {
  base::MutexLock lock(mutex_);
  return links_;
}

View::Truncation LiveView::truncation() {
  base::MutexLock lock(mutex_);
  return {record_.generation, record_.kept_through};
}

Result<Lsn> LiveView::first_lsn() {
  base::MutexLock lock(mutex_);
  return links_.front().first_lsn;
}

Place LiveView::place_in(const Link& link, std::shared_ptr<segment::SegmentFile> file,
                         Durability level) {
  Place place;
  place.segment = std::move(file);
  place.generation = record_.generation;
  if (link.ended()) {
    place.limit = link.end_offset;
    place.last = Lsn(link.next_lsn.value - 1);
  } else if (level == Durability::synced) {
    place.limit = record_.synced_offset;
    place.last = record_.synced;
  } else {
    place.limit = record_.written_offset;
    place.last = record_.written;
  }
  return place;
}

Result<std::optional<Place>> LiveView::locate(Lsn lsn, Durability level, bool) {
  if (level == Durability::buffered && lsn > written() && lsn <= appended() && flush_) {
    flush_();
  }
  if (base::makes(base::Mistake::show_unsynced)) level = Durability::written;
  while (true) {
    Link link;
    Place place;
    {
      base::MutexLock lock(mutex_);
      if (lsn < links_.front().first_lsn) return trimmed_error(lsn, links_.front().first_lsn);
      if (lsn > (level == Durability::synced ? record_.synced : record_.written)) {
        return std::optional<Place>();
      }
      const Link* found = find_link(links_, lsn);
      if (found == nullptr) return std::optional(lost_place(links_, lsn));
      link = *found;
      place = place_in(link, link.ended() ? nullptr : active_, level);
    }
    if (place.segment == nullptr) {
      auto opened = open_link(dir_, link);
      if (!opened) {
        if (!is_linked(link)) continue;  // Trimmed or truncated away since the lock was given up.
        return opened.error();
      }
      place.segment = *std::move(opened);
    }
    place.begin = FORELOG_TRY(seek_in_segment(*place.segment, link, lsn));
    return std::optional(std::move(place));
  }
}

Result<std::optional<Lsn>> LiveView::seek_time(Timestamp time) {
  const auto nanoseconds = std::max<std::int64_t>(0, time.time_since_epoch().count());
  while (true) {
    std::vector<Link> links;
    std::shared_ptr<segment::SegmentFile> active;
    {
      base::MutexLock lock(mutex_);
      links = links_;
      active = active_;
    }
    bool gone = false;
    auto found =
        seek_time_in_links(links, static_cast<std::uint64_t>(nanoseconds),
                           [&](const Link& link) -> Result<std::shared_ptr<segment::SegmentFile>> {
                             if (!link.ended()) return active;
                             auto opened = open_link(dir_, link);
                             gone = !opened && !is_linked(link);
                             return opened;
                           });
    if (!gone) return found;
  }
}

bool LiveView::is_linked(const Link& link) const {
  base::MutexLock lock(mutex_);
  return std::any_of(links_.begin(), links_.end(), [&](const Link& each) {
    return each.number == link.number && each.salt == link.salt;
  });
}

void LiveView::wait_for(Lsn lsn, Durability level, const std::stop_token& stop) {
  const base::OnStop wake(stop, [this] { wake_all(); });
  base::MutexLock lock(mutex_);
  if (stop.stop_requested()) return;
  if (lsn <= (level == Durability::synced ? record_.synced : record_.written)) return;
  // Why a limit: appends at level `buffered` announce nothing, so that they cost nothing. And why not
  // at once for one that is there already: locate() has just tried to have it written, in vain.
  moved_.wait_until(
      mutex_, base::now() + std::chrono::milliseconds(level == Durability::buffered ? 1 : 1000));
}

void LiveView::wake_all() {
  base::MutexLock lock(mutex_);
  moved_.notify_all();
}

void LiveView::announce() {
  // Why the result is dropped: the file is a help to others and a further witness; the log is whole
  // without it. save(), on which promises rest, reports.
  (void)base::guarded([&]() FORELOG_REQUIRES(mutex_) { return file_.publish(record_); });
  note_watched();
  moved_.notify_all();
}

void LiveView::note_watched() {
  watched_.store(file_.file()->watched(), std::memory_order_relaxed);
}

void LiveView::set_written(Lsn lsn, std::uint64_t offset, bool tell) {
  base::MutexLock lock(mutex_);
  written_.store(lsn.value, std::memory_order_release);
  check_order();
  record_.written = lsn;
  record_.written_offset = offset;
  if (!tell) return;
  // Why not each time: a mark is a write too, as dear as that of a small record. A reader in another
  // process finds what is behind the mark by itself (DirectoryView), and one that waits is watching.
  const base::SteadyTime now = base::now();
  if (!watched_.load(std::memory_order_relaxed) && now < next_mark_) return moved_.notify_all();
  next_mark_ = now + kWrittenMarkEvery;
  announce();
}

void LiveView::set_synced(Lsn lsn, std::uint64_t offset) {
  base::MutexLock lock(mutex_);
  // A rotation may have synced past this point since the sync began.
  if (lsn <= record_.synced) return;
  synced_.store(lsn.value, std::memory_order_release);
  check_order();
  record_.synced = lsn;
  record_.synced_offset = offset;
  announce();
}

void LiveView::add_segment(const format::SegmentEnd& end,
                           std::shared_ptr<segment::SegmentFile> next,
                           const segment::SegmentTail& tail) {
  base::MutexLock lock(mutex_);
  const Lsn last(next->header.first_lsn.value - 1);
  FORELOG_CHECK(last.value <= written_.load(std::memory_order_acquire));
  // First what may throw.
  links_.push_back({next->header.number, next->header.salt, next->name, next->header.first_lsn,
                    Lsn(), 0, false});
  Link& ended = links_[links_.size() - 2];
  ended.next_lsn = next->header.first_lsn;
  ended.end_offset = end.offset;
  ended.sealed = end.sealed;
  active_ = std::move(next);
  synced_.store(last.value, std::memory_order_release);
  record_.segment = active_->header.number;
  record_.salt = active_->header.salt;
  record_.written = record_.synced = last;
  record_.written_offset = record_.synced_offset = tail.offset;
  announce();
}

Result<std::vector<Link>> LiveView::truncate(const format::SegmentEnd& end, Lsn last,
                                             std::shared_ptr<segment::SegmentFile> active,
                                             const segment::SegmentTail& tail) {
  base::MutexLock lock(mutex_);
  // First what may throw.
  std::vector<Link> kept;
  std::vector<Link> dead;
  for (const Link& link : links_) (link.number > end.number ? dead : kept).push_back(link);
  if (!kept.empty()) {
    kept.back().next_lsn = active->header.first_lsn;
    kept.back().end_offset = end.offset;
    kept.back().sealed = end.sealed;
  }
  kept.push_back({active->header.number, active->header.salt, active->name,
                  active->header.first_lsn, Lsn(), 0, false});
  std::reverse(dead.begin(), dead.end());
  links_ = std::move(kept);
  active_ = std::move(active);
  synced_.store(last.value, std::memory_order_release);
  written_.store(last.value, std::memory_order_release);
  frame_.set_appended(last);
  record_.segment = active_->header.number;
  record_.salt = active_->header.salt;
  record_.written = record_.synced = last;
  record_.written_offset = record_.synced_offset = tail.offset;
  record_.first_segment = links_.front().number;
  record_.first_lsn = links_.front().first_lsn;
  ++record_.generation;
  record_.kept_through = last;
  truncations_.fetch_add(1, std::memory_order_release);
  moved_.notify_all();
  FORELOG_TRY(save_record());
  return dead;
}

Result<std::vector<Link>> LiveView::drop_before(std::uint64_t first) {
  base::MutexLock lock(mutex_);
  const auto kept = std::find_if(links_.begin(), std::prev(links_.end()),
                                 [&](const Link& link) { return link.number >= first; });
  std::vector<Link> dropped(links_.begin(), kept);
  if (dropped.empty()) return dropped;
  record_.first_segment = kept->number;
  record_.first_lsn = kept->first_lsn;
  // Durability: that they are gone on purpose must be known before the first of them goes.
  if (base::makes(base::Mistake::trim_without_mark)) {
    links_.erase(links_.begin(), links_.begin() + static_cast<std::ptrdiff_t>(dropped.size()));
    return dropped;
  }
  const auto save = [&]() FORELOG_REQUIRES(mutex_) { return save_record(); };
  if (Status saved = base::guarded(save); !saved) {
    record_.first_segment = links_.front().number;
    record_.first_lsn = links_.front().first_lsn;
    return saved;
  }
  links_.erase(links_.begin(), links_.begin() + static_cast<std::ptrdiff_t>(dropped.size()));
  return dropped;
}

Status LiveView::save_record() {
  FORELOG_TRY(file_.stage(record_));
  note_watched();
  saved_sequence_ = record_.sequence;
  const std::shared_ptr<File> file = file_.file();
  base::MutexUnlock unlocked(mutex_);
  return file->sync_data();
}

Status LiveView::announce_start() {
  base::MutexLock lock(mutex_);
  return save_record();
}

Status LiveView::save() {
  base::MutexLock lock(mutex_);
  if (record_.sequence == saved_sequence_) return {};
  return save_record();
}

}  // namespace forelog::log
