// Entries of a key-value store as JSON, one object a line: what dump prints and load reads, and the
// commands that batch reads.
//
//   {"key":"a","value":"1"}                     a put; "expires", a point in time, where it expires
//   {"op":"del","key":"a"}
//   {"op":"require","key":"a","version":7}      0: it is absent
//   [{…},{…}]                                   all of these, or none
//
// Bytes that are not UTF-8 are in "key_base64" and "value_base64" instead. "version" beside a value is
// for people to read. A member that is none of these, or is there twice, is
// an error.
//
// Threading: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "forelog/kv.h"
#include "forelog/status.h"

namespace forelog::cli {

// With a newline. `version`: print it too.
void append_entry(std::string& out, const KvEntry& entry, bool version);

// Adds what the line says to the batch: where a put has expired at `now`, that the key is absent.
// Errors: invalid_argument, and nothing was added.
enum class KvLineKind : std::uint8_t { puts_only, any };
Status parse_kv_line(std::string_view line, KvLineKind kind, Timestamp now, KvBatch& batch);

// RFC 4648, with padding; nullopt: it is not.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace forelog::cli
