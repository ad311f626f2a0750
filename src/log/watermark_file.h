// WatermarkFile: the writer's side of the WATERMARK file. Implements docs/format.md, "The watermark
// file". Written with plain writes, not through a mapping: a store into a mapped page of a full
// copy-on-write disk, or of a file that someone cut short, would kill the host with SIGBUS.
// Owned by whoever moves the watermarks; nothing here locks.
#pragma once

#include <memory>
#include <string>

#include "forelog/file_system.h"
#include "forelog/status.h"
#include "format/watermark.h"

namespace forelog::log {

class WatermarkFile {
 public:
  // Makes the file when it is missing or too short: all blocks written, synced, the name synced.
  // `last_sequence` is of the newest record in it; 0 when there is none.
  static Result<WatermarkFile> open(Directory& dir, std::uint64_t last_sequence);

  // For readers in other processes, and to reach the disk in the kernel's own time.
  Status publish(format::WatermarkRecord& record);  // Gives it the next sequence number.
  // The same, and ready to be made durable: file().sync_data() does that, and needs no lock.
  // Crash-safe: an older record survives until this one has.
  Status stage(format::WatermarkRecord& record);
  const std::shared_ptr<File>& file() const { return file_; }

 private:
  WatermarkFile(std::shared_ptr<File> file, std::uint64_t sequence, std::uint64_t next_saved)
      : file_(std::move(file)), sequence_(sequence), next_saved_(next_saved) {}
  Status write_block(std::uint64_t block, format::WatermarkRecord& record);

  std::shared_ptr<File> file_;
  std::uint64_t sequence_;
  std::uint64_t next_saved_;  // Block 1 or 2.
};

}  // namespace forelog::log
