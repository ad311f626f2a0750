// verify: reads every byte that a log promises, and checks all that can be checked.
// Implements docs/recovery.md, "Verify".
#include <algorithm>
#include <chrono>

#include "base/guarded.h"
#include "base/text.h"
#include "base/thread.h"
#include "forelog/maintain.h"
#include "forelog/try.h"
#include "format/record.h"
#include "log/full_scan.h"
#include "log/tail_scan.h"
#include "segment/frame_scanner.h"
#include "segment/segment_name.h"

namespace forelog {

using base::concat;
using segment::FrameScanner;
using segment::ScannedFrame;
using segment::ScanStep;

namespace log {

namespace {

// Between two calls of the progress callback.
constexpr std::chrono::milliseconds kProgressPeriod{100};

class FullScan {
 public:
  FullScan(Directory& dir, const Survey& survey, const InspectOptions& options,
           VerifyReport& report)
      : dir_(dir), survey_(survey), options_(options), report_(report) {}

  Status run() {
    for (const SurveyedSegment& link : survey_.chain) total_ += end_of(link);
    for (const SurveyedSegment& link : survey_.chain) FORELOG_TRY(check(link));
    return tell(true);
  }

 private:
  bool is_last(const SurveyedSegment& link) const { return &link == &survey_.chain.back(); }
  std::uint64_t end_of(const SurveyedSegment& link) const {
    return is_last(link) ? survey_.tail.offset : link.end.offset;
  }

  Status check(const SurveyedSegment& link) {
    auto opened = segment::open_segment(dir_, link.name, OpenMode::read_only);
    if (!opened) {
      // Trimmed since the survey, by a live writer; a survey without one saw all there is.
      return opened.error().code() == Code::not_found ? Status() : opened.error();
    }
    if (opened->segment == nullptr || opened->segment->header.salt != link.header.salt) return {};
    segment_ = opened->segment.get();
    tail_ = segment::SegmentTail::of_empty(link.header);
    index_.clear();
    whole_ = true;
    FrameScanner scanner(*segment_->file, segment_->key, format::kSegmentHeaderBytes,
                         std::min(end_of(link), opened->file_bytes));
    FORELOG_TRY(check_frames(scanner, link));
    if (whole_ && !is_last(link)) FORELOG_TRY(check_end(link));
    ++report_.segments;
    return {};
  }

  Status check_frames(FrameScanner& scanner, const SurveyedSegment& link) {
    while (true) {
      if (options_.stop.stop_requested()) return {Code::cancelled, "verify was stopped"};
      ScannedFrame frame;
      const ScanStep step = FORELOG_TRY(scanner.next(frame));
      if (step == ScanStep::unsupported) {
        return {Code::unsupported, concat(link.name, ": the frame at offset ", scanner.offset(),
                                          " needs a newer version of this program")};
      }
      if (step == ScanStep::frame && frame.header.first_lsn == tail_.next_lsn) {
        count(frame);
        FORELOG_TRY(tell(false));
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
    report_.bytes += frame.end() - frame.offset;
    ++report_.frames;
    if (frame.header.kind != format::FrameKind::data) return;
    index_.add({frame.header.first_lsn, frame.offset, frame.header.time});
    format::RecordReader records(frame.body);
    const std::uint64_t found = records.count();
    if (found != frame.header.record_count || !records.done()) {
      damage({segment_->name, frame.offset, frame.end() - frame.offset, frame.header.first_lsn,
              Lsn(frame.header.next_lsn().value - 1), "records do not add up to the frame's count",
              false});
    }
    report_.records += found;
  }

  // To the next frame that verifies, or the end.
  Status step_over(FrameScanner& scanner, const SurveyedSegment& link, const char* what) {
    whole_ = false;
    const std::uint64_t begin = scanner.offset();
    const Lsn next_there = is_last(link) ? survey_.tail.next_lsn : link.next_lsn;
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

  void damage(Damage found) {
    if (hole_at(survey_, segment::parse_segment_name(found.file).value_or(0), found.offset)) {
      found.accepted = true;
    }
    std::vector<Damage>& all = report_.recovery.damage;
    const bool known = std::any_of(all.begin(), all.end(), [&](const Damage& d) {
      return d.file == found.file && d.offset == found.offset;
    });
    if (!found.accepted) report_.recovery.verdict = Verdict::rot;
    if (!known) all.push_back(std::move(found));
  }

  Status tell(bool last) {
    if (!options_.on_progress) return {};
    const auto now = base::now();
    if (!last && now - told_ < kProgressPeriod) return {};
    told_ = now;
    options_.on_progress({"verify", report_.bytes, total_});
    return {};
  }

  Directory& dir_;
  const Survey& survey_;
  const InspectOptions& options_;
  VerifyReport& report_;
  std::uint64_t total_ = 0;
  std::chrono::steady_clock::time_point told_{};
  // Of the segment at hand.
  const segment::SegmentFile* segment_ = nullptr;
  segment::SegmentTail tail_;
  IndexCheck index_;
  bool whole_ = true;
};

}  // namespace

Status full_scan(Directory& dir, const Survey& survey, const InspectOptions& options,
                 VerifyReport& report) {
  return FullScan(dir, survey, options, report).run();
}

}  // namespace log

Result<VerifyReport> verify(const std::filesystem::path& dir, const InspectOptions& options) {
  return base::guarded([&]() -> Result<VerifyReport> {
    const auto started = base::now();
    log::Looked looked = FORELOG_TRY(log::look(dir, options));
    VerifyReport report;
    report.recovery = looked.survey.report;
    FORELOG_TRY(log::full_scan(*looked.dir, looked.survey, options, report));
    report.duration = base::now() - started;
    return report;
  });
}

}  // namespace forelog
