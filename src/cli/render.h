// How `cat` and `tail` print a record.
//
//   text  the LSN, a tab, the payload, a newline. On a terminal the payload's control characters
//         are escaped and the LSN is coloured; to a file or a pipe the bytes go as they are.
//   raw   the payload, a newline
//   json  one object a line: lsn, time, size, and payload, or payload_base64 where it is not UTF-8
//   hex   a heading with LSN, time and size, then the payload as `hexdump -C` shows it
//
// Threading: owned by one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "forelog/cursor.h"
#include "forelog/status.h"

namespace forelog::cli {

enum class Format : std::uint8_t { text, raw, json, hex };
Result<Format> parse_format(std::string_view text);

struct RenderOptions {
  Format format = Format::text;
  char terminator = '\n';  // Behind each record of text and raw.
  bool for_terminal = false;
  bool colour = false;
};

class Renderer {
 public:
  explicit Renderer(RenderOptions options) : options_(options) {}

  void append(std::string& out, const Entry& entry);

 private:
  void append_text(std::string& out, const Entry& entry) const;
  void append_json(std::string& out, const Entry& entry);
  void append_hex(std::string& out, const Entry& entry);
  const std::string& time_of(const Entry& entry);

  RenderOptions options_;
  // Records of one frame share their time.
  Timestamp last_time_{};
  std::string last_time_text_;
};

void append_number(std::string& out, std::uint64_t number);

}  // namespace forelog::cli
