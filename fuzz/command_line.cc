// What people and pipes give the program: input that is cut into records, sizes, LSNs, levels and
// times, and text that goes to a terminal or into JSON. What is read reads the same when it is
// printed; what is printed can be read back, and moves no cursor.
//
// Input: which (1 byte), then the text; records have a separator (1), a limit (1) and the size of a
// block (1) before it.
#include <nlohmann/json.hpp>

#include "cli/record_splitter.h"
#include "cli/text.h"
#include "cli/units.h"
#include "input.h"

namespace {

using namespace forelog;
using fuzz::Input;
using fuzz::require;

// Cut by hand.
std::vector<std::string> cut(std::string_view text, char separator) {
  std::vector<std::string> records;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    records.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return records;
}

void split(Input input) {
  const auto separator = static_cast<char>(input.number<std::uint8_t>());
  const auto limit = input.number<std::uint8_t>();
  const std::size_t block_bytes = std::max<std::size_t>(1, input.number<std::uint8_t>());
  const std::string_view text = input.text();

  std::vector<std::string> wanted = cut(text, separator);
  const auto too_long = std::find_if(wanted.begin(), wanted.end(),
                                     [&](const std::string& r) { return r.size() > limit; });
  const bool refused = too_long != wanted.end();
  wanted.erase(too_long, wanted.end());

  cli::RecordSplitter splitter(separator, limit);
  std::vector<std::string> got;
  const auto take = [&](std::string_view record) -> Status {
    got.emplace_back(record);
    return {};
  };
  Status status;
  for (std::size_t at = 0; at < text.size() && status.ok(); at += block_bytes) {
    status = splitter.feed(text.substr(at, block_bytes), take);
    require(splitter.partial_bytes() <= limit, "what is kept is bounded");
  }
  if (status.ok()) status = splitter.finish(take);
  require(status.ok() ? !refused : refused && status.code() == Code::invalid_argument,
          "a record over the limit is refused, and no other");
  require(got == wanted, "records are what lies between separators");
  require(splitter.records() == got.size(), "records are counted");
}

void numbers(std::string_view text) {
  if (const auto bytes = cli::parse_bytes(text)) {
    require(*cli::parse_bytes(std::to_string(*bytes)) == *bytes, "a size reads back");
    require(!cli::bytes_text(*bytes).empty(), "a size has a text");
  }
  const auto lsn = cli::parse_lsn(text);
  const auto lsn_or_zero = cli::parse_lsn_or_zero(text);
  const auto count = cli::parse_count(text);
  const auto count_or_zero = cli::parse_count_or_zero(text);
  require(!lsn || (lsn->value >= 1 && *lsn_or_zero == *lsn), "LSNs are counted from 1");
  require(lsn.has_value() == count.has_value() && (!count || *count == lsn->value),
          "an LSN is a number");
  require(lsn_or_zero.has_value() == count_or_zero.has_value(), "and so is none");
  if (count_or_zero) {
    const std::string digits = std::to_string(*count_or_zero);
    require(text.ends_with(digits), "a number is what was typed");
    std::string plain = cli::count_text(*count_or_zero);
    std::erase(plain, ',');
    require(plain == digits, "commas add nothing");
  }
  if (const auto level = cli::parse_level(text)) require(text == to_string(*level), "a level");
}

void time(std::string_view text) {
  const Timestamp now(std::chrono::nanoseconds(1'767'323'045'678'901'234));  // 2026-01-02.
  const auto time = cli::parse_time(text, now);
  if (!time) {
    require(time.error().code() == Code::invalid_argument, "what cannot be read is told so");
    return;
  }
  const auto again = cli::parse_time(cli::time_text(*time), now);
  // An offset may lead out of the years that are read, 1970 to 2261.
  const bool in_range = *time >= Timestamp() && cli::time_text(*time) < "2262";
  require(!in_range || (again && *again == *time), "a time reads back");
}

std::string from_base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = (bits << 6 | static_cast<unsigned>(kDigits.find(c))) & 0xffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xff);
  }
  return bytes;
}

void shown(std::string_view text) {
  std::string printable;
  cli::append_printable(printable, text);
  require(cli::is_utf8(printable), "what goes to a terminal is UTF-8");
  for (const char c : printable) {
    require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "and has no control character");
  }
  std::string base64;
  cli::append_base64(base64, text);
  require(base64.size() % 4 == 0 && from_base64(base64) == text, "base64 reads back");
  std::string dump;
  cli::append_hex_dump(dump, text);
  require(static_cast<std::size_t>(std::count(dump.begin(), dump.end(), '\n')) ==
              (text.size() + 15) / 16,
          "a dump has sixteen bytes a line");
  if (!cli::is_utf8(text)) return;
  std::string json;
  cli::append_json_string(json, text);
  const auto parsed = nlohmann::json::parse(json, nullptr, false);
  require(parsed.is_string() && parsed.get<std::string>() == text, "JSON reads back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  switch (input.number<std::uint8_t>()) {
    case 'r': split(input); break;
    case 'n': numbers(input.text()); break;
    case 't': time(input.text()); break;
    case 's': shown(input.text()); break;
    default: return -1;  // Not worth keeping.
  }
  return 0;
}
