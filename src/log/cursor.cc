// Cursor: walks the frames that a View shows, checks that they follow one another, and hands out
// their records.
#include "forelog/cursor.h"

#include <algorithm>
#include <new>

#include "base/guarded.h"
#include "base/text.h"
#include "forelog/options.h"
#include "forelog/try.h"
#include "format/record.h"
#include "log/view.h"
#include "segment/frame_scanner.h"

namespace forelog {

using base::concat;
using segment::ScanStep;

struct Cursor::Impl {
  Impl(std::shared_ptr<log::View> v, ReadOptions o, bool f)
      : view(std::move(v)), options(std::move(o)), following(f), position(options.from) {
    if (following) view->add_tail();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    if (following) view->remove_tail();
  }

  std::shared_ptr<log::View> view;
  const ReadOptions options;
  const bool following;
  Lsn position;  // Of the next record to hand out; Lsn{} until the first next().

  format::RecordReader records;  // What is left of the frame at hand …
  Lsn record_lsn;                // … its first record's LSN …
  Timestamp frame_time;          // … and time.

  std::optional<log::Place> place;
  std::optional<segment::FrameScanner> scanner;
  std::uint64_t generation = 0;
  std::uint64_t truncations = 0;  // Of the view, that were looked at.
  bool started = false;
  std::vector<Damage> holes;

  [[gnu::noinline]] Status note_truncation() {
    truncations = view->truncations();
    return started ? check_generation() : Status();
  }

  // Inlined into its one caller: a call costs a twelfth of a record.
  [[gnu::always_inline]] Result<std::optional<Entry>> next() {
    // Frames that are at hand, or below a limit learned earlier, may have been dropped meanwhile.
    if (view->truncations() != truncations) [[unlikely]]
      FORELOG_TRY(note_truncation());
    while (true) {
      Entry entry;
      if (record_lsn >= position && records.next(entry.payload)) [[likely]] {
        if (options.to && position > *options.to) return std::optional<Entry>();
        entry.lsn = position;
        entry.time = frame_time;
        position = position.next();
        record_lsn = position;
        return std::optional<Entry>(entry);
      }
      if (!FORELOG_TRY(next_frame())) return std::optional<Entry>();
    }
  }

  // Brings a frame with the record at `position`. False at the end.
  Result<bool> next_frame() {
    if (!started) FORELOG_TRY(start());
    while (true) {
      if (options.to && position > *options.to) return false;
      if (following && options.stop.stop_requested()) return false;
      if (scanner && scanner->offset() < scanner->limit()) {
        const std::optional<bool> more = FORELOG_TRY(scan());
        if (more) return *more;
        continue;
      }
      if (FORELOG_TRY(enter())) continue;
      if (!following) return false;
      view->wait_for(position, options.at_least, options.stop);
    }
  }

  Status start() {
    generation = view->truncation().generation;
    if (position == Lsn()) position = FORELOG_TRY(view->first_lsn());
    started = true;
    return {};
  }

  // A truncation since the last look gave LSNs back: did it take what we stand behind?
  Status check_generation() {
    const log::View::Truncation now = view->truncation();
    if (now.generation == generation) return {};
    const bool several = now.generation != generation + 1;
    place.reset();
    scanner.reset();
    records = {};
    if (several && position <= now.kept_through.next()) {
      return {Code::not_found,
              concat("keep_through dropped records more than once since LSN ", position.value - 1,
                     " was read, and perhaps that: read anew from LSN ",
                     now.kept_through.next().value, " on")};
    }
    if (position > now.kept_through.next()) {
      return {Code::not_found,
              concat("LSN ", position.value - 1, " was dropped, as all behind LSN ",
                     now.kept_through.value, " was (keep_through): read anew from LSN ",
                     now.kept_through.next().value, " on")};
    }
    generation = now.generation;
    return {};
  }

  // Finds the segment with `position`, or learns how far it may be read now. False: not there yet.
  Result<bool> enter() {
    FORELOG_TRY(check_generation());
    std::optional<log::Place> found =
        FORELOG_TRY(view->locate(position, options.at_least, following));
    if (!found) return false;
    if (found->segment == nullptr) {
      FORELOG_TRY(step_over(found->lost, found->resume));
      return true;
    }
    if (found->generation != generation) return true;  // Truncated just now: look again.
    const bool same = place && scanner &&
                      place->segment->header.salt == found->segment->header.salt &&
                      place->segment->header.number == found->segment->header.number;
    if (same) {
      place->limit = found->limit;
      place->last = found->last;
      scanner->set_limit(found->limit);
      // The view says that the record is there, and below the limit there is nothing left: lost.
      if (scanner->offset() >= scanner->limit()) return FORELOG_TRY(damaged("frames are missing"));
      return true;
    }
    place = std::move(found);
    scanner.emplace(*place->segment->file, place->segment->key, place->begin, place->limit);
    return true;
  }

  // One frame: true when it has the record, nullopt to go on.
  Result<std::optional<bool>> scan() {
    segment::ScannedFrame frame;
    const ScanStep step = FORELOG_TRY(scanner->next(frame));
    if (step == ScanStep::unsupported) {
      return Status(Code::unsupported,
                    concat(place->segment->name, ": the frame at offset ", scanner->offset(),
                           " needs a newer version of this program"));
    }
    if (step != ScanStep::frame) {
      FORELOG_TRY(damaged(step == ScanStep::damaged ? scanner->reason() : "frames are missing"));
      return std::optional<bool>();
    }
    if (frame.header.kind != format::FrameKind::data || frame.header.next_lsn() <= position) {
      return std::optional<bool>();
    }
    if (frame.header.first_lsn > place->last) {
      scanner->seek(frame.offset);
      scanner->set_limit(frame.offset);  // Until the view shows more.
      return std::optional<bool>();
    }
    if (frame.header.first_lsn > position) {
      scanner->seek(frame.offset);
      Damage lost{
          place->segment->name,  frame.offset, 0, position, Lsn(frame.header.first_lsn.value - 1),
          "records are missing", false};
      FORELOG_TRY(step_over(lost, frame.header.first_lsn));
      return std::optional<bool>();
    }
    return std::optional<bool>(FORELOG_TRY(load(frame)));
  }

  Result<bool> load(const segment::ScannedFrame& frame) {
    records = format::RecordReader(frame.body);
    frame_time = Timestamp(std::chrono::nanoseconds(frame.header.time));
    record_lsn = frame.header.first_lsn;
    ByteView skipped;
    while (record_lsn < position) {
      if (!records.next(skipped)) {
        return Status(Code::corrupt,
                      concat(place->segment->name, ": the frame at offset ", frame.offset,
                             " holds fewer records than it says; run `forelog verify`"));
      }
      record_lsn = record_lsn.next();
    }
    return true;
  }

  // What the scanner stands at does not verify. True when there is something to go on with.
  Result<bool> damaged(const char* reason) {
    const log::Place before = *place;
    const std::uint64_t offset = scanner->offset();
    place.reset();
    scanner.reset();
    records = {};
    // Why: the file may have been trimmed and used anew, or the log truncated, while it was read.
    FORELOG_TRY(check_generation());
    const auto now = FORELOG_TRY(view->locate(position, options.at_least, following));
    if (!now) return true;
    if (now->segment == nullptr || now->generation != generation ||
        now->segment->header.salt != before.segment->header.salt) {
      return true;
    }
    segment::FrameScanner behind(*now->segment->file, now->segment->key, offset, now->limit);
    segment::ScannedFrame frame;
    if (FORELOG_TRY(behind.next(frame)) == ScanStep::frame) return true;  // It was a race.
    behind.seek(offset);
    const auto resync = FORELOG_TRY(behind.resync());
    Damage lost{
        before.segment->name, offset, behind.offset() - offset, position, now->last, reason, false};
    Lsn resume = now->last.next();
    bool none_wanted = false;  // The damage took only records before the one that is asked for.
    if (resync.found && FORELOG_TRY(behind.next(frame)) == ScanStep::frame) {
      resume = std::max(position, frame.header.first_lsn);
      lost.last_lsn = Lsn(resume.value - 1);
      none_wanted = frame.header.first_lsn <= position;
    }
    if (!none_wanted) FORELOG_TRY(step_over(lost, resume));
    place = now;
    scanner.emplace(*place->segment->file, place->segment->key, offset + lost.bytes, place->limit);
    return true;
  }

  Status step_over(Damage lost, Lsn resume) {
    if (!options.skip_holes || resume == Lsn()) {
      return {Code::corrupt, concat(lost.to_string(),
                                    ". What lies before it was read; run `forelog verify`, and "
                                    "bring the file back from an archive, a replica or a backup")};
    }
    holes.push_back(std::move(lost));
    position = resume;
    return {};
  }
};

Cursor::Cursor(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Cursor::Cursor(Cursor&&) noexcept = default;
Cursor& Cursor::operator=(Cursor&&) noexcept = default;
Cursor::~Cursor() = default;

// Without memory for what it is made of, a cursor has nothing, and next() says so.
Result<std::optional<Entry>> Cursor::next() {
  if (impl_ == nullptr) return Status::out_of_memory();
  return base::guarded([&] { return impl_->next(); });
}
Lsn Cursor::position() const noexcept { return impl_ != nullptr ? impl_->position : Lsn(); }
const std::vector<Damage>& Cursor::holes() const noexcept {
  static const std::vector<Damage> kNone;
  if (impl_ == nullptr) return kNone;
  return impl_->holes;
}

Cursor log::make_cursor(std::shared_ptr<View> view, ReadOptions options, bool following) {
  return Cursor(std::unique_ptr<Cursor::Impl>(
      new (std::nothrow) Cursor::Impl(std::move(view), std::move(options), following)));
}

}  // namespace forelog
