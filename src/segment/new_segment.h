// Birth of a segment: a spare file whose space is reserved, and its publication under its name.
// Implements docs/format.md, "Birth".
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "forelog/file_system.h"
#include "forelog/status.h"
#include "segment/segment_file.h"

namespace forelog::segment {

enum class Blocks : std::uint8_t {
  reserved,  // The file system knows that they are ours.
  written,   // Zeros were written and synced: later syncs change no metadata.
};

// A file that will become a segment. Everything in it reads as zeros.
struct Spare {
  std::string name;  // Ends in kTemporarySuffix.
  std::unique_ptr<File> file;
  std::uint64_t capacity = 0;  // Bytes reserved.
  Blocks blocks = Blocks::reserved;
};

// Makes the file, or empties the one of that name that is already there (`recycle`).
// On an error nothing is left under `name`. Errors: no_space, io_error, cancelled (by `stop`).
Result<Spare> make_spare(Directory& dir, const std::string& name, std::uint64_t capacity,
                         Blocks blocks, bool recycle, const std::stop_token& stop = {});

// Writes the header, and `first_frames` behind it if there are any, syncs, renames to the name of
// segment header.number, syncs the directory.
// Durability: when this returns the segment is there after any crash; when it fails or a crash cuts
// it short the segment is there whole or not at all.
Result<std::shared_ptr<SegmentFile>> publish_segment(Directory& dir, Spare spare,
                                                     const format::SegmentHeader& header,
                                                     ByteView first_frames = {});

}  // namespace forelog::segment
