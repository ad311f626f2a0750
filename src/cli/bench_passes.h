// Reading files again and again: from the page cache, or from the disk.
//
// Threading: each call stands alone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "cli/bench_measure.h"
#include "forelog/status.h"

namespace forelog::bench {

struct FileBytes {
  std::filesystem::path path;
  std::uint64_t bytes = 0;  // To be read, from the front.
};

enum class Pages : std::uint8_t {
  warm,  // In the page cache, from the warm-up on.
  cold,  // Dropped from it before each pass, outside the measured time.
};

// Measures `pass`, which reads all of the files, and finds `records` in them. io_error when pages of
// the files stay in the page cache though they are to be cold.
Session passes(Pages pages, std::vector<FileBytes> files, std::uint64_t records,
               std::function<Status()> pass);

// Syncs a file, and drops its pages from the page cache.
Status drop_pages(const std::filesystem::path& file);

// Of all pages of a file, how many are in the page cache, from 0 to 1.
Result<double> resident_share(const std::filesystem::path& file);

}  // namespace forelog::bench
