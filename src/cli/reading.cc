#include "cli/reading.h"

#include <unistd.h>

#include "cli/arguments.h"
#include "cli/terminal.h"

namespace forelog::cli {

void add_print_arguments(CLI::App& command, PrintArguments& arguments) {
  CLI::Option* format = add_parsed(
      command, "--format", "FORMAT", parse_format, arguments.format,
      "text (LSN, tab, payload; the default), raw (payload), json (an object a line) or hex");
  command.add_flag("--json", arguments.json, "The same as --format json")->excludes(format);
  command.add_flag("--null", arguments.null,
                   "Text and raw: end each record with a NUL byte instead of a newline");
}

Result<RenderOptions> render_options(const PrintArguments& arguments) {
  RenderOptions options;
  options.format = arguments.json ? Format::json : arguments.format;
  const bool has_terminator = options.format == Format::text || options.format == Format::raw;
  if (arguments.null && !has_terminator) {
    return Status(Code::invalid_argument, "--null goes with --format text or raw only");
  }
  options.terminator = arguments.null ? '\0' : '\n';
  options.for_terminal = is_terminal(STDOUT_FILENO);
  options.colour = wants_colour(STDOUT_FILENO);
  return options;
}

Result<Log> open_to_read(const std::string& dir) {
  return Log::open(dir, {.create_if_missing = false, .recovery = RecoveryPolicy::read_only});
}

}  // namespace forelog::cli
