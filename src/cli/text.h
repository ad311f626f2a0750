// Bytes as text: UTF-8, what may go to a terminal, JSON strings, base64, hexadecimal dumps.
// Every function appends to `out`.
//
// Threading: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace forelog::cli {

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 0;  // 0: what is at the front of the text is not UTF-8 (RFC 3629).
};

// The first code point of `text`, which must not be empty.
CodePoint decode_utf8(std::string_view text) noexcept;
bool is_utf8(std::string_view text) noexcept;

// For a terminal: what could move the cursor, change colours or reorder text is shown as an escape
// (\n, \x1b, \u202e), and so is each byte that is not UTF-8 (\xff). A backslash stays as it is.
void append_printable(std::string& out, std::string_view text);

// A JSON string with its quotes. `text` must be UTF-8. Control characters, DEL and C1 included, are
// escaped, so that the result is safe on a terminal too.
void append_json_string(std::string& out, std::string_view text);

void append_base64(std::string& out, std::string_view bytes);  // RFC 4648, with padding.

// Sixteen bytes a line, as `hexdump -C` does; nothing for no bytes.
void append_hex_dump(std::string& out, std::string_view bytes);

}  // namespace forelog::cli
