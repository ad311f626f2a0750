// SegmentSupply: files for the segments to come, prepared ahead of need on a thread of its own, and
// made on the spot when that is late. Implements docs/adr/0006.
// Threading: every method from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/thread.h"
#include "forelog/file_system.h"
#include "segment/new_segment.h"

namespace forelog::log {

inline constexpr std::string_view kSparePrefix = "spare-";  // Of the names that it makes.

class SegmentSupply {
 public:
  // `dir` must outlive it. Without `in_background` every file is made on the spot.
  SegmentSupply(Directory& dir, std::uint64_t segment_bytes, bool in_background);
  ~SegmentSupply();

  // Ends the thread and removes what was prepared. Afterwards nothing but stop() may be called.
  void stop() FORELOG_EXCLUDES(mutex_);

  // A file of at least `capacity` bytes, and of segment_bytes where the disk has them. With
  // `small_will_do` a disk that has not still gives `capacity`. Errors: no_space, io_error.
  Result<segment::Spare> take(std::uint64_t capacity, bool small_will_do = false)
      FORELOG_EXCLUDES(mutex_);

  // Asks for one to be made ready.
  void prepare() FORELOG_EXCLUDES(mutex_);

  // Whether a segment that is dropped now should become a spare: then the caller renames its file
  // to this name, and calls recycled(). nullopt: remove it.
  std::optional<std::string> wants_recycled(std::uint64_t file_bytes) FORELOG_EXCLUDES(mutex_);
  void recycled(std::string name) FORELOG_EXCLUDES(mutex_);

 private:
  void run() FORELOG_EXCLUDES(mutex_);
  std::string new_name() FORELOG_REQUIRES(mutex_);

  Directory& dir_;
  const std::uint64_t segment_bytes_;

  base::Mutex mutex_;
  base::CondVar wanted_;
  bool want_ FORELOG_GUARDED_BY(mutex_) = false;
  std::optional<segment::Spare> ready_ FORELOG_GUARDED_BY(mutex_);
  std::optional<std::string> recycled_ FORELOG_GUARDED_BY(mutex_);
  std::uint64_t names_ FORELOG_GUARDED_BY(mutex_) = 0;
  base::SteadyTime last_taken_ FORELOG_GUARDED_BY(mutex_);
  bool hurried_ FORELOG_GUARDED_BY(mutex_) = false;  // Segments fill faster than zeros are worth.
  std::stop_source stop_;
  base::Thread thread_;
};

}  // namespace forelog::log
