// LiveView: the state of an open log that its writer moves and its readers see: the chain of
// segments and the watermarks. The one place in which watermarks move.
//
// Threading: every method from any thread. The lock is held for moments, never over a sync.
// Invariant, checked on every change: synced <= written <= appended; none goes back but by
// truncate().
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "log/open_frame.h"
#include "log/view.h"
#include "log/watermark_file.h"

namespace forelog::log {

class LiveView final : public View {
 public:
  LiveView(Directory& dir, WatermarkFile file, std::vector<Link> links,
           std::shared_ptr<segment::SegmentFile> active, const segment::SegmentTail& tail,
           const format::WatermarkRecord& record);

  // ── For readers ──
  Result<std::optional<Place>> locate(Lsn lsn, Durability level, bool following) override;
  Truncation truncation() override;
  Result<Lsn> first_lsn() override;
  Result<std::optional<Lsn>> seek_time(Timestamp time) override;
  void wait_for(Lsn lsn, Durability level, const std::stop_token& stop) override;

  Watermarks watermarks() const;
  std::string log_id() const { return log_id_; }
  Lsn appended() const { return frame_.appended(); }
  Lsn synced() const { return Lsn(synced_.load(std::memory_order_acquire)); }
  Lsn written() const { return Lsn(written_.load(std::memory_order_acquire)); }
  Lsn reached(Durability level) const {
    if (level == Durability::buffered) return appended();
    return level == Durability::written ? written() : synced();
  }
  std::vector<Link> links() const FORELOG_EXCLUDES(mutex_);

  // Makes readers at Durability::buffered see what is in memory: called when they reach the end.
  void set_flush(std::function<void()> flush) { flush_ = std::move(flush); }

  // ── For the writer ──
  // Whether anyone reads what is written soon after: a tail of this process, or another process, as
  // far as was known when a watermark last moved. Cheap.
  bool followed() const {
    return tails_.load(std::memory_order_relaxed) > 0 || watched_.load(std::memory_order_relaxed);
  }
  // Where records get their LSNs: what was appended is what it gave out.
  OpenFrame& frame() { return frame_; }
  void set_appended(Lsn lsn) { frame_.set_appended(lsn); }  // While it is closed.
  Status announce_start() FORELOG_EXCLUDES(mutex_);         // Durable on return.
  // What a write or a sync reached, in the active segment. `tell`: other processes too, those that
  // watch at once.
  void set_written(Lsn lsn, std::uint64_t offset, bool tell) FORELOG_EXCLUDES(mutex_);
  void set_synced(Lsn lsn, std::uint64_t offset) FORELOG_EXCLUDES(mutex_);
  // The active segment, all of it synced, has ended and `next` goes on behind it.
  void add_segment(const format::SegmentEnd& end, std::shared_ptr<segment::SegmentFile> next,
                   const segment::SegmentTail& tail) FORELOG_EXCLUDES(mutex_);
  // The log ends behind `last` now, in `active`, whose predecessor is `end`; links behind that are
  // dead and are returned. Everything is synced. Durable on return.
  Result<std::vector<Link>> truncate(const format::SegmentEnd& end, Lsn last,
                                     std::shared_ptr<segment::SegmentFile> active,
                                     const segment::SegmentTail& tail) FORELOG_EXCLUDES(mutex_);
  // Forgets the links before number `first`, durably; the last link always stays. Returns them.
  Result<std::vector<Link>> drop_before(std::uint64_t first) FORELOG_EXCLUDES(mutex_);
  // Makes the WATERMARK file durable if it has changed since the last time.
  Status save() FORELOG_EXCLUDES(mutex_);
  void wake_all() FORELOG_EXCLUDES(mutex_);  // The log is being closed.

 private:
  void announce() FORELOG_REQUIRES(mutex_);
  void note_watched() FORELOG_REQUIRES(mutex_);
  Status save_record() FORELOG_REQUIRES(mutex_);  // Gives the lock up over the sync.
  void check_order() const;
  bool is_linked(const Link& link) const FORELOG_EXCLUDES(mutex_);
  Place place_in(const Link& link, std::shared_ptr<segment::SegmentFile> file, Durability level)
      FORELOG_REQUIRES(mutex_);

  Directory& dir_;
  std::function<void()> flush_;
  std::string log_id_;

  OpenFrame frame_;
  std::atomic<std::uint64_t> written_, synced_;
  std::atomic<bool> watched_{false};  // From another process.

  mutable base::Mutex mutex_;
  base::CondVar moved_;
  std::vector<Link> links_ FORELOG_GUARDED_BY(mutex_);
  std::shared_ptr<segment::SegmentFile> active_ FORELOG_GUARDED_BY(mutex_);
  // LSNs, offsets, first segment and generation: what is published.
  format::WatermarkRecord record_ FORELOG_GUARDED_BY(mutex_);
  WatermarkFile file_ FORELOG_GUARDED_BY(mutex_);
  std::uint64_t saved_sequence_ FORELOG_GUARDED_BY(mutex_) = 0;
  base::SteadyTime next_mark_ FORELOG_GUARDED_BY(mutex_);  // Of writes, for nobody in particular.
};

}  // namespace forelog::log
