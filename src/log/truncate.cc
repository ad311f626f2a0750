// The suffix-dropping part of Writer: a new segment whose header names an earlier end than the log
// has. What lies behind that end is dead from the moment its name is durable.
#include <algorithm>
#include <vector>

#include "base/guarded.h"
#include "base/text.h"
#include "forelog/try.h"
#include "format/record.h"
#include "log/quiet.h"
#include "log/writer.h"
#include "segment/frame_scanner.h"

namespace forelog::log {

using base::concat;
using base::MutexUnlock;

namespace {

// Where to cut: behind whole frames up to `tail`, and then the first records of the frame there.
struct Cut {
  segment::SegmentTail tail;
  Lsn kept_first;               // Of the records kept from the frame that is cut …
  std::vector<std::byte> kept;  // … and their encoding; empty when the cut is between frames.
  std::uint32_t kept_count = 0;
  std::uint64_t time = 0;
};

Result<Cut> find_cut(const segment::SegmentFile& segment, std::uint64_t limit, Lsn last) {
  Cut cut;
  cut.tail = segment::SegmentTail::of_empty(segment.header);
  segment::FrameScanner scanner(*segment.file, segment.key, format::kSegmentHeaderBytes, limit);
  while (cut.tail.next_lsn <= last) {
    segment::ScannedFrame frame;
    if (FORELOG_TRY(scanner.next(frame)) != segment::ScanStep::frame) {
      return Status(Code::corrupt,
                    concat(segment.name, ": the frame at offset ", scanner.offset(), ", LSN ",
                           cut.tail.next_lsn.value, ", does not verify; nothing was dropped"));
    }
    if (frame.header.next_lsn() <= last.next()) {
      cut.tail.add(frame.header, frame.header_bytes, frame.offset);
      continue;
    }
    cut.kept_first = frame.header.first_lsn;
    cut.time = frame.header.time;
    format::RecordReader records(frame.body);
    ByteView payload;
    for (Lsn lsn = frame.header.first_lsn; lsn <= last && records.next(payload); lsn = lsn.next()) {
      const std::size_t size = cut.kept.size();
      cut.kept.resize(size + static_cast<std::size_t>(format::record_bytes(payload.size())));
      format::put_record(cut.kept.data() + size, payload);
      ++cut.kept_count;
    }
    break;
  }
  return cut;
}

// The kept records as the first frame of the new segment.
std::vector<std::byte> encode_kept(const Cut& cut, const format::SegmentHeader& header, Lsn synced,
                                   segment::SegmentTail& tail) {
  if (cut.kept_count == 0) return {};
  std::vector<std::byte> frame(static_cast<std::size_t>(format::frame_bytes(cut.kept.size())));
  std::copy(cut.kept.begin(), cut.kept.end(), frame.begin() + format::kFrameHeaderBytes);
  format::FrameHeader frame_header;
  frame_header.body_bytes = static_cast<std::uint32_t>(cut.kept.size());
  frame_header.first_lsn = cut.kept_first;
  frame_header.synced = synced;
  frame_header.time = cut.time;
  frame_header.record_count = cut.kept_count;
  const std::span<std::byte> bytes(frame);
  const std::uint64_t offset = format::kSegmentHeaderBytes;
  format::encode_frame_header(frame_header, ByteView(bytes.subspan(format::kFrameHeaderBytes)),
                              format::position_seed(format::segment_key(header), offset),
                              bytes.first<format::kFrameHeaderBytes>());
  tail.add(frame_header, bytes.first(format::kFrameHeaderBytes), offset);
  return frame;
}

}  // namespace

Result<std::vector<Link>> Writer::truncate(Lsn last, Epoch* epoch) {
  Quiet quiet(*this);
  FORELOG_TRY(usable());
  if (last >= next_lsn_) {
    return Status(Code::invalid_argument,
                  concat("LSN ", last.value, " was not appended; the last one is ",
                         next_lsn_.value - 1, "; nothing was dropped"));
  }
  if (last.next() == next_lsn_ && epoch == nullptr) return std::vector<Link>();
  const std::vector<Link> links = view_.links();
  if (last.next() < links.front().first_lsn) return trimmed_error(last, links.front().first_lsn);

  Plan plan;
  {
    MutexUnlock unlocked(mutex_);
    plan = FORELOG_TRY(plan_cut(links, last));
    if (epoch != nullptr) plan.header.epoch = *epoch = next_epoch(last.next());
  }
  const std::uint64_t least = format::kSegmentHeaderBytes + plan.frame.size();
  const std::uint64_t capacity = least + segment::footer_bytes(least + 64 * KiB);
  if (!spare_ || spare_->capacity < capacity) FORELOG_TRY(fetch_spare(capacity, true));
  segment::Spare spare = *std::move(spare_);
  spare_.reset();
  Result<std::vector<Link>> dead = std::vector<Link>();
  {
    MutexUnlock unlocked(mutex_);
    dead = base::guarded([&] { return carry_out(plan, last, std::move(spare)); });
  }
  if (!dead) {
    // Whether the new segment's name reached the disk is not known: the next open decides, for the
    // old log or the new one.
    fail(dead.error());
    return dead;
  }
  ++truncations_;
  next_lsn_ = last.next();
  written_ = {last, active_.tail().offset, active_.segment()};
  plan_from_active();
  return dead;
}

Epoch Writer::next_epoch(Lsn first) const {
  const Epoch& now = active_.segment()->header.epoch;
  std::uint64_t branch = 0;
  while (branch == 0) branch = file_system_.random();
  return {now.number + 1, branch, now.branch, first};
}

// The cut, and the segment that will make it. With both roles.
Result<Writer::Plan> Writer::plan_cut(const std::vector<Link>& links, Lsn last) {
  // The last segment that starts at or before the first record to drop.
  const auto after =
      std::upper_bound(links.begin(), links.end(), last.next(),
                       [](Lsn lsn, const Link& link) { return lsn < link.first_lsn; });
  const Link& link = *std::prev(after);
  const bool is_active = !link.ended();
  const auto segment = is_active ? active_.segment() : FORELOG_TRY(open_link(dir_, link));
  const Cut cut =
      FORELOG_TRY(find_cut(*segment, is_active ? active_.tail().offset : link.end_offset, last));
  Plan plan;
  plan.header.log_id = active_.segment()->header.log_id;
  plan.header.number = next_number_++;
  plan.header.salt = file_system_.random();
  plan.header.first_lsn = cut.tail.next_lsn;
  plan.header.created = now();
  plan.header.epoch = active_.segment()->header.epoch;
  plan.header.predecessor = {segment->header.number, segment->header.salt, cut.tail.offset,
                             cut.tail.digest, false};
  plan.tail = segment::SegmentTail::of_empty(plan.header);
  plan.frame = encode_kept(cut, plan.header, Lsn(plan.header.first_lsn.value - 1), plan.tail);
  return plan;
}

Result<std::vector<Link>> Writer::carry_out(const Plan& plan, Lsn last, segment::Spare spare) {
  const std::uint64_t capacity = spare.capacity;
  auto published = FORELOG_TRY(segment::publish_segment(
      dir_, std::move(spare), plan.header, ByteView(std::span<const std::byte>(plan.frame))));
  if (!plan.frame.empty()) {
    published->index.add({plan.header.first_lsn, format::kSegmentHeaderBytes, plan.tail.last_time});
  }
  active_ = segment::SegmentWriter(published, plan.tail);
  capacity_ = capacity;
  return view_.truncate(plan.header.predecessor, last, std::move(published), plan.tail);
}

}  // namespace forelog::log
