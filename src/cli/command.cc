#include "cli/command.h"

#include <unistd.h>

#include <cstddef>
#include <utility>

namespace forelog::cli {

ExitCode exit_code_of(const Status& status) noexcept {
  switch (status.code()) {
    case Code::ok: return ExitCode::done;
    case Code::not_found:
    case Code::trimmed: return ExitCode::nothing;
    case Code::invalid_argument: return ExitCode::usage;
    case Code::corrupt: return ExitCode::corrupt;
    case Code::busy: return ExitCode::busy;
    case Code::unsupported:
    case Code::no_space:
    case Code::io_error:
    case Code::timed_out:
    case Code::cancelled:
    case Code::not_leader:
    case Code::outcome_unknown: return ExitCode::failed;
  }
  return ExitCode::failed;  // A code of a newer library.
}

void report(std::string_view message) {
  std::string line = "forelog: ";
  line += message;
  while (line.back() == '\n') line.pop_back();
  line += '\n';
  // Nobody is left to tell when standard error itself does not take it.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

ExitCode fail(const Status& status, std::string_view what_to_do) {
  std::string message(status.message());
  if (message.empty()) message = to_string(status.code());
  if (!what_to_do.empty()) {
    message += '\n';
    message += what_to_do;
  }
  report(message);
  return exit_code_of(status);
}

namespace {

std::string footer_of(std::string_view examples) {
  std::string footer = "Examples:\n";
  while (!examples.empty()) {
    const std::size_t end = examples.find('\n');
    const std::string_view line = examples.substr(0, end);
    if (!line.empty()) footer.append("  ").append(line).append("\n");
    examples.remove_prefix(end == std::string_view::npos ? examples.size() : end + 1);
  }
  footer += "\nExit codes: forelog --help\n";
  return footer;
}

}  // namespace

CLI::App& add_command(CLI::App& app, Context& context, const CommandHelp& help,
                      std::function<ExitCode()> run) {
  CLI::App& command = *app.add_subcommand(help.name, help.description);
  command.footer(footer_of(help.examples));
  command.callback([&context, run = std::move(run)] { context.run = run; });
  return command;
}

}  // namespace forelog::cli
