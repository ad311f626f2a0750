#include "cli/text.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace forelog::cli {
namespace {

constexpr char kHex[] = "0123456789abcdef";

constexpr unsigned byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

bool is_control(char32_t point) { return point < 0x20 || (point >= 0x7f && point < 0xa0); }

// Marks that reorder the text around them or break its line.
bool is_bidi_or_break(char32_t point) {
  return point == 0x200e || point == 0x200f || (point >= 0x2028 && point <= 0x202e) ||
         (point >= 0x2066 && point <= 0x2069);
}

void append_byte_escape(std::string& out, unsigned byte) {
  out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
}

void append_point_escape(std::string& out, char32_t point) {
  out += {'\\',
          'u',
          kHex[(point >> 12) & 15],
          kHex[(point >> 8) & 15],
          kHex[(point >> 4) & 15],
          kHex[point & 15]};
}

// '\0' where a control character has no letter of its own.
char letter_of(char32_t point) {
  switch (point) {
    case '\b': return 'b';
    case '\t': return 't';
    case '\n': return 'n';
    case '\f': return 'f';
    case '\r': return 'r';
    default: return '\0';
  }
}

std::size_t plain_ascii_prefix(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && byte_at(text, n) >= 0x20 && byte_at(text, n) < 0x7f) ++n;
  return n;
}

std::size_t ascii_prefix(std::string_view text) {
  std::size_t n = 0;
  for (std::uint64_t word; n + sizeof word <= text.size(); n += sizeof word) {
    std::memcpy(&word, text.data() + n, sizeof word);
    if ((word & 0x8080808080808080u) != 0) break;
  }
  while (n < text.size() && byte_at(text, n) < 0x80) ++n;
  return n;
}

}  // namespace

CodePoint decode_utf8(std::string_view text) noexcept {
  const unsigned lead = byte_at(text, 0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xc2 || lead > 0xf4) return {};
  const std::size_t bytes = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (text.size() < bytes) return {};
  char32_t point = lead & (0xffu >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte_at(text, i) & 0xc0) != 0x80) return {};
    point = point << 6 | (byte_at(text, i) & 0x3f);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = point >= 0xd800 && point <= 0xdfff;
  if (point < kSmallest[bytes] || surrogate || point > 0x10ffff) return {};
  return {point, bytes};
}

bool is_utf8(std::string_view text) noexcept {
  for (text.remove_prefix(ascii_prefix(text)); !text.empty();
       text.remove_prefix(ascii_prefix(text))) {
    const CodePoint point = decode_utf8(text);
    if (point.bytes == 0) return false;
    text.remove_prefix(point.bytes);
  }
  return true;
}

void append_printable(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t plain = plain_ascii_prefix(text);
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) return;
    const CodePoint point = decode_utf8(text);
    if (point.bytes == 0) {
      append_byte_escape(out, byte_at(text, 0));
    } else if (const char letter = letter_of(point.value); letter != '\0') {
      out += {'\\', letter};
    } else if (is_control(point.value) && point.bytes == 1) {
      append_byte_escape(out, static_cast<unsigned>(point.value));
    } else if (is_control(point.value) || is_bidi_or_break(point.value)) {
      append_point_escape(out, point.value);
    } else {
      out += text.substr(0, point.bytes);
    }
    text.remove_prefix(std::max<std::size_t>(point.bytes, 1));
  }
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t ascii = plain_ascii_prefix(text);
    const std::size_t plain = std::min(ascii, text.substr(0, ascii).find_first_of("\"\\"));
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const CodePoint point = decode_utf8(text);
    if (point.value == '"' || point.value == '\\') {
      out += {'\\', static_cast<char>(point.value)};
    } else if (const char letter = letter_of(point.value); letter != '\0') {
      out += {'\\', letter};
    } else if (is_control(point.value)) {
      append_point_escape(out, point.value);
    } else {
      out += text.substr(0, point.bytes);
    }
    text.remove_prefix(std::max<std::size_t>(point.bytes, 1));
  }
  out += '"';
}

void append_base64(std::string& out, std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::size_t at = 0;
  for (; at + 3 <= bytes.size(); at += 3) {
    const unsigned group =
        byte_at(bytes, at) << 16 | byte_at(bytes, at + 1) << 8 | byte_at(bytes, at + 2);
    out += {kDigits[group >> 18], kDigits[group >> 12 & 63], kDigits[group >> 6 & 63],
            kDigits[group & 63]};
  }
  if (bytes.size() - at == 1) {
    const unsigned group = byte_at(bytes, at) << 16;
    out += {kDigits[group >> 18], kDigits[group >> 12 & 63], '=', '='};
  } else if (bytes.size() - at == 2) {
    const unsigned group = byte_at(bytes, at) << 16 | byte_at(bytes, at + 1) << 8;
    out += {kDigits[group >> 18], kDigits[group >> 12 & 63], kDigits[group >> 6 & 63], '='};
  }
}

void append_hex_dump(std::string& out, std::string_view bytes) {
  constexpr std::size_t kPerLine = 16;
  for (std::size_t line = 0; line < bytes.size(); line += kPerLine) {
    for (int shift = 28; shift >= 0; shift -= 4) out += kHex[line >> shift & 15];
    const std::string_view part = bytes.substr(line, kPerLine);
    for (std::size_t i = 0; i < kPerLine; ++i) {
      out += i % 8 == 0 ? "  " : " ";
      if (i < part.size()) {
        out += {kHex[byte_at(part, i) >> 4], kHex[byte_at(part, i) & 15]};
      } else {
        out += "  ";
      }
    }
    out += "  |";
    for (const char c : part) out += c >= 0x20 && c < 0x7f ? c : '.';
    out += "|\n";
  }
}

}  // namespace forelog::cli
