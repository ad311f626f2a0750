// The HOLES file: stretches of the log that a salvage declared lost, at a person's word.
// Implements docs/format.md, "Holes". Bytes in, bytes out: no I/O, no clock, no threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "forelog/bytes.h"
#include "forelog/lsn.h"
#include "format/segment_header.h"

namespace forelog::format {

struct Hole {
  std::uint64_t segment = 0;
  std::uint64_t begin = 0, end = 0;  // Bytes [begin, end) of the segment's file are not looked at.
  Lsn first_lsn;                     // The first record lost …
  Lsn next_lsn;                      // … and the first one that is there again; equal: none lost.
  friend bool operator==(const Hole&, const Hole&) = default;
};

std::vector<std::byte> encode_holes(const LogId& log_id, const std::vector<Hole>& holes);
bool decode_holes(ByteView file, LogId& log_id, std::vector<Hole>& holes);

}  // namespace forelog::format
