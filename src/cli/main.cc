// forelog: the program. Parses the command line, runs one command, returns its exit code.
#include <fcntl.h>

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/help.h"
#include "cli/signals.h"
#include "forelog/version.h"

namespace forelog::cli {
namespace {

constexpr const char* kDescription =
    "A write-ahead log that never loses an acknowledged record: one writer, many readers.";

constexpr const char* kFooter = R"(Examples:
  printf 'first\nsecond\n' | forelog append /tmp/log
  forelog cat /tmp/log
  forelog demo

Exit codes, of every command:
  0  done
  1  operating failure: the disk, the kernel or a pipe failed; a line of the input is wrong or too
     long; what is there was written by a newer program; kv batch, kv load or bench was interrupted
     (append, tail, demo and torture end with 0 then: they are over when they are told so)
  2  wrong usage: an option, a value, or a DIR that is a symbolic link or holds one where a file
     of the log belongs
  3  corruption found: bytes that had been durable do not verify
  4  nothing there: DIR is missing, empty, a file, or not what the command is for; no such key or
     intent; an LSN that was trimmed or is not yet written
  5  busy: another process has the log open to write, or an intent to be dropped is not parked
  6  refused: a key has another version than was required, and nothing was changed

Each command has its own help: forelog COMMAND --help
)";

// Help and version go to standard output; wrong usage is told on standard error.
ExitCode leave_parser(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) {
    app.exit(error);
    return std::cout.flush() ? ExitCode::done : ExitCode::failed;
  }
  const CLI::App* chosen = &app;
  // What the program itself could not place comes first: `forelog help kv` is not kv's mistake.
  const bool of_app = !app.remaining().empty();
  while (!of_app && !chosen->get_subcommands().empty()) chosen = chosen->get_subcommands().front();
  std::string message = error.what();
  const std::vector<std::string> rest = app.remaining(true);
  if (chosen->get_require_subcommand_min() > 0 && !rest.empty()) {
    const bool option = rest.front().starts_with('-');
    message = "'" + rest.front() + "' is not " + (option ? "an option" : "a command") +
              (chosen == &app ? "" : " of `" + command_path(*chosen) + "`");
  }
  report(message + "\nRun `" + command_path(*chosen) + " --help` for its usage.");
  return ExitCode::usage;
}

// A closed one of the first three descriptors would be given to the next file that is opened, and be
// read or written as standard input or output.
void open_standard_descriptors() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) == 0 || errno != EBADF) continue;
    if (::open("/dev/null", O_RDWR) != descriptor) std::_Exit(static_cast<int>(ExitCode::failed));
  }
}

ExitCode run(int argc, char** argv) {
  CLI::App app(kDescription, "forelog");
  app.set_version_flag("--version", "forelog " + std::string(version()));
  app.footer(kFooter);
  app.formatter(std::make_shared<HelpFormatter>());  // Commands inherit it.
  app.require_subcommand(1);

  Context context;
  add_append(app, context);
  add_cat(app, context);
  add_tail(app, context);
  add_info(app, context);
  add_verify(app, context);
  add_repair(app, context);
  add_trim(app, context);
  add_snapshots(app, context);
  add_kv(app, context);
  add_intents(app, context);
  add_bench(app, context);
  add_demo(app, context);
  add_torture(app, context);
  add_doctor(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return leave_parser(app, error);
  }
  ignore_broken_pipes();
  return context.run();
}

}  // namespace
}  // namespace forelog::cli

int main(int argc, char** argv) {
  forelog::cli::open_standard_descriptors();
  try {
    return static_cast<int>(forelog::cli::run(argc, argv));
  } catch (const std::exception& error) {  // Out of memory, or a defect: nothing else throws.
    forelog::cli::report(error.what());
    return static_cast<int>(forelog::cli::ExitCode::failed);
  }
}
