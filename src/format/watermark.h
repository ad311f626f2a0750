// The record in the WATERMARK file: how far the log had come. Read by tails in other processes, and
// by recovery as a witness of what had been synced. Implements docs/format.md, "The watermark file".
// Bytes in, bytes out: no I/O, no clock, no threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "forelog/lsn.h"
#include "format/segment_header.h"

namespace forelog::format {

// The file has three blocks: 0 is overwritten at each step for other processes to see; 1 and 2 are
// written in turn, and synced, about once a second and before anything is dropped.
inline constexpr std::uint64_t kWatermarkBlockBytes = 4096;
inline constexpr std::uint64_t kWatermarkBlocks = 3;
inline constexpr std::size_t kWatermarkRecordBytes = 128;
inline constexpr std::uint64_t kWatermarkSequenceOffset = 8;  // The low 32 bits are the bell.

struct WatermarkRecord {
  std::uint64_t sequence = 0;  // Rises by one with each record written; never 0 in the file.
  LogId log_id;
  Lsn written, synced;
  std::uint64_t segment = 0;  // Number and salt of the last segment …
  std::uint64_t salt = 0;
  std::uint64_t written_offset = 0, synced_offset = 0;  // … and where in it those two end.
  std::uint64_t first_segment = 0;  // Segments before this one were dropped on purpose.
  Lsn first_lsn;                    // First record of that segment.
  std::uint64_t generation = 0;     // Rises with each keep_through: LSNs were given back …
  Lsn kept_through;                 // … behind this one, the last time.
};

void encode_watermark(const WatermarkRecord& record,
                      std::span<std::byte, kWatermarkRecordBytes> to);
// False when it does not verify: torn, damaged, or never written.
bool decode_watermark(std::span<const std::byte, kWatermarkRecordBytes> from,
                      WatermarkRecord& record);

}  // namespace forelog::format
