#include "log/writer.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/fork.h"
#include "base/futex.h"
#include "base/guarded.h"
#include "base/simulation.h"
#include "base/text.h"
#include "forelog/try.h"
#include "format/record.h"

namespace forelog::log {

using base::concat;
using base::guarded;
using base::makes;
using base::Mistake;
using base::MutexLock;
using base::MutexUnlock;
using base::plural;
using format::frame_bytes;
using segment::PendingFrame;

namespace {

// A frame takes records up to here. Small enough that a reader looking for one record reads little,
// and that both its copies stay in the cache; large enough that its header costs nothing.
constexpr std::uint64_t kFrameBodyTarget = 128 * KiB;
// An appender whose record brings the buffer here writes it, so that a stream of appends that no
// one waits for moves in pieces that fit the cache.
constexpr std::uint64_t kWriteThreshold = 512 * KiB;
constexpr std::size_t kBufferBytesMin = 64 * KiB;

}  // namespace

void GroupBuffer::clear() {
  size = 0;
  frames.clear();
  frame_open = false;
  rotations.clear();
}

void GroupBuffer::reserve(std::size_t bytes_more) {
  const auto grow = [](auto& list) {
    if (list.size() == list.capacity()) list.reserve(2 * list.size() + 4);
  };
  grow(frames);
  grow(rotations);
  if (capacity - size >= bytes_more) return;
  const std::size_t wanted = std::max({kBufferBytesMin, capacity * 2, size + bytes_more});
  auto larger = std::make_unique_for_overwrite<std::byte[]>(wanted);
  if (size > 0) std::memcpy(larger.get(), bytes.get(), size);
  bytes = std::move(larger);
  capacity = wanted;
}

Writer::Writer(Directory& dir, FileSystem& file_system, const Options& options, LiveView& view,
               segment::SegmentWriter active, std::uint64_t capacity, std::uint64_t last_time,
               std::uint64_t next_number)
    : dir_(dir),
      file_system_(file_system),
      options_(options),
      view_(view),
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

// ── Appending ────────────────────────────────────────────────────────────────

Status Writer::usable() const {
  if (closed_) return {Code::cancelled, "the log is closed"};
  if (fork_generation_ != base::fork_generation()) {
    return {Code::invalid_argument,
            "this log was opened by the parent process; open it anew after fork()"};
  }
  return failed_;
}

void Writer::plan_from_active() {
  const std::uint64_t footer = segment::footer_bytes(capacity_);
  plan_offset_ = active_.tail().offset;
  plan_end_ = capacity_ > footer ? capacity_ - footer : 0;
  prepared_ = false;
}

bool Writer::needs_new_segment(std::uint64_t body_bytes) const {
  std::uint64_t offset = plan_offset_;
  if (open_.frame_open) {
    const std::uint64_t body = open_.frames.back().body_bytes;
    if (body + body_bytes <= kFrameBodyTarget) {
      return offset + frame_bytes(body + body_bytes) > plan_end_;
    }
    offset += frame_bytes(body);
  }
  return offset + frame_bytes(body_bytes) > plan_end_;
}

Status Writer::fetch_spare(std::uint64_t capacity, bool small_will_do) {
  fetching_ = true;
  Result<segment::Spare> spare = segment::Spare();
  {
    MutexUnlock unlocked(mutex_);
    spare = guarded([&] { return supply_.take(capacity, small_will_do); });
  }
  fetching_ = false;
  room_.notify_all();
  if (!spare) return spare.error().with_context("no file for the next segment");
  spare_ = *std::move(spare);
  return {};
}

Status Writer::make_room(std::uint64_t body_bytes, std::uint64_t records) {
  while (true) {
    FORELOG_TRY(usable());
    // Nobody gets there by appending, but the file of another's making that was opened may say so.
    if (next_lsn_.value >= format::kLsnLimit || records >= format::kLsnLimit - next_lsn_.value)
        [[unlikely]] {
      return {Code::invalid_argument, concat("LSNs end before 2^63, and the next one is ",
                                             next_lsn_.value, "; nothing was appended")};
    }
    const std::uint64_t held = open_.size + writing_bytes_;
    if (paused_ || fetching_) {
      room_.wait(mutex_);
    } else if (held > 0 && held + frame_bytes(body_bytes) > options_.buffer_bytes_max) {
      if (!writing_) {
        write_pending(true);
      } else if (options_.when_buffer_full == WhenFull::report) {
        return {Code::busy, concat("the buffer is full: ", held, " of ", options_.buffer_bytes_max,
                                   " bytes; nothing was appended")};
      } else {
        room_.wait(mutex_);
      }
    } else if (needs_new_segment(body_bytes)) {
      const std::uint64_t least = format::kSegmentHeaderBytes + frame_bytes(body_bytes);
      const std::uint64_t capacity =
          std::max(options_.segment_bytes, least + segment::footer_bytes(least + 64 * KiB));
      if (spare_ && spare_->capacity >= capacity) return {};
      FORELOG_TRY(fetch_spare(capacity, false));
    } else {
      return {};
    }
  }
}

void Writer::finish_frame() {
  if (!open_.frame_open) return;
  const std::size_t end = open_.frames.back().end();
  std::memset(open_.bytes.get() + open_.size, 0, end - open_.size);
  open_.size = end;
  open_.frame_open = false;
  plan_offset_ += frame_bytes(open_.frames.back().body_bytes);
  if (!prepared_ && plan_offset_ > plan_end_ / 2) {
    prepared_ = true;
    supply_.prepare();
  }
}

void Writer::start_frame(std::uint64_t body_bytes) {
  finish_frame();
  if (plan_offset_ + frame_bytes(body_bytes) > plan_end_) {
    FORELOG_CHECK(spare_.has_value());
    plan_offset_ = format::kSegmentHeaderBytes;
    plan_end_ = spare_->capacity - segment::footer_bytes(spare_->capacity);
    open_.rotations.emplace_back(open_.frames.size(), *std::move(spare_));
    spare_.reset();
    prepared_ = false;
    FORELOG_CHECK(plan_offset_ + frame_bytes(body_bytes) <= plan_end_);
  }
  open_.frames.push_back({open_.size, 0, next_lsn_, 0});
  open_.size += format::kFrameHeaderBytes;
  open_.frame_open = true;
}

std::byte* Writer::place(std::uint64_t body_bytes, std::uint32_t records) {
  // Room for this record, and for a header, padding and the header behind it. What may throw, throws
  // here: behind it the record is in the log.
  open_.reserve(static_cast<std::size_t>(body_bytes) + 2 * format::kFrameHeaderBytes + 16);
  const bool fits =
      open_.frame_open && open_.frames.back().body_bytes + body_bytes <= kFrameBodyTarget &&
      plan_offset_ + frame_bytes(open_.frames.back().body_bytes + body_bytes) <= plan_end_;
  if (!fits) start_frame(body_bytes);
  PendingFrame& frame = open_.frames.back();
  frame.body_bytes += static_cast<std::uint32_t>(body_bytes);
  frame.record_count += records;
  std::byte* at = open_.bytes.get() + open_.size;
  open_.size += static_cast<std::size_t>(body_bytes);
  next_lsn_ = Lsn(next_lsn_.value + records);
  FORELOG_CHECK(next_lsn_.value < format::kLsnLimit);
  return at;
}

Status Writer::check(ByteView record) const {
  if (record.size() <= options_.record_bytes_max) [[likely]]
    return {};
  return {
      Code::invalid_argument,
      concat("a record of ", record.size(), " ", plural(record.size(), "byte"),
             " is over record_bytes_max, ", options_.record_bytes_max, "; nothing was appended")};
}

Status Writer::check(const Batch& batch) const {
  if (batch.empty()) return {Code::invalid_argument, "the batch is empty"};
  if (batch.record_bytes_max() > options_.record_bytes_max ||
      batch.payload_bytes() > options_.batch_bytes_max) {
    return {Code::invalid_argument,
            concat("a batch of ", batch.payload_bytes(), " ", plural(batch.payload_bytes(), "byte"),
                   ", its largest record ", batch.record_bytes_max(), ", is over batch_bytes_max, ",
                   options_.batch_bytes_max, ", or record_bytes_max, ", options_.record_bytes_max,
                   "; nothing was appended")};
  }
  const std::uint64_t bytes = batch.encoded().size();
  if (bytes <= format::kFrameBodyLimit && batch.size() <= UINT32_MAX) return {};
  return {Code::invalid_argument,
          concat("a batch of ", batch.size(), " ", plural(batch.size(), "record"), " and ", bytes,
                 " bytes with their lengths does not fit a frame; nothing was appended")};
}

Result<Lsn> Writer::append(ByteView record) {
  FORELOG_TRY(check(record));
  MutexLock lock(mutex_);
  return append_checked(record);
}

Result<LsnRange> Writer::append(const Batch& batch) {
  FORELOG_TRY(check(batch));
  MutexLock lock(mutex_);
  return append_checked(batch);
}

Result<Lsn> Writer::append_checked(ByteView record) {
  const std::uint64_t body_bytes = format::record_bytes(record.size());
  FORELOG_TRY(make_room(body_bytes, 1));
  const Lsn lsn = next_lsn_;
  format::put_record(place(body_bytes, 1), record);
  view_.set_appended(lsn);
  if (open_.size >= kWriteThreshold && !writing_) write_pending(true);
  return lsn;
}

Result<LsnRange> Writer::append_checked(const Batch& batch) {
  const ByteView encoded = batch.encoded();
  FORELOG_TRY(make_room(encoded.size(), batch.size()));
  const Lsn first = next_lsn_;
  std::memcpy(place(encoded.size(), static_cast<std::uint32_t>(batch.size())), encoded.data(),
              encoded.size());
  const Lsn last(next_lsn_.value - 1);
  view_.set_appended(last);
  if (open_.size >= kWriteThreshold && !writing_) write_pending(true);
  return LsnRange{first, last};
}

// ── Writing ──────────────────────────────────────────────────────────────────

std::uint64_t Writer::now() {
  const std::int64_t clock = file_system_.now().time_since_epoch().count();
  last_time_ = std::max(last_time_, static_cast<std::uint64_t>(std::max<std::int64_t>(clock, 1)));
  return last_time_;
}

bool Writer::write_pending(bool announce) {
  FORELOG_CHECK(!writing_);
  if (open_.empty() || !failed_.ok()) return false;
  writing_ = true;
  finish_frame();
  std::swap(open_, group_);
  writing_bytes_ = group_.size;
  Status status;
  {
    MutexUnlock unlocked(mutex_);
    status = guarded([&] { return write_group(group_); });
  }
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
  const std::uint64_t capacity = spare.capacity;
  auto next = FORELOG_TRY(segment::publish_segment(dir_, std::move(spare), header));
  const auto tail = segment::SegmentTail::of_empty(header);
  active_ = segment::SegmentWriter(next, tail);
  capacity_ = capacity;
  view_.add_segment(end, std::move(next), tail);
  return {};
}

void Writer::write_behind() {
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
