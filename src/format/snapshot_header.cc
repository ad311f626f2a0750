#include "format/snapshot_header.h"

#include <algorithm>
#include <cstring>

#include "base/checksum.h"
#include "base/endian.h"
#include "format/frame.h"

namespace forelog::format {

using base::load_le;
using base::store_le;

namespace {

constexpr std::size_t kCovered = kSnapshotHeaderBytes - 8;
constexpr std::uint32_t kRecordKnown = 0x00010000;
constexpr std::uint32_t kRequiredFlags = 0x0000ffff;
constexpr std::size_t kKindOffset = 88;

}  // namespace

RecordMark record_mark(ByteView payload, Timestamp time) noexcept {
  RecordMark mark;
  mark.hash = base::checksum(payload, 0);
  mark.time = static_cast<std::uint64_t>(time.time_since_epoch().count());
  return mark;
}

bool is_snapshot_kind(std::string_view kind) noexcept {
  return kind.size() <= kSnapshotKindBytesMax && std::all_of(kind.begin(), kind.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '/' || c == '-';
         });
}

void encode_snapshot_header(const SnapshotHeader& header,
                            std::span<std::byte, kSnapshotHeaderBytes> to) {
  std::fill(to.begin(), to.end(), std::byte{0});
  std::byte* at = to.data();
  std::memcpy(at, kSnapshotMagic.data(), kSnapshotMagic.size());
  store_le<std::uint32_t>(at + 8, kSnapshotVersion);
  store_le<std::uint32_t>(at + 12, static_cast<std::uint32_t>(kSnapshotHeaderBytes));
  std::memcpy(at + 16, header.log_id.bytes.data(), header.log_id.bytes.size());
  store_le<std::uint64_t>(at + 32, header.salt);
  store_le<std::uint64_t>(at + 40, header.lsn.value);
  store_le<std::uint64_t>(at + 48, header.begun);
  if (header.record) {
    store_le<std::uint64_t>(at + 56, header.record->hash);
    store_le<std::uint64_t>(at + 64, header.record->time);
  }
  store_le<std::uint32_t>(at + 72, header.record ? kRecordKnown : 0);
  store_le<std::uint32_t>(at + 76, header.block_bytes);
  store_le<std::uint8_t>(at + 80, header.compression);
  store_le<std::uint8_t>(at + 81, static_cast<std::uint8_t>(header.kind.size()));
  std::memcpy(at + kKindOffset, header.kind.data(), header.kind.size());
  store_le<std::uint64_t>(at + kCovered, base::checksum(to.first<kCovered>(), 0));
}

HeaderCheck decode_snapshot_header(std::span<const std::byte, kSnapshotHeaderBytes> from,
                                   SnapshotHeader& header, std::uint32_t& version) {
  const std::byte* at = from.data();
  if (std::memcmp(at, kSnapshotMagic.data(), kSnapshotMagic.size()) != 0 ||
      load_le<std::uint64_t>(at + kCovered) != base::checksum(from.first<kCovered>(), 0)) {
    return HeaderCheck::damaged;
  }
  version = load_le<std::uint32_t>(at + 8);
  const auto flags = load_le<std::uint32_t>(at + 72);
  if (version != kSnapshotVersion || (flags & kRequiredFlags) != 0) {
    return HeaderCheck::unsupported;
  }
  std::memcpy(header.log_id.bytes.data(), at + 16, header.log_id.bytes.size());
  header.salt = load_le<std::uint64_t>(at + 32);
  header.lsn = Lsn(load_le<std::uint64_t>(at + 40));
  header.begun = load_le<std::uint64_t>(at + 48);
  header.record.reset();
  if ((flags & kRecordKnown) != 0) {
    header.record = {load_le<std::uint64_t>(at + 56), load_le<std::uint64_t>(at + 64)};
  }
  header.block_bytes = load_le<std::uint32_t>(at + 76);
  header.compression = load_le<std::uint8_t>(at + 80);
  const auto kind_bytes = load_le<std::uint8_t>(at + 81);
  const bool sane = header.lsn.value != 0 && header.lsn.value < kLsnLimit &&
                    header.block_bytes != 0 && header.block_bytes <= kSnapshotBlockBytesLimit &&
                    kind_bytes <= kSnapshotKindBytesMax;
  if (!sane) return HeaderCheck::damaged;
  header.kind.assign(ByteView(from).text().substr(kKindOffset, kind_bytes));
  return is_snapshot_kind(header.kind) ? HeaderCheck::valid : HeaderCheck::damaged;
}

std::uint64_t snapshot_key(std::span<const std::byte, kSnapshotHeaderBytes> header) noexcept {
  return base::checksum(header, 0);
}

}  // namespace forelog::format
