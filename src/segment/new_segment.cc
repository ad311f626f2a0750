#include "segment/new_segment.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/guarded.h"
#include "base/simulation.h"
#include "base/text.h"
#include "forelog/try.h"
#include "segment/segment_name.h"

namespace forelog::segment {

namespace {

// Why so small: the page cache keeps what one call wrote as one folio, and every later write and
// sync of a few bytes inside a large one costs more: 8 % of a synced record for 1 MiB (ext4 on
// Linux 6.18).
constexpr std::size_t kZeroBytes = 4 * KiB;

// Why not all at once: a record that is to be synced meanwhile waits until the device has taken what
// was handed to it before.
constexpr std::uint64_t kZeroBytesPerSync = 1 * MiB;

Status write_zeros(File& file, std::uint64_t bytes, const std::stop_token& stop) {
  const std::vector<std::byte> zeros(
      static_cast<std::size_t>(std::min<std::uint64_t>(kZeroBytes, bytes)));
  for (std::uint64_t at = 0; at < bytes; at += zeros.size()) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(zeros.size(), bytes - at));
    if (stop.stop_requested()) return {Code::cancelled, "stopped while preparing a segment"};
    FORELOG_TRY(file.write_at(at, ByteView(zeros.data(), part)));
    if ((at + part) % kZeroBytesPerSync == 0) FORELOG_TRY(file.sync_data());
  }
  return {};
}

Result<Spare> fill_spare(Directory& dir, const std::string& name, std::uint64_t capacity,
                         Blocks blocks, bool recycle, const std::stop_token& stop) {
  Spare spare;
  spare.name = name;
  spare.capacity = capacity;
  spare.file = FORELOG_TRY(dir.open(name, recycle ? OpenMode::read_write : OpenMode::create_new));
  if (recycle) FORELOG_TRY(spare.file->truncate(capacity));
  FORELOG_TRY(spare.file->allocate(capacity));
  // Why: what an earlier life left in a recycled file must be gone before the file is used, so
  // that what follows a log's end is zeros, or was torn by a crash.
  if (base::makes(base::Mistake::unbound_checksums)) return spare;
  if (recycle || blocks == Blocks::written) {
    FORELOG_TRY(write_zeros(*spare.file, capacity, stop));
    FORELOG_TRY(spare.file->sync_data());
    spare.blocks = Blocks::written;
  }
  return spare;
}

Result<Spare> with_advice(Result<Spare> spare) {
  if (spare || spare.error().code() != Code::no_space) return spare;
  return Status(Code::no_space,
                base::concat(spare.error().message(),
                             "; free some space, drop old records (keep_from, `forelog trim`), or "
                             "use smaller segments (segment_bytes)"));
}

}  // namespace

Result<Spare> make_spare(Directory& dir, const std::string& name, std::uint64_t capacity,
                         Blocks blocks, bool recycle, const std::stop_token& stop) {
  Result<Spare> spare = base::guarded(
      [&] { return with_advice(fill_spare(dir, name, capacity, blocks, recycle, stop)); });
  // A file that could not be filled holds space that the log may need; it has no other use, and
  // the next open removes it if this fails.
  if (!spare) (void)base::guarded([&] { return dir.remove(name); });
  return spare;
}

Result<std::shared_ptr<SegmentFile>> publish_segment(Directory& dir, Spare spare,
                                                     const format::SegmentHeader& header,
                                                     ByteView first_frames) {
  auto segment = std::make_shared<SegmentFile>();
  segment->name = segment_name(header.number);
  segment->header = header;
  segment->key = format::segment_key(header);
  segment->file = std::move(spare.file);
  std::array<std::byte, format::kSegmentHeaderBytes> bytes;
  format::encode_segment_header(header, bytes);
  const std::array<ByteView, 2> parts = {ByteView(std::span<const std::byte>(bytes)), first_frames};
  FORELOG_TRY(segment->file->write_at(0, parts));
  FORELOG_TRY(segment->file->sync_data());
  FORELOG_TRY(dir.rename(spare.name, segment->name));
  if (!base::makes(base::Mistake::skip_birth_directory_sync)) FORELOG_TRY(dir.sync());
  return segment;
}

}  // namespace forelog::segment
