// The appending half of Writer: what a record needs before it gets its LSN, and where it goes.
//
// The usual record takes no lock: the frame that is open has room for it (open_frame.h). The first
// one of a frame does, and sees to all that may be in the way: a log that is closed, a buffer that is
// full, a segment that is. Whoever changes what lies in the buffer closes the frame first (fold()).
#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/fork.h"
#include "base/guarded.h"
#include "base/text.h"
#include "forelog/try.h"
#include "format/record.h"
#include "log/writer.h"

namespace forelog::log {

using base::concat;
using base::guarded;
using base::MutexLock;
using base::MutexUnlock;
using base::plural;
using format::frame_bytes;
using segment::PendingFrame;

namespace {

// A frame takes records up to here. Small enough that a reader looking for one record reads little,
// and that both its copies stay in the cache; large enough that its header costs nothing.
constexpr std::uint64_t kFrameBodyTarget = 128 * KiB;
static_assert(kFrameBodyTarget <= OpenFrame::kBytesMax);
// An appender whose record brings the buffer here writes it, so that a stream of appends that no
// one waits for moves in pieces that fit the cache.
constexpr std::uint64_t kWriteThreshold = 512 * KiB;
constexpr std::size_t kBufferBytesMin = 64 * KiB;
// Behind a body: its padding, the next frame's header, and what fills the last block.
constexpr std::size_t kBehindBody = 2 * format::kFrameHeaderBytes + 16 + File::kBlockBytes;

}  // namespace

void GroupBuffer::clear() {
  size = lead = 0;
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
  Bytes larger(static_cast<std::byte*>(::operator new(wanted, kAlignment)));
  if (size > 0) std::memcpy(larger.get(), bytes.get(), size);
  bytes = std::move(larger);
  capacity = wanted;
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

Status Writer::usable() const {
  if (closed_) return {Code::cancelled, "the log is closed"};
  return failed_;
}

Status Writer::check_process() const {
  if (fork_generation_ == base::fork_generation()) [[likely]]
    return {};
  return {Code::invalid_argument,
          "this log was opened by the parent process; open it anew after fork()"};
}

// ── Without the lock ─────────────────────────────────────────────────────────

std::optional<Lsn> Writer::append_to_open(ByteView record) {
  if (fork_generation_ != base::fork_generation()) [[unlikely]]
    return std::nullopt;
  const std::uint64_t bytes = format::record_bytes(record.size());
  const OpenFrame::Place place = frame_.reserve(bytes, 1);
  if (place.at == nullptr) return std::nullopt;
  format::put_record(place.at, record);
  frame_.filled(bytes);
  return place.first;
}

std::optional<LsnRange> Writer::append_to_open(const Batch& batch) {
  if (fork_generation_ != base::fork_generation()) return std::nullopt;
  const ByteView encoded = batch.encoded();
  const OpenFrame::Place place = frame_.reserve(encoded.size(), batch.size());
  if (place.at == nullptr) return std::nullopt;
  std::memcpy(place.at, encoded.data(), encoded.size());
  frame_.filled(encoded.size());
  return LsnRange{place.first, Lsn(place.first.value + batch.size() - 1)};
}

Result<Lsn> Writer::append(ByteView record) {
  if (record.size() <= options_.record_bytes_max) [[likely]] {
    if (const auto lsn = append_to_open(record)) return *lsn;
  }
  FORELOG_TRY(check_process());
  FORELOG_TRY(check(record));
  MutexLock lock(mutex_);
  return append_checked(record);
}

Result<LsnRange> Writer::append(const Batch& batch) {
  FORELOG_TRY(check(batch));
  if (const auto lsns = append_to_open(batch)) return *lsns;
  FORELOG_TRY(check_process());
  MutexLock lock(mutex_);
  return append_checked(batch);
}

// ── With the lock ────────────────────────────────────────────────────────────

Result<Lsn> Writer::append_checked(ByteView record) {
  const std::uint64_t body_bytes = format::record_bytes(record.size());
  FORELOG_TRY(make_room(body_bytes, 1));
  const Lsn lsn = next_lsn_;
  format::put_record(place(body_bytes, 1), record);
  go_on_behind(lsn);
  return lsn;
}

Result<LsnRange> Writer::append_checked(const Batch& batch) {
  const ByteView encoded = batch.encoded();
  FORELOG_TRY(make_room(encoded.size(), batch.size()));
  const Lsn first = next_lsn_;
  std::memcpy(place(encoded.size(), static_cast<std::uint32_t>(batch.size())), encoded.data(),
              encoded.size());
  const Lsn last(next_lsn_.value - 1);
  go_on_behind(last);
  return LsnRange{first, last};
}

Status Writer::make_room(std::uint64_t body_bytes, std::uint64_t records) {
  while (true) {
    fold();
    FORELOG_TRY(usable());
    // Nobody gets there by appending, but the file of another's making that was opened may say so.
    if (next_lsn_.value >= format::kLsnLimit || records >= format::kLsnLimit - next_lsn_.value)
        [[unlikely]] {
      return {Code::invalid_argument, concat("LSNs end before 2^63, and the next one is ",
                                             next_lsn_.value, "; nothing was appended")};
    }
    const std::uint64_t held = open_.held() + writing_bytes_;
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

std::byte* Writer::place(std::uint64_t body_bytes, std::uint32_t records) {
  // Room for this record, and for all that may come in front of it and behind. What may throw, throws
  // here: behind it the record is in the log.
  open_.reserve(static_cast<std::size_t>(body_bytes) + kBehindBody + File::kBlockBytes);
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
  if (open_.frames.empty()) {
    open_.size = open_.lead = static_cast<std::size_t>(plan_offset_ % File::kBlockBytes);
  }
  open_.frames.push_back({open_.size, 0, next_lsn_, 0});
  open_.size += format::kFrameHeaderBytes;
  open_.frame_open = true;
}

void Writer::go_on_behind(Lsn last) {
  view_.set_appended(last);
  if (open_.held() >= kWriteThreshold && !writing_) {
    write_pending(true);
    return;  // Others may have opened a frame meanwhile.
  }
  if (!open_.frame_open || next_lsn_.value >= format::kLsnLimit - 2 * OpenFrame::kBytesMax) return;
  // How many bytes more need no look at anything.
  const std::uint64_t body = open_.frames.back().body_bytes;
  const std::uint64_t held = open_.held() + writing_bytes_;
  const auto less = [](std::uint64_t from, std::uint64_t what) {
    return from > what ? from - what : 0;
  };
  const std::uint64_t room =
      std::min({less(kFrameBodyTarget, body), less(plan_end_ - plan_offset_, frame_bytes(body) + 8),
                less(open_.capacity - open_.size, kBehindBody),
                less(options_.buffer_bytes_max, held + frame_bytes(0) + 8)});
  if (room > 0) frame_.open(open_.bytes.get() + open_.size, room, next_lsn_);
}

void Writer::fold() {
  const OpenFrame::Taken taken = frame_.close();
  if (taken.records == 0) return;
  PendingFrame& frame = open_.frames.back();
  frame.body_bytes += static_cast<std::uint32_t>(taken.bytes);
  frame.record_count += static_cast<std::uint32_t>(taken.records);
  open_.size += static_cast<std::size_t>(taken.bytes);
  next_lsn_ = Lsn(next_lsn_.value + taken.records);
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

void Writer::plan_from_active() {
  const std::uint64_t footer = segment::footer_bytes(capacity_);
  plan_offset_ = active_.tail().offset;
  plan_end_ = capacity_ > footer ? capacity_ - footer : 0;
  prepared_ = false;
}

}  // namespace forelog::log
