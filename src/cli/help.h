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

class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter();
  std::string make_option_desc(const CLI::Option* option) const override;
  std::string make_subcommand(const CLI::App* command) const override;
};

}  // namespace forelog::cli
