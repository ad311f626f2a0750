// Looking at a whole log from outside: shared by inspect, verify and repair.
// Threading: functions without state.
#pragma once

#include <memory>
#include <vector>

#include "forelog/maintain.h"
#include "log/survey.h"

namespace forelog::log {

struct Looked {
  std::unique_ptr<Directory> dir;
  bool writer_alive = false;
  Survey survey;  // Beside a live writer, of what is synced.
};

// Errors: not_found (no log there), io_error, unsupported, cancelled.
Result<Looked> look(const std::filesystem::path& path, const InspectOptions& options);

// Reads every frame of the chain, on several threads; adds what it finds to `report`. The progress
// callback is called from the caller's.
Status full_scan(Directory& dir, const Survey& survey, const InspectOptions& options,
                 VerifyReport& report);

// Builds a segment's index anew, as its writer did, to compare.
class IndexCheck {
 public:
  void clear() { entries_.clear(); }
  void add(const format::IndexEntry& frame) {
    if (entries_.empty() ||
        frame.offset >= entries_.back().offset + segment::LiveIndex::kSpacingBytes) {
      entries_.push_back(frame);
    }
  }
  const std::vector<format::IndexEntry>& entries() const { return entries_; }

 private:
  std::vector<format::IndexEntry> entries_;
};

}  // namespace forelog::log
