#include "cli/demo_input.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <fstream>
#include <ios>

namespace forelog::cli {
namespace {

constexpr std::size_t kBytesMax = 8 * 1024 * 1024;
constexpr std::size_t kLinesMin = 100;  // Of a text that the demo chooses itself.

constexpr std::array kTexts = {
    "/var/log/dpkg.log",     "/var/lib/dpkg/status",
    "/usr/share/dict/words", "/usr/share/common-licenses/GPL-3",
    "/etc/services",
};

// The lines of the first kBytesMax bytes: a log's limits, and a device that never ends.
std::vector<std::string> read_lines(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text(kBytesMax, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));

  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

}  // namespace

Result<DemoInput> DemoInput::load(const std::string& file) {
  if (!file.empty()) {
    std::vector<std::string> lines = read_lines(file);
    if (!lines.empty()) return DemoInput(file, std::move(lines));
    return Status(Code::io_error, file + ": cannot be read, or holds no line");
  }
  for (const char* text : kTexts) {
    std::vector<std::string> lines = read_lines(text);
    if (lines.size() >= kLinesMin) return DemoInput(text, std::move(lines));
  }
  return Status(Code::not_found, "found no text on this machine; give a file: forelog demo FILE");
}

std::string DemoInput::record(std::uint64_t number) const {
  std::string text = std::to_string(number);
  text += '\t';
  text += lines_[static_cast<std::size_t>((number - 1) % lines_.size())];
  return text;
}

std::optional<std::uint64_t> DemoInput::number_of(std::string_view text) const {
  std::uint64_t number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number).ptr;
  if (end == text.data() || number == 0 || text != record(number)) return {};
  return number;
}

}  // namespace forelog::cli
