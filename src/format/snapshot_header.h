// The first 256 bytes of a snapshot: of which log, as of which LSN, what kind of state, and how its
// blocks are stored. Implements docs/format.md, "Snapshots".
// Bytes in, bytes out: no I/O, no clock, no threads.
//
// Invariant: a file under a snapshot's name was whole and synced before it got that name. One that
// does not verify is damage, never a save that a crash cut short.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "forelog/bytes.h"
#include "forelog/lsn.h"
#include "format/segment_header.h"

namespace forelog::format {

inline constexpr std::size_t kSnapshotHeaderBytes = 256;
inline constexpr std::uint32_t kSnapshotVersion = 1;
inline constexpr std::array<char, 8> kSnapshotMagic = {'F', 'o', 'r', 'e', 'S', 'n', 'a', 'p'};
inline constexpr std::size_t kSnapshotKindBytesMax = 32;
inline constexpr std::uint8_t kZstdCompression = 1;   // Compression::id() of zstd.h.
inline constexpr std::uint8_t kOwnCompression = 128;  // And above: users' own.
// What a reader must have in memory is bounded by the largest block that a header may speak of.
inline constexpr std::uint32_t kSnapshotBlockBytesLimit = 16 * MiB;

// Tells the record of one history from that of another which has the same LSN.
struct RecordMark {
  std::uint64_t hash = 0;  // Of its bytes.
  std::uint64_t time = 0;  // As Entry::time, in nanoseconds since 1970.
  friend bool operator==(const RecordMark&, const RecordMark&) = default;
};
RecordMark record_mark(ByteView payload, Timestamp time) noexcept;

struct SnapshotHeader {
  LogId log_id;
  std::uint64_t salt = 0;            // Random, of this file.
  Lsn lsn;                           // Of the last record whose effect the state holds.
  std::uint64_t begun = 0;           // Nanoseconds since 1970, UTC.
  std::optional<RecordMark> record;  // Of the record at `lsn`; none: the log had dropped it.
  std::uint8_t compression = 0;      // Compression::id(); 0: none.
  std::uint32_t block_bytes = 0;     // Of a block's raw bytes, at the most.
  std::string kind;                  // See is_snapshot_kind().
  friend bool operator==(const SnapshotHeader&, const SnapshotHeader&) = default;
};

// Whether `kind` is up to 32 of [A-Za-z0-9._/-].
bool is_snapshot_kind(std::string_view kind) noexcept;

void encode_snapshot_header(const SnapshotHeader& header,
                            std::span<std::byte, kSnapshotHeaderBytes> to);

// `version` is that of the file when the answer is `unsupported`; where it is the one known here, the
// header has a required flag that is not.
HeaderCheck decode_snapshot_header(std::span<const std::byte, kSnapshotHeaderBytes> from,
                                   SnapshotHeader& header, std::uint32_t& version);

// Binds the blocks of a snapshot to its header, every byte of it; see position_seed().
std::uint64_t snapshot_key(std::span<const std::byte, kSnapshotHeaderBytes> header) noexcept;

}  // namespace forelog::format
