#include "log/view.h"

#include <algorithm>

#include "base/text.h"
#include "forelog/try.h"
#include "segment/frame_scanner.h"

namespace forelog::log {

using base::concat;

std::vector<Link> links_of(const Survey& survey) {
  std::vector<Link> links;
  for (const SurveyedSegment& segment : survey.chain) {
    const bool last = &segment == &survey.chain.back();
    links.push_back({segment.header.number, segment.header.salt, segment.name,
                     segment.header.first_lsn, last ? Lsn() : segment.next_lsn, segment.end.offset,
                     segment.end.sealed});
  }
  return links;
}

const Link* find_link(const std::vector<Link>& links, Lsn lsn) {
  // The last link that starts at or before it: an empty segment shares its first LSN with its
  // successor, which is the one that holds it.
  const auto after =
      std::upper_bound(links.begin(), links.end(), lsn,
                       [](Lsn wanted, const Link& l) { return wanted < l.first_lsn; });
  if (after == links.begin()) return nullptr;
  const Link& link = *std::prev(after);
  return link.ended() && lsn >= link.next_lsn ? nullptr : &link;
}

Status trimmed_error(Lsn lsn, Lsn first) {
  return {Code::trimmed, concat("LSN ", lsn.value, " was trimmed; the first record kept is LSN ",
                                first.value, ": read from there, or from a snapshot or archive")};
}

Place lost_place(const std::vector<Link>& links, Lsn lsn) {
  const auto after =
      std::upper_bound(links.begin(), links.end(), lsn,
                       [](Lsn wanted, const Link& l) { return wanted < l.first_lsn; });
  Place place;
  if (after == links.begin() || after == links.end()) return place;
  place.resume = after->first_lsn;
  place.lost.file = concat("(before ", after->name, ")");
  place.lost.first_lsn = std::prev(after)->next_lsn;
  place.lost.last_lsn = Lsn(after->first_lsn.value - 1);
  place.lost.what = "segment is missing or damaged";
  return place;
}

Result<std::uint64_t> seek_in_segment(const segment::SegmentFile& segment, const Link& link,
                                      Lsn lsn) {
  std::optional<std::uint64_t> offset;
  if (lsn <= link.first_lsn) return format::kSegmentHeaderBytes;
  if (!link.ended()) {
    offset = segment.index.find(lsn);
  } else if (link.sealed) {
    if (const auto seal = FORELOG_TRY(segment::read_seal(segment, link.end_offset))) {
      const auto index = FORELOG_TRY(segment::read_index(segment, link.end_offset, *seal));
      if (index) offset = segment::find_in_index(*index, lsn);
    }
  }
  // Without an index, from the start: slower, and as right.
  return offset.value_or(format::kSegmentHeaderBytes);
}

namespace {

using OpenLink = std::function<Result<std::shared_ptr<segment::SegmentFile>>(const Link&)>;

Result<std::uint64_t> end_of(const Link& link, const segment::SegmentFile& segment) {
  return link.ended() ? Result<std::uint64_t>(link.end_offset) : segment.file->size();
}

// Of the first frame; nothing when that, or the whole segment, is damaged or lost.
Result<std::optional<std::uint64_t>> first_time_of(const Link& link, const OpenLink& open) {
  const auto opened = open(link);
  if (!opened && opened.error().code() == Code::corrupt) return std::optional<std::uint64_t>();
  const auto segment = FORELOG_TRY(opened);
  segment::FrameScanner scanner(*segment->file, segment->key, format::kSegmentHeaderBytes,
                                FORELOG_TRY(end_of(link, *segment)));
  segment::ScannedFrame frame;
  if (FORELOG_TRY(scanner.next(frame)) != segment::ScanStep::frame) {
    return std::optional<std::uint64_t>();
  }
  return std::optional(frame.header.time);
}

// The last link whose first frame is older than `time`; nothing when none is. Times never go back, so
// that few have to be opened; for one that cannot tell, the one before is asked.
Result<const Link*> last_older(const std::vector<Link>& links, std::uint64_t time,
                               const OpenLink& open) {
  const Link* found = nullptr;
  std::size_t low = 0, high = links.size();
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    std::optional<std::uint64_t> first;
    std::size_t asked = middle + 1;
    while (!first && asked > low) first = FORELOG_TRY(first_time_of(links[--asked], open));
    if (first && *first >= time) {
      high = asked;
      continue;
    }
    if (first) found = &links[asked];
    low = middle + 1;
  }
  return found;
}

}  // namespace

Result<std::optional<Lsn>> seek_time_in_links(const std::vector<Link>& links, std::uint64_t time,
                                              const OpenLink& open) {
  if (links.empty()) return std::optional<Lsn>();
  // It may hold the record; those before it do not.
  const Link* const link = FORELOG_TRY(last_older(links, time, open));
  if (link == nullptr) return std::optional(links.front().first_lsn);
  const auto segment = FORELOG_TRY(open(*link));
  std::optional<std::uint64_t> offset;
  if (!link->ended()) {
    offset = segment->index.find_time(time);
  } else if (link->sealed) {
    if (const auto seal = FORELOG_TRY(segment::read_seal(*segment, link->end_offset))) {
      const auto index = FORELOG_TRY(segment::read_index(*segment, link->end_offset, *seal));
      if (index) offset = segment::find_time_in_index(*index, time);
    }
  }
  if (!offset) return std::optional(link->first_lsn);
  segment::FrameScanner scanner(*segment->file, segment->key, *offset,
                                FORELOG_TRY(end_of(*link, *segment)));
  segment::ScannedFrame frame;
  if (FORELOG_TRY(scanner.next(frame)) == segment::ScanStep::frame) {
    return std::optional(frame.header.first_lsn);
  }
  return std::optional(link->first_lsn);
}

Result<std::shared_ptr<segment::SegmentFile>> open_link(Directory& dir, const Link& link) {
  auto opened = segment::open_segment(dir, link.name, OpenMode::read_only);
  if (!opened) {
    if (opened.error().code() != Code::not_found) return opened.error();
    return Status(Code::corrupt, concat(link.name, ": segment with LSN ", link.first_lsn.value,
                                        " is missing; run `forelog verify`"));
  }
  if (opened->segment == nullptr || opened->segment->header.number != link.number ||
      opened->segment->header.salt != link.salt) {
    return Status(Code::corrupt,
                  concat(link.name, ": segment with LSN ", link.first_lsn.value,
                         " is not the one that was here before: ",
                         opened->segment == nullptr ? opened->damage : std::string("exchanged"),
                         "; run `forelog verify`"));
  }
  return std::move(opened->segment);
}

}  // namespace forelog::log
