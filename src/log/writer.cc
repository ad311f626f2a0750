// The writing half of Writer: groups of frames, segments, and what a failure does.
#include "log/writer.h"

#include <algorithm>

#include "base/check.h"
#include "base/fork.h"
#include "base/futex.h"
#include "base/guarded.h"
#include "base/simulation.h"
#include "base/text.h"
#include "forelog/try.h"

namespace forelog::log {

using base::concat;
using base::guarded;
using base::makes;
using base::Mistake;
using base::MutexLock;
using base::MutexUnlock;
using segment::PendingFrame;

namespace {

constexpr std::size_t kSmallWriteBytes = 64 * KiB;

}  // namespace

Writer::Writer(Directory& dir, FileSystem& file_system, const Options& options, LiveView& view,
               segment::SegmentWriter active, std::uint64_t capacity, std::uint64_t last_time,
               std::uint64_t next_number)
    : dir_(dir),
      file_system_(file_system),
      options_(options),
      view_(view),
      frame_(view.frame()),
      supply_(dir, options.segment_bytes, options.preallocate),
      fork_generation_(base::fork_generation()),
      next_lsn_(active.tail().next_lsn),
      active_(std::move(active)),
      capacity_(capacity),
      last_time_(last_time),
      next_number_(next_number),
      gather_limit_(options.group_commit_delay_max) {
  MutexLock lock(mutex_);
  written_ = {Lsn(next_lsn_.value - 1), active_.tail().offset, active_.segment()};
  plan_from_active();
}

Writer::~Writer() { drop_spares(); }

void Writer::drop_spares() {
  supply_.stop();
  MutexLock lock(mutex_);
  // Left by a process that dies here, it is removed at the next open.
  if (spare_) (void)guarded([&]() FORELOG_REQUIRES(mutex_) { return dir_.remove(spare_->name); });
  spare_.reset();
}

// ── Writing ──────────────────────────────────────────────────────────────────

std::uint64_t Writer::now() {
  const std::int64_t clock = file_system_.now().time_since_epoch().count();
  last_time_ = std::max(last_time_, static_cast<std::uint64_t>(std::max<std::int64_t>(clock, 1)));
  return last_time_;
}

bool Writer::write_pending(bool announce) {
  FORELOG_CHECK(!writing_);
  fold();
  if (open_.empty() || !failed_.ok()) return false;
  take_group();
  Status status;
  {
    MutexUnlock unlocked(mutex_);
    status = guarded([&] { return write_group(group_); });
  }
  return end_write(status, announce);
}

void Writer::take_group() {
  writing_ = true;
  finish_frame();
  std::swap(open_, group_);
  writing_bytes_ = group_.held();
}

bool Writer::end_write(const Status& status, bool announce) {
  if (announce && group_.held() < kSmallWriteBytes) method_.pause();
  if (status.ok()) {
    written_ = {Lsn(active_.tail().next_lsn.value - 1), active_.tail().offset, active_.segment()};
    view_.set_written(written_.lsn, written_.offset, announce);
  } else {
    fail(status);
  }
  group_.clear();
  writing_ = false;
  writing_bytes_ = 0;
  room_.notify_all();
  return status.ok();
}

Status Writer::write_group(GroupBuffer& group) {
  const std::span<std::byte> bytes(group.bytes.get(), group.size);
  std::span<const PendingFrame> frames(group.frames);
  std::size_t written = 0;
  const auto write_until = [&](std::size_t end) -> Status {
    if (end == written) return {};
    const auto part = frames.subspan(written, end - written);
    written = end;
    return active_.write(bytes, part, view_.synced(), now());
  };
  for (auto& [first_frame, spare] : group.rotations) {
    FORELOG_TRY(write_until(first_frame));
    FORELOG_TRY(rotate(std::move(spare)));
  }
  return write_until(frames.size());
}

// Durability: the old segment is synced before the new one exists, so that a segment's existence
// proves that all before it was synced.
Status Writer::rotate(segment::Spare spare) {
  const Lsn last(active_.tail().next_lsn.value - 1);
  FORELOG_TRY(active_.write_seal(view_.synced()));
  {
    MutexLock lock(mutex_);
    if (!makes(Mistake::skip_rotation_sync)) FORELOG_TRY(sync_segment(*active_.segment()));
    if (spare.blocks != blocks_) method_.try_again();
    blocks_ = spare.blocks;
  }
  if (last > view_.written()) view_.set_written(last, active_.tail().offset, false);

  const format::SegmentEnd end = active_.end(true);
  format::SegmentHeader header;
  header.log_id = active_.segment()->header.log_id;
  header.number = next_number_++;
  header.salt = file_system_.random();
  header.first_lsn = active_.tail().next_lsn;
  header.created = now();
  header.predecessor = end;
  header.epoch = active_.segment()->header.epoch;
  const std::uint64_t capacity = spare.capacity;
  auto next = FORELOG_TRY(segment::publish_segment(dir_, std::move(spare), header));
  const auto tail = segment::SegmentTail::of_empty(header);
  active_ = segment::SegmentWriter(next, tail);
  capacity_ = capacity;
  view_.add_segment(end, std::move(next), tail);
  return {};
}

void Writer::write_behind() {
  if (!check_process().ok()) return;
  MutexLock lock(mutex_);
  if (!writing_ && !paused_ && usable().ok()) write_pending(true);
}

Status Writer::discard(const std::string& name) {
  // A reader may still have the file open: what it reads in it from now on does not verify, and it
  // then learns that the log has moved on.
  const std::unique_ptr<File> file = FORELOG_TRY(dir_.open(name, OpenMode::read_only));
  const std::uint64_t bytes = FORELOG_TRY(file->size());
  if (const auto spare = supply_.wants_recycled(bytes)) {
    FORELOG_TRY(dir_.rename(name, *spare));
    supply_.recycled(*spare);
    return {};
  }
  return dir_.remove(name);
}

void Writer::fail(const Status& status) {
  fold();  // Nobody appends any more.
  if (!failed_.ok()) return;
  failed_ = guarded(
      [&] {
        return Status(Code::io_error,
                      concat("the log is closed to writes since a write or sync "
                             "failed: ",
                             status.message(), "; what was acknowledged stands. Reopen the log"));
      },
      Code::io_error);
  for (Crowd* crowd : {&crowds_[0], &crowds_[1], &followers_}) {
    crowd->word.fetch_add(1, std::memory_order_release);
    base::futex_wake_all(crowd->word);
  }
  room_.notify_all();
  view_.wake_all();
}

Status Writer::health() const {
  MutexLock lock(mutex_);
  return usable();
}

}  // namespace forelog::log
