// View: what a cursor must know of a log, whether the log is written in this process (LiveView) or
// in another, or in none (DirectoryView).
// Threading: every method from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "forelog/cursor.h"
#include "forelog/lsn.h"
#include "forelog/report.h"
#include "log/survey.h"
#include "segment/segment_file.h"

namespace forelog::log {

// One segment of the chain, as readers see it.
struct Link {
  std::uint64_t number = 0;
  std::uint64_t salt = 0;
  std::string name;
  Lsn first_lsn;
  Lsn next_lsn;  // Behind its last record; Lsn{}: not ended, records are still added.
  std::uint64_t end_offset = 0;  // Of the data, once it has ended.
  bool sealed = false;           // A seal and an index follow the data.

  bool ended() const { return next_lsn != Lsn(); }
};

std::vector<Link> links_of(const Survey& survey);  // The last one not ended.

// Where a record is.
struct Place {
  std::shared_ptr<segment::SegmentFile> segment;  // Null: the record is lost; see `lost`.
  std::uint64_t begin = 0;                        // Offset of a frame at or before it.
  std::uint64_t limit = 0;                        // Frames may be read up to this offset …
  Lsn last;                                       // … and up to this record.
  std::uint64_t generation = 0;                   // Of the log; see format::WatermarkRecord.
  Damage lost;                                    // What is lost, and
  Lsn resume;                                     // the first record behind it.
};

class View {
 public:
  virtual ~View() = default;

  // Where `lsn` is; nullopt when it has not reached `level` yet. With `following`, nothing is shown
  // that a power cut could still take back, even when no one writes the log.
  // Errors: trimmed, corrupt, io_error, not_found.
  virtual Result<std::optional<Place>> locate(Lsn lsn, Durability level, bool following) = 0;

  // The last truncation: its generation, and the record it kept through.
  struct Truncation {
    std::uint64_t generation = 0;
    Lsn kept_through;
  };
  virtual Truncation truncation() = 0;
  // How many truncations there were in this process. Cheap: each record that is handed out asks.
  std::uint64_t truncations() const { return truncations_.load(std::memory_order_acquire); }

  virtual Result<Lsn> first_lsn() = 0;

  // The segment that holds the first record at `time` or later, if any does: the LSN of a record
  // at or before it. nullopt when every record that is readable is older.
  virtual Result<std::optional<Lsn>> seek_time(Timestamp time) = 0;

  // Returns when `lsn` may have reached `level`, when `stop` is requested, or now and then.
  virtual void wait_for(Lsn lsn, Durability level, const std::stop_token& stop) = 0;

  // A tail of this process, from its making to its end.
  void add_tail() { tails_.fetch_add(1, std::memory_order_relaxed); }
  void remove_tail() { tails_.fetch_sub(1, std::memory_order_relaxed); }

 protected:
  std::atomic<std::uint32_t> tails_{0};
  std::atomic<std::uint64_t> truncations_{0};
};

// The link that holds `lsn`, or would; null when it is before the first or lost between two.
const Link* find_link(const std::vector<Link>& links, Lsn lsn);
// `trimmed`, naming the first record that is kept.
Status trimmed_error(Lsn lsn, Lsn first);
// The place of a record that lies between two links, because the segment that held it is lost.
Place lost_place(const std::vector<Link>& links, Lsn lsn);
// Offset of a frame at or before `lsn`; from the seal's index where there is one.
Result<std::uint64_t> seek_in_segment(const segment::SegmentFile& segment, const Link& link,
                                      Lsn lsn);
// LSN of the frame to start from when looking for `time` among `links`.
Result<std::optional<Lsn>> seek_time_in_links(
    const std::vector<Link>& links, std::uint64_t time,
    const std::function<Result<std::shared_ptr<segment::SegmentFile>>(const Link&)>& open);
// Opens a link's file and checks that it is the one meant: `trimmed` or `corrupt` when it is not.
Result<std::shared_ptr<segment::SegmentFile>> open_link(Directory& dir, const Link& link);

// The cursor over a view. `owner` is kept alive with the cursor.
Cursor make_cursor(std::shared_ptr<View> view, ReadOptions options, bool following);

}  // namespace forelog::log
