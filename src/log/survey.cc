#include "log/survey.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>

#include "base/text.h"
#include "base/thread.h"
#include "forelog/try.h"
#include "log/directory_entry.h"
#include "log/tail_scan.h"
#include "segment/segment_name.h"

namespace forelog::log {

using base::concat;
using format::Hole;
using format::SegmentHeader;

namespace {

// A segment file whose header could be read, or why not.
struct Found {
  std::string name;
  std::uint64_t file_bytes = 0;
  std::optional<SegmentHeader> header;
  std::string damage;
  bool foreign = false;  // Its header verifies, and is of another segment or another log.
};

class Surveyor {
 public:
  Surveyor(Directory& dir, const SurveyOptions& options) : dir_(dir), options_(options) {}

  Result<Survey> run() {
    const auto started = base::now();
    FORELOG_TRY(list());
    survey_.watermark = FORELOG_TRY(read_watermark(dir_));
    FORELOG_TRY(read_holes());
    FORELOG_TRY(identify());
    survey_.exists = !found_.empty() || survey_.watermark.has_value();
    if (!found_.empty()) survey_.highest_number = found_.rbegin()->first;
    if (survey_.watermark) {
      survey_.highest_number = std::max(survey_.highest_number, survey_.watermark->segment);
    }
    FORELOG_TRY(link());
    check_last_present();
    FORELOG_TRY(finish());
    survey_.report.duration = base::now() - started;
    return std::move(survey_);
  }

 private:
  Status list() {
    survey_.report.notes = dir_.concerns();
    for (const FileEntry& entry : FORELOG_TRY(dir_.list())) {
      FORELOG_TRY(check_entry(dir_, entry, options_.mode));
      if (entry.kind != FileKind::regular) continue;
      if (const auto number = segment::parse_segment_name(entry.name)) {
        Found found;
        found.name = entry.name;
        found_.emplace(*number, std::move(found));
      } else if (entry.name.ends_with(segment::kTemporarySuffix)) {
        survey_.leftovers.push_back(entry.name);
      }
    }
    return {};
  }

  Status read_holes() {
    auto file = dir_.open(kHolesName, OpenMode::read_only);
    if (!file) return file.error().code() == Code::not_found ? Status() : file.error();
    constexpr std::uint64_t kHolesBytesMax = 64 * MiB;
    const std::uint64_t size = FORELOG_TRY((*file)->size());
    std::vector<std::byte> bytes(static_cast<std::size_t>(std::min(size, kHolesBytesMax)));
    const std::size_t got = FORELOG_TRY((*file)->read_at(0, bytes));
    format::LogId id;
    if (!format::decode_holes(ByteView(bytes.data(), got), id, survey_.holes)) {
      survey_.holes.clear();
      survey_.holes_damaged = true;
      survey_.report.notes.emplace_back("HOLES does not verify and is not believed");
    } else {
      holes_id_ = id;
    }
    return {};
  }

  void choose_log_id() {
    const auto readable =
        std::find_if(found_.begin(), found_.end(), [](auto& f) { return f.second.header; });
    if (survey_.watermark) {
      const bool known = std::any_of(found_.begin(), found_.end(), [&](auto& f) {
        return f.second.header && f.second.header->log_id == survey_.watermark->log_id;
      });
      // Why the watermark file first: it is one, and a foreign segment cannot outvote it; only all
      // of them together can.
      if (known || readable == found_.end()) {
        survey_.log_id = survey_.watermark->log_id;
        return;
      }
      damage(std::string(kWatermarkName), 0, 0,
             format::kWatermarkBlocks * format::kWatermarkBlockBytes, Lsn(), Lsn(),
             concat("belongs to another log, ", format::to_string(survey_.watermark->log_id),
                    ", than every segment here"));
      survey_.watermark.reset();
    }
    if (readable != found_.end()) {
      survey_.log_id = readable->second.header->log_id;
    } else if (holes_id_) {
      survey_.log_id = *holes_id_;
    }
  }

  Status identify() {
    for (auto& [number, found] : found_) {
      segment::OpenedSegment opened =
          FORELOG_TRY(segment::open_segment(dir_, found.name, OpenMode::read_only));
      found.file_bytes = opened.file_bytes;
      if (opened.segment == nullptr) {
        found.damage = std::move(opened.damage);
      } else if (opened.segment->header.number != number) {
        found.damage = concat("holds segment ", opened.segment->header.number, ", not ", number,
                              ": renamed or exchanged");
        found.foreign = true;
      } else {
        found.header = opened.segment->header;
      }
    }
    choose_log_id();
    if (holes_id_ && *holes_id_ != survey_.log_id) {
      survey_.holes.clear();
      survey_.holes_damaged = true;
      survey_.report.notes.emplace_back("HOLES belongs to another log and is not believed");
    }
    for (auto& [number, found] : found_) {
      if (found.header && found.header->log_id != survey_.log_id) {
        found.damage = concat("belongs to another log, ", format::to_string(found.header->log_id));
        found.foreign = true;
        found.header.reset();
      }
    }
    return {};
  }

  std::uint64_t first_segment() const {
    return survey_.watermark ? survey_.watermark->first_segment : 0;
  }

  // What lies before it was dropped on purpose.
  Lsn first_known() const {
    return std::max(Lsn{1}, survey_.watermark ? survey_.watermark->first_lsn : Lsn());
  }

  bool accepted(std::uint64_t segment, std::uint64_t begin) const {
    return std::any_of(survey_.holes.begin(), survey_.holes.end(), [&](const Hole& hole) {
      return hole.segment == segment && hole.begin <= begin && begin < hole.end;
    });
  }

  void damage(std::string file, std::uint64_t segment, std::uint64_t offset, std::uint64_t bytes,
              Lsn first, Lsn last, std::string what) {
    if (first > last) first = last = Lsn();
    survey_.report.damage.push_back(
        {std::move(file), offset, bytes, first, last, std::move(what), accepted(segment, offset)});
  }

  // Follows the predecessors from the last segment that can be read.
  Status link() {
    const auto at = std::find_if(found_.rbegin(), found_.rend(), [&](auto& f) {
      return f.second.header && f.first >= first_segment();
    });
    // Unreadable segments behind the last readable one.
    for (auto it = found_.rbegin(); it != at; ++it) {
      if (it->first < first_segment()) break;
      const bool marked = survey_.watermark && survey_.watermark->segment == it->first;
      damage(it->second.name, it->first, 0, it->second.file_bytes, Lsn(),
             marked ? survey_.watermark->synced : Lsn(), it->second.damage);
    }
    std::uint64_t number = at == found_.rend() ? 0 : at->first;
    while (number != 0) {
      const Found& found = found_.at(number);
      SurveyedSegment link;
      link.name = found.name;
      link.file_bytes = found.file_bytes;
      link.header = *found.header;
      survey_.chain.push_back(std::move(link));
      number = predecessor_of(*found.header);
      if (number != 0) FORELOG_TRY(check_end(found_.at(number)));
    }
    std::reverse(survey_.chain.begin(), survey_.chain.end());
    for (const auto& entry : found_) {
      if (superseded(entry.first) && !entry.second.foreign) {
        survey_.dead.push_back(entry.second.name);
      }
    }
    return {};
  }

  // Whether segment `number` was trimmed, or a successor goes on behind an earlier one than it.
  // Only that makes a segment dead: one that merely cannot be placed is evidence.
  bool superseded(std::uint64_t number) const {
    return number < first_segment() ||
           std::any_of(survey_.chain.begin(), survey_.chain.end(), [&](const auto& link) {
             return link.header.predecessor.number < number && number < link.header.number;
           });
  }

  // The number of the segment to go on with before `header`'s; 0 when the chain starts there.
  std::uint64_t predecessor_of(const SegmentHeader& header) {
    const format::SegmentEnd& before = header.predecessor;
    if (before.number == 0 || before.number < first_segment()) return 0;
    const auto named = found_.find(before.number);
    if (named != found_.end() && named->second.header) {
      if (named->second.header->salt == before.salt) return before.number;
      named->second.damage =
          "is not the file that its successor was written behind: exchanged, "
          "or of an earlier life";
      named->second.header.reset();
    }
    // Trimming goes from the oldest on: where an older segment is left, this one was not trimmed.
    const bool oldest = found_.begin()->first > before.number;
    if (named == found_.end() && !survey_.watermark && oldest) {
      survey_.report.notes.emplace_back(concat("WATERMARK is missing: whether segments before ",
                                               header.number,
                                               " were trimmed or lost cannot be told"));
      return 0;
    }
    // Lost. Go on with what is left before it, so that all of the damage is found at once.
    std::uint64_t number = 0;
    for (const auto& [other, found] : found_) {
      if (other < before.number && other >= first_segment() && found.header) number = other;
    }
    const std::string name = segment::segment_name(before.number);
    const bool missing = named == found_.end();
    damage(name, before.number, 0, before.offset, Lsn(), Lsn(header.first_lsn.value - 1),
           missing ? "segment is missing" : named->second.damage);
    return number;
  }

  // That `found` reaches as far as its successor, the newest link so far, says; and its seal.
  Status check_end(const Found& found) {
    const SurveyedSegment& successor = survey_.chain.back();
    const format::SegmentEnd& end = successor.header.predecessor;
    if (end.number != found.header->number) return {};  // The one between them is lost.
    if (found.file_bytes < end.offset) {
      damage(found.name, end.number, found.file_bytes, end.offset - found.file_bytes, Lsn(),
             Lsn(successor.header.first_lsn.value - 1), "segment was shortened");
    }
    return {};
  }

  // A witness of the last segment that is not a segment.
  void check_last_present() {
    if (!survey_.watermark) return;
    const format::WatermarkRecord& mark = *survey_.watermark;
    const std::uint64_t last = survey_.chain.empty() ? 0 : survey_.chain.back().header.number;
    if (mark.segment > last && found_.find(mark.segment) == found_.end()) {
      damage(segment::segment_name(mark.segment), mark.segment, 0, mark.synced_offset, Lsn(),
             mark.synced, "segment is missing");
    }
    for (const SurveyedSegment& link : survey_.chain) {
      if (link.header.number == mark.segment && link.header.salt != mark.salt) {
        damage(link.name, mark.segment, 0, link.file_bytes, Lsn(), mark.synced,
               "is not the file that WATERMARK names: of an earlier life");
      }
    }
  }

  Status finish() {
    std::vector<SurveyedSegment>& chain = survey_.chain;
    for (std::size_t i = 0; i + 1 < chain.size(); ++i) FORELOG_TRY(end_of(i));
    RecoveryReport& report = survey_.report;
    report.segments = chain.size();
    if (!chain.empty() && !survey_.watermark) {
      report.notes.emplace_back(
          "WATERMARK is missing or does not verify: whether what a torn tail holds had been "
          "acknowledged is not known");
    }
    if (chain.empty()) {
      report.first_lsn = first_known();
    } else {
      report.first_lsn = chain.front().header.first_lsn;
      FORELOG_TRY(scan_tail(dir_, options_, survey_));
    }
    // The last segment is lost: what the watermark file says of it was synced all the same.
    if (survey_.watermark &&
        (chain.empty() || survey_.watermark->segment > chain.back().header.number)) {
      report.proven_synced = std::max(report.proven_synced, survey_.watermark->synced);
    }
    for (Damage& damage : report.damage) name_first_lost(damage);
    const bool rot = std::any_of(report.damage.begin(), report.damage.end(),
                                 [](const Damage& d) { return !d.accepted; });
    if (rot) report.verdict = Verdict::rot;
    return {};
  }

  Status end_of(std::size_t i) {
    SurveyedSegment& link = survey_.chain[i];
    const SegmentHeader& successor = survey_.chain[i + 1].header;
    if (successor.predecessor.number == link.header.number) {
      link.end = successor.predecessor;
      link.end_known = true;
      link.next_lsn = successor.first_lsn;
      if (link.end.sealed) FORELOG_TRY(check_seal(link));
      return {};
    }
    return scan_lost_end(dir_, survey_, link);
  }

  // The seal is a help for readers; without it they scan. So its loss is told, and refuses nothing.
  Status check_seal(SurveyedSegment& link) {
    segment::OpenedSegment opened =
        FORELOG_TRY(segment::open_segment(dir_, link.name, OpenMode::read_only));
    if (opened.segment != nullptr) {
      link.seal = FORELOG_TRY(segment::read_seal(*opened.segment, link.end.offset));
    }
    if (!link.seal) {
      survey_.report.notes.emplace_back(concat(link.name, ": the seal at offset ", link.end.offset,
                                               " does not verify; no record is lost with it"));
    }
    return {};
  }

  // Damage found while linking knows the last record lost, and the first only once the chain is
  // whole: it is the one behind what precedes it.
  void name_first_lost(Damage& damage) const {
    if (damage.first_lsn != Lsn() || damage.last_lsn == Lsn()) return;
    Lsn first = first_known();
    for (const SurveyedSegment& link : survey_.chain) {
      if (link.name == damage.file) first = std::max(first, link.header.first_lsn);
      if (link.name < damage.file) {
        const bool last = &link == &survey_.chain.back();
        first = std::max(first, last ? survey_.tail.next_lsn : link.next_lsn);
      }
    }
    damage.first_lsn = std::min(first, damage.last_lsn);
  }

  Directory& dir_;
  const SurveyOptions& options_;
  std::map<std::uint64_t, Found> found_;
  std::optional<format::LogId> holes_id_;
  Survey survey_;
};

}  // namespace

Result<std::optional<format::WatermarkRecord>> read_watermark(Directory& dir) {
  using Newest = std::optional<format::WatermarkRecord>;
  auto file = dir.open(kWatermarkName, OpenMode::read_only);
  if (!file) {
    if (file.error().code() == Code::not_found) return Newest();
    return file.error();
  }
  Newest newest;
  for (std::uint64_t block = 0; block < format::kWatermarkBlocks; ++block) {
    std::array<std::byte, format::kWatermarkRecordBytes> bytes{};
    format::WatermarkRecord record;
    const std::uint64_t offset = block * format::kWatermarkBlockBytes;
    if (FORELOG_TRY((*file)->read_at(offset, bytes)) == bytes.size() &&
        format::decode_watermark(bytes, record) &&
        (!newest || record.sequence > newest->sequence)) {
      newest = record;
    }
  }
  return newest;
}

Result<Survey> survey(Directory& dir, const SurveyOptions& options) {
  return Surveyor(dir, options).run();
}

Status refusal(const RecoveryReport& report, const std::filesystem::path& dir) {
  const auto first = std::find_if(report.damage.begin(), report.damage.end(),
                                  [](const Damage& damage) { return !damage.accepted; });
  std::string message = concat(dir.string(), ": acknowledged data is damaged: ");
  if (first != report.damage.end()) message += first->to_string();
  const auto more = std::count_if(report.damage.begin(), report.damage.end(),
                                  [](const Damage& damage) { return !damage.accepted; });
  if (more > 1) message += concat(" (and ", more - 1, " more)");
  message +=
      ". Nothing was changed. Look with `forelog verify`; bring the file back from an archive, a "
      "replica or a backup; or, to give up what is lost and keep the rest, `forelog repair "
      "--salvage`";
  return {Code::corrupt, std::move(message)};
}

}  // namespace forelog::log
