// How --help looks: wrapped to a terminal's width, and one sentence for each command in the list of
// them.
//
// Threading: pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

namespace forelog::cli {

// Breaks at blanks, so that no line but one long word is wider than `columns`.
std::string wrapped(std::string_view text, std::size_t columns);

// Up to the first full stop that ends a sentence; line breaks become blanks.
std::string first_sentence(std::string_view text);

// "forelog kv DIR get".
std::string command_path(const CLI::App& command);

class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter();
  // The command as it is typed: what stands between the names of commands included.
  std::string make_usage(const CLI::App* command, std::string name) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
  std::string make_subcommand(const CLI::App* command) const override;
};

}  // namespace forelog::cli
