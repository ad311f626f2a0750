#include "log/recover.h"

#include <algorithm>
#include <cstring>

#include "base/endian.h"
#include "base/simulation.h"
#include "base/text.h"
#include "base/thread.h"
#include "forelog/try.h"
#include "log/quarantine.h"
#include "segment/new_segment.h"
#include "segment/segment_name.h"

namespace forelog::log {

using base::concat;
using base::makes;
using base::Mistake;

namespace {

constexpr std::uint64_t kRewriteChunkBytes = 1 * MiB;
constexpr int kSalvageRoundsMax = 8;

Status check_options(const Options& options) {
  constexpr std::uint64_t kSegmentBytesMin = 64 * KiB;
  constexpr std::uint64_t kSegmentBytesMax = 4 * GiB;
  constexpr std::uint64_t kRecordBytesMax = 1 * GiB;
  if (options.segment_bytes < kSegmentBytesMin || options.segment_bytes > kSegmentBytesMax) {
    return {Code::invalid_argument, concat("segment_bytes is ", options.segment_bytes,
                                           "; it must "
                                           "be from 64 KiB to 4 GiB")};
  }
  if (options.record_bytes_max > kRecordBytesMax || options.batch_bytes_max > kRecordBytesMax) {
    return {Code::invalid_argument, "record_bytes_max and batch_bytes_max are 1 GiB at most"};
  }
  if (options.group_commit_delay_max.count() < 0 || options.write_behind.count() < 0) {
    return {Code::invalid_argument, "group_commit_delay_max and write_behind must not be negative"};
  }
  return {};
}

class Recovery {
 public:
  Recovery(FileSystem& file_system, const Options& options)
      : file_system_(file_system), options_(options) {}

  Result<Recovered> run(const std::filesystem::path& path) {
    const auto started = base::now();
    FORELOG_TRY(check_options(options_));
    FORELOG_TRY(enter(path));
    FORELOG_TRY(look());
    if (survey_.report.verdict == Verdict::rot && options_.recovery == RecoveryPolicy::salvage) {
      FORELOG_TRY(salvage());
    }
    if (survey_.report.verdict == Verdict::rot) return refusal(survey_.report, dir().path());
    if (!survey_.exists) {
      FORELOG_TRY(create());
    } else {
      FORELOG_TRY(make_durable());
      FORELOG_TRY(settle_end());
    }
    FORELOG_TRY(settle_names());
    RecoveryReport& report = survey_.report;
    report.proven_synced = report.last_lsn;
    report.duration = base::now() - started;
    result_.report = std::move(report);
    return std::move(result_);
  }

 private:
  Directory& dir() { return *result_.dir; }

  Status enter(const std::filesystem::path& path) {
    if (!options_.create_if_missing) {
      auto there = file_system_.open_directory(path, false);
      if (!there) return there.error();
      bool log = false;
      for (const FileEntry& entry : FORELOG_TRY((*there)->list())) {
        log |= segment::parse_segment_name(entry.name) || entry.name == kWatermarkName;
      }
      if (!log) return {Code::not_found, concat(path.string(), ": no log there")};
      result_.dir = *std::move(there);
    } else {
      result_.dir = FORELOG_TRY(file_system_.open_directory(path, true));
    }
    auto lock = dir().lock(kLockName);
    if (!lock) {
      if (lock.error().code() != Code::busy) return lock.error();
      return {Code::busy, concat(path.string(),
                                 ": another writer has this log open; readers "
                                 "(`cat`, `tail`, `info`) work beside it")};
    }
    result_.lock = *std::move(lock);
    return {};
  }

  Status look() {
    SurveyOptions options;
    options.mode = OpenMode::read_write;
    options.on_progress = options_.on_progress;
    auto quarantined = std::move(survey_.report.quarantined);
    survey_ = FORELOG_TRY(survey(dir(), options));
    survey_.report.quarantined = std::move(quarantined);
    return {};
  }

  Status salvage() {
    for (int round = 0; round < kSalvageRoundsMax; ++round) {
      FORELOG_TRY(accept_damage(dir(), survey_, {}, survey_.report.quarantined));
      FORELOG_TRY(look());
      if (survey_.report.verdict != Verdict::rot) return {};
    }
    return {};
  }

  format::SegmentHeader new_header(std::uint64_t number, Lsn first_lsn) {
    format::SegmentHeader header;
    header.log_id = survey_.log_id;
    header.number = number;
    header.salt = file_system_.random();
    header.first_lsn = first_lsn;
    if (!survey_.chain.empty()) header.epoch = survey_.chain.back().header.epoch;
    const auto now = file_system_.now().time_since_epoch().count();
    header.created =
        std::max(result_.last_time, static_cast<std::uint64_t>(std::max<std::int64_t>(now, 1)));
    return header;
  }

  Status create() {
    const std::uint64_t id[2] = {file_system_.random(), file_system_.random()};
    std::memcpy(survey_.log_id.bytes.data(), id, sizeof id);
    survey_.report.created = true;
    FORELOG_TRY(start_segment(new_header(1, Lsn{1})));
    survey_.report.first_lsn = Lsn{1};
    return {};
  }

  Status start_segment(const format::SegmentHeader& header) {
    const std::string name = concat("first-", header.number, segment::kTemporarySuffix);
    if (Status gone = dir().remove(name); !gone && gone.code() != Code::not_found) return gone;
    std::erase(survey_.leftovers, name);
    segment::Spare spare = FORELOG_TRY(
        segment::make_spare(dir(), name, options_.segment_bytes, segment::Blocks::reserved, false));
    result_.capacity = spare.capacity;
    auto segment = FORELOG_TRY(segment::publish_segment(dir(), std::move(spare), header));
    result_.links.push_back(
        {header.number, header.salt, segment->name, header.first_lsn, Lsn(), 0, false});
    result_.active = std::make_unique<segment::SegmentWriter>(
        std::move(segment), segment::SegmentTail::of_empty(header));
    result_.next_number = header.number + 1;
    result_.last_time = header.created;
    return {};
  }

  // Durability: what is about to be kept may be in the page cache only, even after a sync that
  // failed and a process that died of it: the kernel keeps such pages, and calls them clean. So the
  // frames that no witness proves to be on the disk are written once more, byte for byte, and
  // synced, before anyone is told that they are there.
  Status make_durable() {
    if (survey_.chain.empty() || makes(Mistake::trust_cached_tail)) return {};
    segment::SegmentFile& last = *survey_.last;
    const segment::SegmentTail& tail = survey_.tail;
    if (survey_.report.proven_synced.next() >= tail.next_lsn) return {};
    const Lsn first(survey_.report.proven_synced.next());
    std::uint64_t at = last.index.find(first).value_or(format::kSegmentHeaderBytes);
    std::vector<std::byte> chunk(
        static_cast<std::size_t>(std::min(kRewriteChunkBytes, tail.offset - at)));
    while (at < tail.offset) {
      const auto want =
          static_cast<std::size_t>(std::min<std::uint64_t>(chunk.size(), tail.offset - at));
      const std::span<std::byte> part = std::span(chunk).first(want);
      if (FORELOG_TRY(last.file->read_at(at, part)) != want) {
        return {Code::io_error, concat(last.name, ": changed while it was being recovered")};
      }
      FORELOG_TRY(last.file->write_at(at, ByteView(part)));
      at += want;
    }
    return last.file->sync_data();
  }

  // Goes on in the last segment where only zeros follow; else in a new one, whose header names the
  // end of what is kept, so that nothing behind it can come back.
  Status settle_end() {
    RecoveryReport& report = survey_.report;
    // LSNs that a salvage gave up are not given out again.
    const Lsn next = std::max(survey_.tail.next_lsn, report.proven_synced.next());
    report.last_lsn = Lsn(next.value - 1);
    result_.links = links_of(survey_);
    if (survey_.watermark) result_.watermark = *survey_.watermark;
    result_.next_number = survey_.highest_number + 1;
    result_.last_time = last_time();
    const bool torn = report.verdict == Verdict::torn_tail;
    const bool lost_behind = survey_.chain.empty() || survey_.ends_in_hole ||
                             survey_.chain.back().header.number != survey_.highest_number ||
                             next != survey_.tail.next_lsn;
    const bool dead_bytes = torn && !makes(Mistake::write_over_torn_tail);
    if (!dead_bytes && !survey_.sealed && !lost_behind) {
      result_.capacity = survey_.chain.back().file_bytes;
      result_.active = std::make_unique<segment::SegmentWriter>(survey_.last, survey_.tail);
      return {};
    }
    if (torn) FORELOG_TRY(quarantine_tail());
    format::SegmentHeader header = new_header(result_.next_number, next);
    if (!survey_.chain.empty()) {
      const format::SegmentHeader& before = survey_.chain.back().header;
      header.predecessor = {before.number, before.salt, survey_.tail.offset, survey_.tail.digest,
                            false};
      result_.links.back().next_lsn = next;
      result_.links.back().end_offset = survey_.tail.offset;
    }
    FORELOG_TRY(start_segment(header));
    if (torn) {
      // Readers that were shown unsynced records must notice that those are gone.
      ++result_.watermark.generation;
      result_.watermark.kept_through = report.last_lsn;
      // The dead bytes are in quarantine; their space is not needed. Best effort.
      (void)survey_.last->file->truncate(survey_.tail.offset);
    }
    return {};
  }

  Status quarantine_tail() {
    RecoveryReport& report = survey_.report;
    report.quarantined.push_back(FORELOG_TRY(copy_to_quarantine(
        dir(), *survey_.last->file, report.torn_file, report.torn_offset, report.torn_bytes)));
    return {};
  }

  std::uint64_t last_time() const {
    std::uint64_t time = survey_.tail.last_time;
    for (const SurveyedSegment& link : survey_.chain) {
      time = std::max(time, link.header.created);
      if (link.seal) time = std::max(time, link.seal->last_time);
    }
    return time;
  }

  // Durability: an earlier process may have died between making a name and syncing it; what is
  // acknowledged from now on may lie in that file. And nothing is removed on account of a name that
  // a power cut could still take away.
  Status settle_names() {
    if (!makes(Mistake::skip_open_directory_sync)) FORELOG_TRY(dir().sync());
    result_.remains = survey_.leftovers;
    result_.remains.insert(result_.remains.end(), survey_.dead.begin(), survey_.dead.end());
    survey_.report.segments = result_.links.size();
    return {};
  }

  FileSystem& file_system_;
  const Options& options_;
  Survey survey_;
  Recovered result_;
};

}  // namespace

Result<Recovered> recover(FileSystem& file_system, const std::filesystem::path& path,
                          const Options& options) {
  return Recovery(file_system, options).run(path);
}

Status accept_damage(Directory& dir, const Survey& survey, std::vector<Damage> more,
                     std::vector<std::string>& quarantined) {
  std::vector<Damage> damage = survey.report.damage;
  damage.insert(damage.end(), more.begin(), more.end());
  std::vector<format::Hole> holes = survey.holes;
  for (const Damage& each : damage) {
    const auto number = segment::parse_segment_name(each.file);
    if (each.accepted || (!number && each.file != kWatermarkName)) continue;
    if (auto file = dir.open(each.file, OpenMode::read_only)) {
      quarantined.push_back(
          FORELOG_TRY(copy_to_quarantine(dir, **file, each.file, each.offset, each.bytes)));
    } else if (file.error().code() != Code::not_found) {
      return file.error();
    }
    if (!number) {
      // Another log's. A copy is kept; the next open makes a new one.
      FORELOG_TRY(dir.remove(each.file));
      continue;
    }
    const std::uint64_t bytes = std::max<std::uint64_t>(each.bytes, 1);
    const Lsn next = each.last_lsn == Lsn() ? each.first_lsn : each.last_lsn.next();
    holes.push_back({*number, each.offset, each.offset + bytes, each.first_lsn, next});
  }
  const std::string temporary = concat(kHolesName, segment::kTemporarySuffix);
  if (Status gone = dir.remove(temporary); !gone && gone.code() != Code::not_found) return gone;
  auto file = FORELOG_TRY(dir.open(temporary, OpenMode::create_new));
  const std::vector<std::byte> bytes = format::encode_holes(survey.log_id, holes);
  FORELOG_TRY(file->write_at(0, ByteView(std::span<const std::byte>(bytes))));
  FORELOG_TRY(file->sync_data());
  FORELOG_TRY(dir.rename(temporary, kHolesName));
  return dir.sync();
}

}  // namespace forelog::log
