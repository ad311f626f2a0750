#include "format/watermark.h"

#include <algorithm>
#include <cstring>

#include "base/checksum.h"
#include "base/endian.h"
#include "format/frame.h"

namespace forelog::format {

using base::load_le;
using base::store_le;

namespace {

constexpr std::uint64_t kMagic = 0x31574b52414d5246;  // "FRMARKW1" in the file.
constexpr std::size_t kCovered = kWatermarkRecordBytes - 8;

}  // namespace

void encode_watermark(const WatermarkRecord& record,
                      std::span<std::byte, kWatermarkRecordBytes> to) {
  std::fill(to.begin(), to.end(), std::byte{0});
  std::byte* at = to.data();
  store_le<std::uint64_t>(at, kMagic);
  store_le<std::uint64_t>(at + kWatermarkSequenceOffset, record.sequence);
  std::memcpy(at + 16, record.log_id.bytes.data(), record.log_id.bytes.size());
  store_le<std::uint64_t>(at + 32, record.written.value);
  store_le<std::uint64_t>(at + 40, record.synced.value);
  store_le<std::uint64_t>(at + 48, record.segment);
  store_le<std::uint64_t>(at + 56, record.salt);
  store_le<std::uint64_t>(at + 64, record.first_segment);
  store_le<std::uint64_t>(at + 72, record.first_lsn.value);
  store_le<std::uint64_t>(at + 80, record.generation);
  store_le<std::uint64_t>(at + 88, record.kept_through.value);
  store_le<std::uint64_t>(at + 96, record.written_offset);
  store_le<std::uint64_t>(at + 104, record.synced_offset);
  store_le<std::uint64_t>(at + kCovered, base::checksum(to.first<kCovered>(), 0));
}

bool decode_watermark(std::span<const std::byte, kWatermarkRecordBytes> from,
                      WatermarkRecord& record) {
  const std::byte* at = from.data();
  if (load_le<std::uint64_t>(at) != kMagic ||
      load_le<std::uint64_t>(at + kCovered) != base::checksum(from.first<kCovered>(), 0)) {
    return false;
  }
  record.sequence = load_le<std::uint64_t>(at + kWatermarkSequenceOffset);
  std::memcpy(record.log_id.bytes.data(), at + 16, record.log_id.bytes.size());
  record.written = Lsn(load_le<std::uint64_t>(at + 32));
  record.synced = Lsn(load_le<std::uint64_t>(at + 40));
  record.segment = load_le<std::uint64_t>(at + 48);
  record.salt = load_le<std::uint64_t>(at + 56);
  record.first_segment = load_le<std::uint64_t>(at + 64);
  record.first_lsn = Lsn(load_le<std::uint64_t>(at + 72));
  record.generation = load_le<std::uint64_t>(at + 80);
  record.kept_through = Lsn(load_le<std::uint64_t>(at + 88));
  record.written_offset = load_le<std::uint64_t>(at + 96);
  record.synced_offset = load_le<std::uint64_t>(at + 104);
  for (const Lsn lsn : {record.written, record.synced, record.first_lsn, record.kept_through}) {
    if (lsn.value >= kLsnLimit) return false;
  }
  return record.sequence != 0;
}

}  // namespace forelog::format
