// What the machine can do without any log: the same bytes, in the same order, as a log must write
// or read them. Each function opens one contestant (bench_run.h) in the empty directory `dir`; what
// it measures is the limit that a log is held against.
//
// Threading: each call stands alone.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "cli/bench_measure.h"
#include "cli/bench_passes.h"
#include "forelog/status.h"

namespace forelog::bench {

enum class Blocks : std::uint8_t {
  written,  // A file whose blocks were really written and synced before, and are written again.
  growing,  // An empty file that each write makes longer.
  direct,   // As `written`, by O_DIRECT|O_DSYNC instead of a sync: whole blocks of 4 KiB, from the
            // one on that holds the end of the last write.
};

// Bytes that Forelog writes for `records` records in one frame (docs/format.md): 56 of header, each
// record behind its length, padded to 8.
std::uint64_t frame_bytes(std::uint64_t records, std::uint64_t record_bytes);

// One thread: copies `records` records into a frame, pwrite, fdatasync (but see Blocks).
Result<Session> raw_synced(const std::filesystem::path& dir, Blocks blocks, std::uint64_t records,
                           std::uint64_t record_bytes);

// Threads that block until their record is synced; one of them leads and writes and syncs for all
// that are there. With `gather` it first yields until all are there, or for that long.
Result<Session> raw_group_commit(const std::filesystem::path& dir, Blocks blocks, unsigned threads,
                                 std::uint64_t record_bytes, std::chrono::microseconds gather);

// At most `in_flight` records submitted and not yet synced. One thread: fills, writes, syncs, tells each.
// one submits while the other writes and syncs what is there.
Result<Session> raw_async_one_thread(const std::filesystem::path& dir, Blocks blocks,
                                     std::uint64_t in_flight, std::uint64_t record_bytes);
Result<Session> raw_async_two_threads(const std::filesystem::path& dir, Blocks blocks,
                                      std::uint64_t in_flight, std::uint64_t record_bytes);

// One thread copies records into a buffer of 1 MiB and writes that, over a growing file; no sync.
Result<Session> raw_buffered(const std::filesystem::path& dir, std::uint64_t record_bytes);

// The same with two such buffers: one thread fills one while another writes the other.
Result<Session> raw_buffered_two_threads(const std::filesystem::path& dir, Blocks blocks,
                                         std::uint64_t record_bytes);

// One pwrite per record, over a growing file; no sync.
Result<Session> raw_written(const std::filesystem::path& dir, std::uint64_t record_bytes);

// One thread copies each record, in a frame of its own, into mapped pages of written blocks: the
// kernel has it then, too.
Result<Session> raw_mapped(const std::filesystem::path& dir, std::uint64_t record_bytes);

// Reads these files through a buffer of 256 KiB and adds up their 64-bit words: the cheapest checksum
// there is.
Session raw_read(Pages pages, const std::vector<FileBytes>& files, std::uint64_t records);

}  // namespace forelog::bench
