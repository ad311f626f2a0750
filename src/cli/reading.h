// What `cat` and `tail` share: opening a log without touching it, and the options that say how its
// records are printed.
//
// Threading: main thread.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "cli/render.h"
#include "forelog/log.h"

namespace forelog::cli {

struct PrintArguments {
  Format format = Format::text;
  bool json = false;  // As --format json.
  bool null = false;
};

void add_print_arguments(CLI::App& command, PrintArguments& arguments);

// For standard output as it is: a terminal, a pipe or a file. invalid_argument where the arguments
// do not go together.
Result<RenderOptions> render_options(const PrintArguments& arguments);

// Changes nothing, takes no lock, works beside a writer.
Result<Log> open_to_read(const std::string& dir);

}  // namespace forelog::cli
