#include "cli/help.h"

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

namespace forelog::cli {
namespace {

constexpr std::size_t kColumns = 100;
constexpr std::size_t kNameColumns = 26;

}  // namespace

std::string wrapped(std::string_view text, std::size_t columns) {
  std::string out;
  while (text.size() > columns) {
    std::size_t end = text.substr(0, columns + 1).find_last_of(' ');
    if (end == std::string_view::npos) end = std::min(text.find(' '), text.size());
    out.append(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!text.empty()) out += '\n';
  }
  return out.append(text);
}

std::string first_sentence(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '\n' ? ' ' : c;
  return out.substr(0, out.find(". "));
}

std::string command_path(const CLI::App& command) {
  std::vector<std::string> words;  // From the last one to the first.
  for (const CLI::App* each = &command; each != nullptr; each = each->get_parent()) {
    if (each != &command) {
      for (const CLI::Option* option : each->get_options()) {
        if (option->get_positional()) words.push_back(option->get_name(true));
      }
    }
    words.push_back(each->get_name());
  }
  std::reverse(words.begin(), words.end());
  return CLI::detail::join(words, " ");
}

HelpFormatter::HelpFormatter() { column_width(kNameColumns); }

std::string HelpFormatter::make_usage(const CLI::App* command, std::string /*name*/) const {
  return CLI::Formatter::make_usage(command, command_path(*command));
}

std::string HelpFormatter::make_option_desc(const CLI::Option* option) const {
  return wrapped(option->get_description(), kColumns - kNameColumns);
}

std::string HelpFormatter::make_subcommand(const CLI::App* command) const {
  constexpr std::size_t kCommandColumns = 13;
  std::ostringstream out;
  CLI::detail::format_help(
      out, command->get_display_name(true),
      wrapped(first_sentence(command->get_description()), kColumns - kCommandColumns),
      kCommandColumns);
  return out.str();
}

}  // namespace forelog::cli
