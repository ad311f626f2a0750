// inspect and repair; see maintain.h.
#include "forelog/maintain.h"

#include <algorithm>

#include "base/guarded.h"
#include "base/text.h"
#include "forelog/options.h"
#include "forelog/try.h"
#include "log/full_scan.h"
#include "log/holders.h"
#include "log/recover.h"
#include "log/watermark_file.h"
#include "segment/segment_name.h"

namespace forelog {

using base::concat;

namespace log {

namespace {

// Beside a writer the directory may move on between two looks.
constexpr int kLooksMax = 20;

FileSystem& file_system_of(FileSystem* chosen) {
  return chosen != nullptr ? *chosen : posix_file_system();
}

bool moved(const std::optional<format::WatermarkRecord>& a,
           const std::optional<format::WatermarkRecord>& b) {
  if (!a || !b) return a.has_value() != b.has_value();
  return a->segment != b->segment || a->first_segment != b->first_segment ||
         a->generation != b->generation;
}

}  // namespace

Result<Looked> look(const std::filesystem::path& path, const InspectOptions& options) {
  Looked looked;
  looked.dir = FORELOG_TRY(file_system_of(options.file_system).open_directory(path, false));
  SurveyOptions how;
  how.on_progress = options.on_progress;
  how.stop = options.stop;
  for (int turn = 0; turn < kLooksMax; ++turn) {
    looked.writer_alive = FORELOG_TRY(looked.dir->locked(kLockName));
    how.scan_tail = !looked.writer_alive;
    // From before the survey: a segment may have come between its list and its watermark.
    const auto before = FORELOG_TRY(read_watermark(*looked.dir));
    Result<Survey> found = survey(*looked.dir, how);
    const bool trimmed = !found && found.error().code() == Code::not_found;
    const bool again = looked.writer_alive && turn + 1 < kLooksMax;
    if (trimmed && again) continue;
    looked.survey = FORELOG_TRY(std::move(found));
    if (!looked.writer_alive || !moved(before, FORELOG_TRY(read_watermark(*looked.dir)))) break;
  }
  if (!looked.survey.exists) {
    return Status(Code::not_found, concat(path.string(), ": no log there"));
  }
  return looked;
}

}  // namespace log

namespace {

Timestamp to_timestamp(std::uint64_t nanoseconds) {
  return Timestamp(std::chrono::nanoseconds(static_cast<std::int64_t>(nanoseconds)));
}

SegmentInfo describe(const log::SurveyedSegment& link, const log::Survey& survey) {
  const bool last = &link == &survey.chain.back();
  SegmentInfo info;
  info.number = link.header.number;
  info.file = link.name;
  info.salt = link.header.salt;
  info.previous = link.header.predecessor.number;
  info.previous_salt = link.header.predecessor.salt;
  info.epoch = link.header.epoch;
  info.state = link.state(last);
  info.first_lsn = link.header.first_lsn;
  info.last_lsn = last ? survey.report.last_lsn : Lsn(link.next_lsn.value - 1);
  info.file_bytes = link.file_bytes;
  info.data_bytes = last ? survey.tail.offset : link.end.offset;
  if (last) {
    info.first_time = to_timestamp(survey.tail.first_time);
    info.last_time = to_timestamp(survey.tail.last_time);
  } else if (link.seal) {
    info.first_time = to_timestamp(link.seal->first_time);
    info.last_time = to_timestamp(link.seal->last_time);
  }
  return info;
}

Result<LogInfo> inspect_log(const std::filesystem::path& dir, const InspectOptions& options) {
  log::Looked looked = FORELOG_TRY(log::look(dir, options));
  const log::Survey& survey = looked.survey;
  LogInfo info;
  info.log_id = format::to_string(survey.log_id);
  info.format_version = format::kFormatVersion;
  info.writer_alive = looked.writer_alive;
  if (!survey.chain.empty()) info.epoch = survey.chain.back().header.epoch;
  info.first_lsn = survey.report.first_lsn;
  info.last_lsn = survey.report.last_lsn;
  info.watermarks = {info.last_lsn, info.last_lsn, info.last_lsn};
  if (looked.writer_alive && survey.watermark) {
    info.watermarks = {survey.watermark->written, survey.watermark->written,
                       survey.watermark->synced};
  }
  std::vector<log::HeldSegment> held;
  for (const log::SurveyedSegment& link : survey.chain) {
    info.segments.push_back(describe(link, survey));
    held.push_back({info.segments.back().first_lsn, info.segments.back().data_bytes});
  }
  info.holders = FORELOG_TRY(log::read_holders(*looked.dir));
  log::mark_overrun(info.holders, held);
  info.recovery = survey.report;
  for (const format::Hole& hole : survey.holes) {
    const Lsn last(hole.next_lsn > hole.first_lsn ? hole.next_lsn.value - 1 : 0);
    info.recovery.damage.push_back({segment::segment_name(hole.segment), hole.begin,
                                    hole.end - hole.begin, last == Lsn() ? Lsn() : hole.first_lsn,
                                    last, "not readable", true});
  }
  return info;
}

// A salvage that reads everything first, so that what it declares lost is all there is.
Status salvage_everything(const std::filesystem::path& dir, const RepairOptions& options,
                          std::vector<std::string>& quarantined) {
  InspectOptions look_options;
  look_options.file_system = options.file_system;
  look_options.on_progress = options.on_progress;
  constexpr int kRoundsMax = 8;
  for (int round = 0; round < kRoundsMax; ++round) {
    log::Looked looked = FORELOG_TRY(log::look(dir, look_options));
    VerifyReport report;
    report.recovery = looked.survey.report;
    FORELOG_TRY(log::full_scan(*looked.dir, looked.survey, look_options, report));
    if (report.recovery.verdict != Verdict::rot) return {};
    std::vector<Damage> more(report.recovery.damage.begin() +
                                 static_cast<std::ptrdiff_t>(looked.survey.report.damage.size()),
                             report.recovery.damage.end());
    FORELOG_TRY(log::accept_damage(*looked.dir, looked.survey, std::move(more), quarantined));
  }
  return {};
}

Result<RecoveryReport> repair_log(const std::filesystem::path& dir, const RepairOptions& options) {
  InspectOptions look_options;
  look_options.file_system = options.file_system;
  look_options.on_progress = options.on_progress;
  log::Looked looked = FORELOG_TRY(log::look(dir, look_options));
  if (looked.writer_alive) {
    return Status(Code::busy, concat(dir.string(), ": a writer has this log open; stop it first"));
  }
  VerifyReport report;
  report.recovery = looked.survey.report;
  FORELOG_TRY(log::full_scan(*looked.dir, looked.survey, look_options, report));
  const bool rot = report.recovery.verdict == Verdict::rot;
  if (options.dry_run) return report.recovery;
  if (rot && !options.salvage) return log::refusal(report.recovery, dir);

  Options open;
  open.create_if_missing = false;
  open.preallocate = false;
  open.recovery = options.salvage ? RecoveryPolicy::salvage : RecoveryPolicy::strict;
  open.file_system = options.file_system;
  std::vector<std::string> quarantined;
  if (rot) {
    // Why before the writer's lock: it is taken and given up by the open below, and a writer that
    // comes between finds rot, and refuses.
    FORELOG_TRY(salvage_everything(dir, options, quarantined));
  }
  Log log = FORELOG_TRY(Log::open(dir, std::move(open)));
  RecoveryReport done = log.recovery();
  FORELOG_TRY(log.close());
  if (rot) done.verdict = Verdict::rot;
  for (const Damage& damage : report.recovery.damage) {
    const bool told = std::any_of(done.damage.begin(), done.damage.end(), [&](const Damage& d) {
      return d.file == damage.file && d.offset == damage.offset;
    });
    if (!told) done.damage.push_back(damage);
  }
  done.quarantined.insert(done.quarantined.begin(), quarantined.begin(), quarantined.end());
  return done;
}

}  // namespace

Result<LogInfo> inspect(const std::filesystem::path& dir, const InspectOptions& options) {
  return base::guarded([&] { return inspect_log(dir, options); });
}

Result<RecoveryReport> repair(const std::filesystem::path& dir, const RepairOptions& options) {
  return base::guarded([&] { return repair_log(dir, options); });
}

}  // namespace forelog
