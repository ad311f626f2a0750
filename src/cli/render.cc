#include "cli/render.h"

#include <array>
#include <charconv>
#include <cstddef>

#include "base/text.h"
#include "cli/text.h"
#include "cli/units.h"

namespace forelog::cli {

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

Result<Format> parse_format(std::string_view text) {
  if (text == "text") return Format::text;
  if (text == "raw") return Format::raw;
  if (text == "json") return Format::json;
  if (text == "hex") return Format::hex;
  return Status(Code::invalid_argument,
                "'" + std::string(text) + "' is not a format: text, raw, json or hex");
}

void Renderer::append(std::string& out, const Entry& entry) {
  switch (options_.format) {
    case Format::text: return append_text(out, entry);
    case Format::raw:
      out += entry.payload.text();
      out += options_.terminator;
      return;
    case Format::json: return append_json(out, entry);
    case Format::hex: return append_hex(out, entry);
  }
}

void Renderer::append_text(std::string& out, const Entry& entry) const {
  if (options_.colour) out += "\x1b[36m";
  append_number(out, entry.lsn.value);
  if (options_.colour) out += "\x1b[0m";
  out += '\t';
  if (options_.for_terminal) {
    append_printable(out, entry.payload.text());
  } else {
    out += entry.payload.text();
  }
  out += options_.terminator;
}

void Renderer::append_json(std::string& out, const Entry& entry) {
  const std::string_view payload = entry.payload.text();
  out += R"({"lsn":)";
  append_number(out, entry.lsn.value);
  out += R"(,"time":")";
  out += time_of(entry);
  out += R"(","size":)";
  append_number(out, payload.size());
  if (is_utf8(payload)) {
    out += R"(,"payload":)";
    append_json_string(out, payload);
  } else {
    out += R"(,"payload_base64":")";
    append_base64(out, payload);
    out += '"';
  }
  out += "}\n";
}

void Renderer::append_hex(std::string& out, const Entry& entry) {
  if (options_.colour) out += "\x1b[36m";
  out += "LSN ";
  append_number(out, entry.lsn.value);
  if (options_.colour) out += "\x1b[0m";
  out += "  " + time_of(entry) + "  ";
  append_number(out, entry.payload.size());
  out += " " + base::plural(entry.payload.size(), "byte") + "\n";
  append_hex_dump(out, entry.payload.text());
}

const std::string& Renderer::time_of(const Entry& entry) {
  if (last_time_text_.empty() || entry.time != last_time_) {
    last_time_ = entry.time;
    last_time_text_ = time_text(entry.time);
  }
  return last_time_text_;
}

}  // namespace forelog::cli
