#include "cli/torture_input.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <random>
#include <system_error>
#include <utility>

#include "forelog/try.h"

namespace forelog::cli {
namespace {

constexpr std::size_t kBytesMax = 8 * 1024 * 1024;
constexpr std::size_t kLinesMin = 100;  // Of a text that the demo chooses itself.

constexpr std::array kTexts = {
    "/var/log/dpkg.log",     "/var/lib/dpkg/status",
    "/usr/share/dict/words", "/usr/share/common-licenses/GPL-3",
    "/etc/services",
};

struct CloseFile {
  void operator()(std::FILE* file) const { static_cast<void>(std::fclose(file)); }
};

// The lines of the first kBytesMax bytes: a log's limits, and a device that never ends.
Result<std::vector<std::string>> read_lines(const std::string& file) {
  const auto unreadable = [&] {
    return Status(Code::io_error,
                  file + ": cannot be read: " + std::generic_category().message(errno));
  };
  const std::unique_ptr<std::FILE, CloseFile> in(std::fopen(file.c_str(), "rbe"));
  if (in == nullptr) return unreadable();
  std::string text(kBytesMax, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), in.get()));
  if (std::ferror(in.get()) != 0) return unreadable();

  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

}  // namespace

Result<TortureInput> TortureInput::load(const std::string& file) {
  if (!file.empty()) {
    std::vector<std::string> lines = FORELOG_TRY(read_lines(file));
    if (!lines.empty()) return TortureInput(file, std::move(lines));
    return Status(Code::invalid_argument, file + ": is empty; give a text of a line at least");
  }
  for (const char* text : kTexts) {
    Result<std::vector<std::string>> lines = read_lines(text);
    if (lines && lines->size() >= kLinesMin) return TortureInput(text, *std::move(lines));
  }
  return Status(Code::not_found, "found no text on this machine; give a file: forelog demo FILE");
}

// Why made up here: a log that an earlier torture left can be told from any other by its records.
TortureInput TortureInput::generated() {
  constexpr std::size_t kLines = 1009;  // A prime: it has no rhythm in common with batches.
  constexpr std::uint64_t kLengthBits = 15;
  std::mt19937_64 random(20'260'101);
  std::vector<std::string> lines(kLines);
  for (std::string& line : lines) {
    const std::uint64_t below = std::uint64_t{1} << (random() % (kLengthBits + 1));
    line.resize(static_cast<std::size_t>(random() % below));
    for (char& c : line) c = static_cast<char>('a' + random() % 26);
  }
  return {"records of up to 32 KiB", std::move(lines)};
}

std::uint64_t TortureInput::mean_record_bytes() const noexcept {
  constexpr std::uint64_t kNumberBytes = 8;
  std::uint64_t bytes = 0;
  for (const std::string& line : lines_) bytes += line.size();
  return kNumberBytes + bytes / lines_.size();
}

std::string TortureInput::record(std::uint64_t number) const {
  std::string text = std::to_string(number);
  text += '\t';
  text += lines_[static_cast<std::size_t>((number - 1) % lines_.size())];
  return text;
}

std::optional<std::uint64_t> TortureInput::number_of(std::string_view text) const {
  std::uint64_t number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number).ptr;
  if (end == text.data() || number == 0 || text != record(number)) return {};
  return number;
}

}  // namespace forelog::cli
