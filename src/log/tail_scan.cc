#include "log/tail_scan.h"

#include <algorithm>

#include "base/simulation.h"
#include "base/text.h"
#include "forelog/try.h"
#include "segment/frame_scanner.h"

namespace forelog::log {

using base::concat;
using base::makes;
using base::Mistake;
using format::FrameKind;
using segment::FrameScanner;
using segment::ScannedFrame;
using segment::ScanStep;

namespace {

constexpr std::uint64_t kProgressBytes = 16 * MiB;

// A stretch without a valid frame, between frames or behind the last one.
struct Gap {
  std::uint64_t begin = 0, end = 0;
  Lsn first_lsn, next_lsn;  // next_lsn is Lsn{} when no frame follows.
  std::string what;
};

// Goes through one segment from its first frame, over accepted holes, to the first thing that does
// not verify; and behind that, looking for frames that tell what had been synced.
class TailScanner {
 public:
  TailScanner(const Survey& survey, const SurveyOptions& options, segment::SegmentFile& segment,
              std::uint64_t file_bytes)
      : survey_(survey),
        options_(options),
        segment_(segment),
        file_bytes_(file_bytes),
        scanner_(*segment.file, segment.key, format::kSegmentHeaderBytes, file_bytes) {
    tail = segment::SegmentTail::of_empty(segment.header);
    // A segment is published only after all before it was synced.
    proven = Lsn(segment.header.first_lsn.value - 1);
  }

  segment::SegmentTail tail;
  Lsn proven;
  bool sealed = false;
  bool ends_in_hole = false;
  std::uint64_t behind = 0;  // Offset behind the last byte that is not zero; of the tail at least.
  std::vector<Gap> gaps;     // The first begins at the tail's end.

  Status run(bool look_behind) {
    FORELOG_TRY(scan_prefix());
    behind = tail.offset;
    if (sealed || !look_behind) return {};
    return scan_behind();
  }

 private:
  Status scan_prefix() {
    std::uint64_t told = 0;
    while (true) {
      if (options_.stop.stop_requested()) return {Code::cancelled, "stopped while scanning"};
      if (options_.on_progress && scanner_.offset() >= told + kProgressBytes) {
        told = scanner_.offset();
        options_.on_progress({"scan", told, file_bytes_});
      }
      ScannedFrame frame;
      const ScanStep step = FORELOG_TRY(scanner_.next(frame));
      if (step == ScanStep::unsupported) return newer_frame();
      if (step == ScanStep::frame && take(frame)) continue;
      if (sealed) return {};
      if (step != ScanStep::frame) what_ = scanner_.reason();
      if (step == ScanStep::zeros || step == ScanStep::limit) what_ = "frames are missing";
      const format::Hole* hole = hole_at(survey_, segment_.header.number, tail.offset);
      if (hole == nullptr) return {};
      tail.offset = std::min(hole->end, file_bytes_);
      tail.next_lsn = std::max(tail.next_lsn, hole->next_lsn);  // Lsn{} when none was known lost.
      ends_in_hole = true;
      if (hole->end >= file_bytes_) return {};
      scanner_.seek(tail.offset);
    }
  }

  // False when the frame, though it verifies, is not the next one of the log.
  bool take(const ScannedFrame& frame) {
    proven = std::max(proven, frame.header.synced);
    if (frame.header.first_lsn != tail.next_lsn || frame.header.kind == FrameKind::index) {
      what_ = "frame is out of sequence";
      return false;
    }
    if (frame.header.kind == FrameKind::seal) {
      sealed = true;
      return false;
    }
    tail.add(frame.header, frame.header_bytes, frame.offset);
    ends_in_hole = false;
    if (frame.header.kind == FrameKind::data) {
      segment_.index.add({frame.header.first_lsn, frame.offset, frame.header.time});
    }
    return true;
  }

  Status newer_frame() const {
    return {Code::unsupported,
            concat(segment_.name, ": the frame at offset ", scanner_.offset(), ", LSN ",
                   tail.next_lsn.value,
                   ", needs a newer version of this program. Nothing was changed")};
  }

  Status scan_behind() {
    Gap gap{tail.offset, 0, tail.next_lsn, Lsn(), what_};
    scanner_.seek(tail.offset);
    while (true) {
      const FrameScanner::Resync resync = FORELOG_TRY(scanner_.resync());
      if (resync.saw_bytes) behind = std::max(behind, resync.last_byte_end);
      if (!resync.found) break;
      gap.end = scanner_.offset();
      ScannedFrame frame;
      Lsn next;
      while (FORELOG_TRY(scanner_.next(frame)) == ScanStep::frame) {
        if (next == Lsn()) gap.next_lsn = frame.header.first_lsn;
        proven = std::max(proven, frame.header.synced);
        next = frame.header.next_lsn();
        behind = frame.end();
      }
      gaps.push_back(gap);
      gap = Gap{scanner_.offset(), 0, next, Lsn(), scanner_.reason()};
    }
    gap.end = file_bytes_;
    gaps.push_back(gap);
    return {};
  }

  const Survey& survey_;
  const SurveyOptions& options_;
  segment::SegmentFile& segment_;
  const std::uint64_t file_bytes_;
  FrameScanner scanner_;
  std::string what_;
};

// What the WATERMARK file says of the log as it is now: nothing behind an end that a successor
// names, and nothing of segments that are dead.
Lsn watermark_proof(const Survey& survey) {
  if (!survey.watermark) return {};
  for (const SurveyedSegment& link : survey.chain) {
    if (link.header.number != survey.watermark->segment ||
        link.header.salt != survey.watermark->salt) {
      continue;
    }
    const bool last = &link == &survey.chain.back();
    if (last || link.next_lsn == Lsn()) return survey.watermark->synced;
    return std::min(survey.watermark->synced, Lsn(link.next_lsn.value - 1));
  }
  return {};
}

// Of the gaps, those that had been synced are damage. True when there is one.
bool report_damage(Survey& survey, const TailScanner& scan) {
  RecoveryReport& report = survey.report;
  bool any = false;
  if (makes(Mistake::cut_at_rot)) return false;
  for (const Gap& gap : scan.gaps) {
    const bool mistaken = makes(Mistake::call_torn_rot) && gap.next_lsn != Lsn();
    if (gap.first_lsn > report.proven_synced && !mistaken) continue;
    Lsn first = gap.first_lsn;
    Lsn last = gap.next_lsn != Lsn() ? Lsn(gap.next_lsn.value - 1) : report.proven_synced;
    // A frame without records, such as an old close mark: none is lost, but what follows is proven.
    if (last < first && makes(Mistake::pass_over_empty_damage)) continue;
    if (last < first) first = last = Lsn();
    report.damage.push_back(
        {survey.last->name, gap.begin, gap.end - gap.begin, first, last, gap.what, false});
    any = true;
  }
  return any;
}

// A live writer's last segment: its watermarks say what may be read, and the rest is its business.
void trust_watermark(Survey& survey) {
  RecoveryReport& report = survey.report;
  survey.tail = segment::SegmentTail::of_empty(survey.last->header);
  const bool names_last = survey.watermark &&
                          survey.watermark->segment == survey.last->header.number &&
                          survey.watermark->salt == survey.last->header.salt;
  if (names_last) {
    survey.tail.offset = survey.watermark->synced_offset;
    survey.tail.next_lsn = survey.watermark->synced.next();
  }
  report.last_lsn = Lsn(survey.tail.next_lsn.value - 1);
  report.proven_synced = report.last_lsn;
}

}  // namespace

const format::Hole* hole_at(const Survey& survey, std::uint64_t segment, std::uint64_t offset) {
  for (const format::Hole& hole : survey.holes) {
    if (hole.segment == segment && hole.begin <= offset && offset < hole.end) return &hole;
  }
  return nullptr;
}

Status scan_tail(Directory& dir, const SurveyOptions& options, Survey& survey) {
  SurveyedSegment& link = survey.chain.back();
  segment::OpenedSegment opened = FORELOG_TRY(segment::open_segment(dir, link.name, options.mode));
  if (opened.segment == nullptr) {
    return {Code::io_error, concat(link.name, ": changed while it was being read")};
  }
  survey.last = std::move(opened.segment);
  RecoveryReport& report = survey.report;
  if (!options.scan_tail) {
    trust_watermark(survey);
    return {};
  }
  TailScanner scan(survey, options, *survey.last, opened.file_bytes);
  FORELOG_TRY(scan.run(true));
  survey.tail = scan.tail;
  survey.sealed = scan.sealed;
  survey.ends_in_hole = scan.ends_in_hole;
  survey.behind_tail = scan.behind;
  report.proven_synced = std::max(scan.proven, watermark_proof(survey));
  report.last_lsn = Lsn(scan.tail.next_lsn.value - 1);
  report.bytes_scanned = opened.file_bytes;
  report.closed_cleanly = scan.tail.closed && scan.behind == scan.tail.offset;
  if (report_damage(survey, scan)) return {};
  if (scan.behind > scan.tail.offset) {
    report.verdict = Verdict::torn_tail;
    report.torn_file = link.name;
    report.torn_offset = scan.tail.offset;
    report.torn_bytes = scan.behind - scan.tail.offset;
  }
  return {};
}

Status scan_lost_end(Directory& dir, const Survey& survey, SurveyedSegment& link) {
  segment::OpenedSegment opened =
      FORELOG_TRY(segment::open_segment(dir, link.name, OpenMode::read_only));
  if (opened.segment == nullptr) {
    return {Code::io_error, concat(link.name, ": changed while it was being read")};
  }
  const SurveyOptions options;
  TailScanner scan(survey, options, *opened.segment, opened.file_bytes);
  FORELOG_TRY(scan.run(false));
  link.end = {link.header.number, link.header.salt, scan.tail.offset, scan.tail.digest,
              scan.sealed};
  link.end_known = true;
  link.next_lsn = scan.tail.next_lsn;
  return {};
}

}  // namespace forelog::log
