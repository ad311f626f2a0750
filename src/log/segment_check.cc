#include "log/segment_check.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "forelog/try.h"
#include "format/record.h"
#include "log/full_scan.h"
#include "log/tail_scan.h"
#include "segment/frame_scanner.h"

namespace forelog::log {

using base::concat;
using segment::FrameScanner;
using segment::ScannedFrame;
using segment::ScanStep;

namespace {

bool is_last(const Survey& survey, const SurveyedSegment& link) {
  return &link == &survey.chain.back();
}

class SegmentCheck {
 public:
  SegmentCheck(Directory& dir, const Survey& survey, const SurveyedSegment& link,
               const SegmentPause& pause, SegmentFindings& found)
      : dir_(dir), survey_(survey), link_(link), pause_(pause), found_(found) {}

  Status run() {
    const SurveyedSegment& link = link_;
    auto opened = segment::open_segment(dir_, link.name, OpenMode::read_only);
    if (!opened) {
      // Trimmed since the survey, by a live writer; a survey without one saw all there is.
      return opened.error().code() == Code::not_found ? Status() : opened.error();
    }
    if (opened->segment == nullptr || opened->segment->header.salt != link.header.salt) return {};
    segment_ = opened->segment.get();
    tail_ = segment::SegmentTail::of_empty(link.header);
    FrameScanner scanner(*segment_->file, segment_->key, format::kSegmentHeaderBytes,
                         std::min(data_end(survey_, link), opened->file_bytes));
    FORELOG_TRY(check_frames(scanner, link));
    if (whole_ && !is_last(survey_, link)) FORELOG_TRY(check_end(link));
    found_.segments = 1;
    return {};
  }

 private:
  Status check_frames(FrameScanner& scanner, const SurveyedSegment& link) {
    while (true) {
      FORELOG_TRY(pause_(found_.bytes));
      ScannedFrame frame;
      const ScanStep step = FORELOG_TRY(scanner.next(frame));
      if (step == ScanStep::unsupported) {
        return {Code::unsupported, concat(link.name, ": the frame at offset ", scanner.offset(),
                                          " needs a newer version of this program")};
      }
      if (step == ScanStep::frame && frame.header.first_lsn == tail_.next_lsn) {
        count(frame);
        continue;
      }
      // What a salvage gave up may be too short for a frame: the end of a file that was cut.
      const bool given_up = scanner.offset() < scanner.limit() &&
                            hole_at(survey_, link.header.number, scanner.offset()) != nullptr;
      if (step == ScanStep::limit && !given_up) return {};
      const char* what = step == ScanStep::frame     ? "frame is out of sequence"
                         : step == ScanStep::damaged ? scanner.reason()
                                                     : "frames are missing";
      if (step == ScanStep::frame) scanner.seek(frame.offset);
      FORELOG_TRY(step_over(scanner, link, what));
    }
  }

  void count(const ScannedFrame& frame) {
    tail_.add(frame.header, frame.header_bytes, frame.offset);
    found_.bytes += frame.end() - frame.offset;
    ++found_.frames;
    if (frame.header.kind != format::FrameKind::data) return;
    index_.add({frame.header.first_lsn, frame.offset, frame.header.time});
    format::RecordReader records(frame.body);
    const std::uint64_t count = records.count();
    if (count != frame.header.record_count || !records.done()) {
      damage({segment_->name, frame.offset, frame.end() - frame.offset, frame.header.first_lsn,
              Lsn(frame.header.next_lsn().value - 1), "records do not add up to the frame's count",
              false});
    }
    found_.records += count;
  }

  // To the next frame that verifies, or the end.
  Status step_over(FrameScanner& scanner, const SurveyedSegment& link, const char* what) {
    whole_ = false;
    const std::uint64_t begin = scanner.offset();
    const Lsn next_there = is_last(survey_, link) ? survey_.tail.next_lsn : link.next_lsn;
    if (const format::Hole* hole = hole_at(survey_, link.header.number, begin)) {
      damage({link.name, begin, hole->end - begin, tail_.next_lsn,
              Lsn(std::max(hole->next_lsn.value, 1ul) - 1), what, true});
      scanner.seek(std::min(hole->end, scanner.limit()));
      tail_.next_lsn = hole->next_lsn;
      return {};
    }
    FORELOG_TRY(scanner.resync());
    const std::uint64_t end = scanner.offset();
    Lsn next = next_there;
    ScannedFrame frame;
    if (FORELOG_TRY(scanner.next(frame)) == ScanStep::frame) next = frame.header.first_lsn;
    scanner.seek(end);
    const bool lost = next > tail_.next_lsn;
    damage({link.name, begin, end - begin, lost ? tail_.next_lsn : Lsn(),
            lost ? Lsn(next.value - 1) : Lsn(), what, false});
    tail_.next_lsn = next;
    return {};
  }

  // What the successor and the seal say of the segment, against what is in it.
  Status check_end(const SurveyedSegment& link) {
    const auto complain = [&](std::uint64_t bytes, std::string what) {
      damage({link.name, link.end.offset, bytes, Lsn(), Lsn(), std::move(what), false});
    };
    if (tail_.next_lsn < link.next_lsn) {
      // A salvage went on behind records that were lost with what followed this segment.
      const bool declared =
          std::any_of(survey_.holes.begin(), survey_.holes.end(), [&](const format::Hole& hole) {
            return hole.first_lsn <= tail_.next_lsn && hole.next_lsn >= link.next_lsn;
          });
      damage({link.name, link.end.offset, 0, tail_.next_lsn, Lsn(link.next_lsn.value - 1),
              "records are missing", declared});
    }
    if (tail_.next_lsn > link.next_lsn || tail_.offset != link.end.offset ||
        tail_.digest != link.end.digest) {
      complain(0, "segment does not end as its successor says");
    }
    if (!link.end.sealed) return {};
    const std::uint64_t seal_bytes = format::frame_bytes(format::kSealBodyBytes);
    const auto seal = FORELOG_TRY(segment::read_seal(*segment_, link.end.offset));
    if (!seal) {
      complain(seal_bytes, "seal does not verify");
      return {};
    }
    if (seal->last_lsn.next() != tail_.next_lsn || seal->digest != tail_.digest ||
        seal->first_lsn != link.header.first_lsn || seal->frame_count != tail_.frame_count) {
      complain(seal_bytes, "seal does not agree with the frames");
    }
    const auto index = FORELOG_TRY(segment::read_index(*segment_, link.end.offset, *seal));
    if (!index || *index != index_.entries()) {
      complain(seal_bytes + seal->index_bytes, "index does not agree with the frames");
    }
    return {};
  }

  void damage(Damage found) { found_.damage.push_back(std::move(found)); }

  Directory& dir_;
  const Survey& survey_;
  const SurveyedSegment& link_;
  const SegmentPause& pause_;
  SegmentFindings& found_;
  const segment::SegmentFile* segment_ = nullptr;
  segment::SegmentTail tail_;
  IndexCheck index_;
  bool whole_ = true;
};

}  // namespace

std::uint64_t data_end(const Survey& survey, const SurveyedSegment& link) {
  return is_last(survey, link) ? survey.tail.offset : link.end.offset;
}

SegmentFindings check_segment(Directory& dir, const Survey& survey, const SurveyedSegment& link,
                              const SegmentPause& pause) {
  SegmentFindings found;
  found.status = SegmentCheck(dir, survey, link, pause, found).run();
  return found;
}

}  // namespace forelog::log
