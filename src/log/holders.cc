#include "log/holders.h"

#include <algorithm>
#include <array>

#include "base/checksum.h"
#include "base/endian.h"
#include "base/text.h"
#include "forelog/try.h"
#include "log/survey.h"
#include "segment/segment_name.h"

namespace forelog::log {

using base::concat;
using base::load_le;
using base::store_le;

namespace {

constexpr std::uint64_t kMagic = 0x31444c4f48524f46;  // "FORHOLD1" in the file.
constexpr std::size_t kFileBytes = 32;
constexpr std::size_t kCovered = kFileBytes - 8;
constexpr std::size_t kNameBytesMax = 64;

}  // namespace

Status check_holder_name(std::string_view name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  if (name.empty() || name.size() > kNameBytesMax || !plain || name.front() == '.' ||
      name.ends_with(segment::kTemporarySuffix)) {
    return {Code::invalid_argument,
            "a holder's name has 1 to 64 of [A-Za-z0-9._-], does not start with '.', and does not "
            "end in .tmp"};
  }
  return {};
}

Status put_holder(Directory& dir, const Holder& holder) {
  auto holders = FORELOG_TRY(dir.open_directory(kHoldersName, true));
  std::array<std::byte, kFileBytes> bytes;
  store_le<std::uint64_t>(bytes.data(), kMagic);
  store_le<std::uint64_t>(bytes.data() + 8, holder.keep_from.value);
  store_le<std::uint64_t>(bytes.data() + 16, holder.bytes_max);
  store_le<std::uint64_t>(bytes.data() + kCovered,
                          base::checksum(std::span(bytes).first<kCovered>(), 0));
  const std::string temporary = concat(holder.name, segment::kTemporarySuffix);
  if (Status removed = holders->remove(temporary); !removed && removed.code() != Code::not_found) {
    return removed;
  }
  auto file = FORELOG_TRY(holders->open(temporary, OpenMode::create_new));
  FORELOG_TRY(file->write_at(0, ByteView(std::span<const std::byte>(bytes))));
  FORELOG_TRY(file->sync_data());
  FORELOG_TRY(holders->rename(temporary, holder.name));
  return holders->sync();
}

Status remove_holder(Directory& dir, std::string_view name) {
  auto holders = FORELOG_TRY(dir.open_directory(kHoldersName, true));
  FORELOG_TRY(holders->remove(name));
  return holders->sync();
}

Result<std::vector<Holder>> read_holders(Directory& dir) {
  std::vector<Holder> found;
  auto holders = dir.open_directory(kHoldersName, false);
  if (!holders) {
    if (holders.error().code() == Code::not_found) return found;
    return holders.error();
  }
  for (const FileEntry& entry : FORELOG_TRY((*holders)->list())) {
    if (!check_holder_name(entry.name).ok()) continue;
    auto file = FORELOG_TRY((*holders)->open(entry.name, OpenMode::read_only));
    std::array<std::byte, kFileBytes> bytes{};
    const std::size_t size = FORELOG_TRY(file->read_at(0, bytes));
    if (size != kFileBytes || load_le<std::uint64_t>(bytes.data()) != kMagic ||
        load_le<std::uint64_t>(bytes.data() + kCovered) !=
            base::checksum(std::span(bytes).first<kCovered>(), 0)) {
      return Status(Code::corrupt,
                    concat(kHoldersName, "/", entry.name,
                           ": the holder does not verify; set it anew, or remove it"));
    }
    Holder holder;
    holder.name = entry.name;
    holder.keep_from = Lsn(load_le<std::uint64_t>(bytes.data() + 8));
    holder.bytes_max = load_le<std::uint64_t>(bytes.data() + 16);
    found.push_back(std::move(holder));
  }
  return found;
}

void mark_overrun(std::vector<Holder>& holders, const std::vector<HeldSegment>& segments) {
  for (Holder& holder : holders) {
    std::uint64_t held = 0;
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const bool last = i + 1 == segments.size();
      if (last || segments[i + 1].first_lsn > holder.keep_from) held += segments[i].bytes;
    }
    holder.overrun = holder.bytes_max != 0 && held > holder.bytes_max;
  }
}

}  // namespace forelog::log
