// Recovery for writing: takes the lock, surveys, and does what the verdict asks for.
// Implements docs/recovery.md, "What open does". Every step may be cut short by a crash and is then
// done again; nothing is removed before what replaces it is durable.
// Threading: none of its own.
#pragma once

#include <memory>
#include <vector>

#include "forelog/options.h"
#include "log/live_view.h"
#include "log/survey.h"
#include "segment/segment_writer.h"

namespace forelog::log {

struct Recovered {
  std::unique_ptr<Directory> dir;
  std::unique_ptr<DirectoryLock> lock;
  RecoveryReport report;
  std::vector<Link> links;
  std::unique_ptr<segment::SegmentWriter> active;  // All of it synced.
  std::uint64_t capacity = 0;                      // Of its file.
  std::uint64_t last_time = 0;
  std::uint64_t next_number = 0;
  std::vector<std::string> remains;  // Dead segments and temporary files, for a Remover.
  format::WatermarkRecord
      watermark;  // What carries over of it: generation, kept_through, sequence.
};

Result<Recovered> recover(FileSystem& file_system, const std::filesystem::path& path,
                          const Options& options);

// Declares the damage in `survey` lost, after copying it; part of salvage. `more` is damage that
// only a full reading finds.
Status accept_damage(Directory& dir, const Survey& survey, std::vector<Damage> more,
                     std::vector<std::string>& quarantined);

}  // namespace forelog::log
