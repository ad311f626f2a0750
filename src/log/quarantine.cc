#include "log/quarantine.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/checksum.h"
#include "base/text.h"
#include "forelog/try.h"
#include "log/survey.h"
#include "segment/segment_name.h"

namespace forelog::log {

namespace {

constexpr std::uint64_t kChunkBytes = 1 * MiB;

std::string hex(std::uint64_t value) {
  // The digits of a segment's name are those of its number.
  return segment::segment_name(value).substr(0, 16);
}

// Calls `use(at, bytes)` for each chunk of the range that the file still has.
template <typename Use>
Status for_each_chunk(const File& file, std::uint64_t offset, std::uint64_t bytes, Use use) {
  std::vector<std::byte> chunk(static_cast<std::size_t>(std::min(bytes, kChunkBytes)));
  for (std::uint64_t at = 0; at < bytes;) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(chunk.size(), bytes - at));
    const std::size_t got = FORELOG_TRY(file.read_at(offset + at, std::span(chunk).first(want)));
    if (got == 0) return {};
    FORELOG_TRY(use(at, ByteView(chunk.data(), got)));
    at += got;
  }
  return {};
}

}  // namespace

Result<std::string> copy_to_quarantine(Directory& dir, const File& file, std::string_view file_name,
                                       std::uint64_t offset, std::uint64_t bytes) {
  std::uint64_t digest = 0;
  FORELOG_TRY(for_each_chunk(file, offset, bytes, [&](std::uint64_t, ByteView chunk) -> Status {
    digest = base::checksum(chunk, digest);
    return {};
  }));
  auto quarantine = FORELOG_TRY(dir.open_directory(kQuarantineName, true));
  const std::string name = base::concat(file_name, "-at-", offset, "-", hex(digest), ".bytes");
  const std::string path = base::concat(kQuarantineName, "/", name);
  if (auto there = quarantine->open(name, OpenMode::read_only)) {
    FORELOG_TRY(quarantine->sync());  // An earlier recovery may have died before it did.
    return path;
  }
  const std::string temporary = base::concat(name, segment::kTemporarySuffix);
  if (Status removed = quarantine->remove(temporary);
      !removed && removed.code() != Code::not_found) {
    return removed;
  }
  auto copy = FORELOG_TRY(quarantine->open(temporary, OpenMode::create_new));
  FORELOG_TRY(for_each_chunk(file, offset, bytes, [&](std::uint64_t at, ByteView chunk) {
    return copy->write_at(at, chunk);
  }));
  FORELOG_TRY(copy->sync_data());
  FORELOG_TRY(quarantine->rename(temporary, name));
  FORELOG_TRY(quarantine->sync());
  return path;
}

}  // namespace forelog::log
