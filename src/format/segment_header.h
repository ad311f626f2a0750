// The first 4096 bytes of every segment: which log, which segment, which incarnation, and where its
// predecessor ends. Implements docs/format.md, "Segments".
// Bytes in, bytes out: no I/O, no clock, no threads.
//
// Invariant: a segment file under its final name has a header that was synced before the name was.
// A header that does not verify is damage, never a birth that a crash cut short.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "forelog/lsn.h"

namespace forelog::format {

inline constexpr std::size_t kSegmentHeaderBytes = 4096;
inline constexpr std::uint32_t kFormatVersion = 1;
inline constexpr std::array<char, 8> kSegmentMagic = {'F', 'o', 'r', 'e', 'l', 'o', 'g', 'S'};

struct LogId {
  std::array<std::byte, 16> bytes{};
  friend bool operator==(const LogId&, const LogId&) = default;
};
std::string to_string(const LogId& id);                    // 32 hexadecimal digits.
std::optional<LogId> parse_log_id(std::string_view text);  // Exactly that form.

// Where a segment's data end, as its successor saw it.
struct SegmentEnd {
  std::uint64_t number = 0;  // 0: there is no predecessor; the other fields are zero too.
  std::uint64_t salt = 0;
  std::uint64_t offset = 0;  // Behind the last frame that counts. All behind it is dead.
  std::uint64_t digest = 0;  // Over the frames up to there; see fold_digest().
  bool sealed = false;       // A seal stands at `offset`.
  friend bool operator==(const SegmentEnd&, const SegmentEnd&) = default;
};

struct SegmentHeader {
  LogId log_id;
  std::uint64_t number = 0;  // 1, 2, …; never used twice in a log. Greater than its predecessor's.
  std::uint64_t salt = 0;    // Random, of this incarnation of the file.
  Lsn first_lsn;             // Of the first record it will hold.
  std::uint64_t created = 0;  // Nanoseconds since 1970, UTC.
  SegmentEnd predecessor;
  Epoch epoch;
};

void encode_segment_header(const SegmentHeader& header,
                           std::span<std::byte, kSegmentHeaderBytes> to);

enum class HeaderCheck : std::uint8_t { valid, damaged, unsupported };
// On `unsupported`, `version` tells which version the file has.
HeaderCheck decode_segment_header(std::span<const std::byte, kSegmentHeaderBytes> from,
                                  SegmentHeader& header, std::uint32_t& version);

// Binds checksums to log, segment and incarnation …
std::uint64_t segment_key(const SegmentHeader& header) noexcept;
std::uint64_t segment_key(const LogId& log_id, std::uint64_t number, std::uint64_t salt) noexcept;
// … and to the position in the file.
inline std::uint64_t position_seed(std::uint64_t segment_key, std::uint64_t offset) noexcept {
  return segment_key + offset;
}

// The digest of a segment: starts from segment_key(), then each frame's header, in order. As a
// frame's header holds the checksum of its body, it covers every byte.
std::uint64_t fold_digest(std::uint64_t digest, std::span<const std::byte> frame_header) noexcept;

}  // namespace forelog::format
