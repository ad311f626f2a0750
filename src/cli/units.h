// Sizes, LSNs, levels and points in time, from what a person types and to what a person reads.
//
// Threading: pure functions. What cannot be read is `invalid_argument`, with a message that says
// what can be.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "forelog/lsn.h"
#include "forelog/status.h"

namespace forelog::cli {

// "4096", "64K", "64KiB", "1M", "2GiB": powers of 1024. "10kB", "1MB", "1GB": powers of 1000.
Result<std::uint64_t> parse_bytes(std::string_view text);

Result<Lsn> parse_lsn(std::string_view text);          // From 1.
Result<Lsn> parse_lsn_or_zero(std::string_view text);  // Zero: "none", where that has a meaning.
Result<std::uint64_t> parse_count(std::string_view text);  // From 1.
Result<std::uint64_t> parse_count_or_zero(std::string_view text);
Result<Durability> parse_level(std::string_view text);

// RFC 3339 ("2026-01-02T03:04:05Z", with a fraction or an offset if need be); the same with a blank
// for the T, without seconds, offset (UTC) or time (midnight UTC); "@1767323045.5" (seconds since
// 1970); or how long before `now`: "90s", "10m", "2h", "3d", "1w", "1h30m", each with " ago" or
// without.
Result<Timestamp> parse_time(std::string_view text, Timestamp now);

std::string time_text(Timestamp time);        // 2026-01-02T03:04:05.123456789Z
std::string bytes_text(std::uint64_t bytes);  // 12.3 MiB
std::string count_text(std::uint64_t count);  // 1,234,567
std::string count_of(std::uint64_t count, std::string_view thing);  // 1 record, 1,234 records
std::string duration_text(std::chrono::nanoseconds duration);       // 1.23 ms
// How many a second, 0 for no time at all.
double per_second(std::uint64_t count, std::chrono::nanoseconds duration);

}  // namespace forelog::cli
