// What every command of the program shares: how it registers with the argument parser, the exit
// codes, and how it speaks on standard error.
//
// A command is one cmd_<name>.cc with one function `add_<name>`, which main.cc calls. It registers
// options that are bound to a struct it shares with the function that runs:
//
//   void add_trim(CLI::App& app, Context& context) {
//     auto options = std::make_shared<TrimOptions>();
//     CLI::App& command = add_command(app, context, {"trim", "what it does", "example lines"},
//                                     [options] { return run_trim(*options); });
//     command.add_option("DIR", options->dir, "…")->required();
//   }
//
// Threading: main thread only, but for report(), which any thread may call.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

#include "forelog/status.h"

namespace forelog::cli {

// The same for every command; `forelog --help` lists them.
enum class ExitCode : int {
  done = 0,
  failed = 1,   // The disk, the kernel or a pipe failed, or the input; interrupted; a newer format.
  usage = 2,    // What was asked for makes no sense.
  corrupt = 3,  // Bytes that had been durable do not verify.
  nothing =
      4,     // Not what the command is for; no such key or intent; no such LSN (any more, or yet).
  busy = 5,  // Another writer has the log, or an intent is not parked.
  refused = 6,  // What was required of a key is not so, and nothing was changed.
};

// The one place that turns a Status into an exit code. Ok: done.
ExitCode exit_code_of(const Status& status) noexcept;

// Writes "forelog: message" and a newline to standard error, in one piece.
void report(std::string_view message);

// Reports the status, then what to do about it where its message alone does not say. Returns its
// exit code.
ExitCode fail(const Status& status, std::string_view what_to_do = {});

// Filled in by the parser: the command that was chosen, ready to run.
struct Context {
  std::function<ExitCode()> run;
};

struct CommandHelp {
  std::string name;         // As typed.
  std::string description;  // Lines of up to 100 columns; the first sentence goes into the list.
  std::string examples;     // Each line a command as typed; shown below the options.
};

// Registers a command. `run` is called once, after all of the command line was parsed; usage
// errors that only it can see are returned as ExitCode::usage.
CLI::App& add_command(CLI::App& app, Context& context, const CommandHelp& help,
                      std::function<ExitCode()> run);

// In the order in which --help lists them.
void add_append(CLI::App& app, Context& context);
void add_cat(CLI::App& app, Context& context);
void add_tail(CLI::App& app, Context& context);
void add_info(CLI::App& app, Context& context);
void add_verify(CLI::App& app, Context& context);
void add_repair(CLI::App& app, Context& context);
void add_trim(CLI::App& app, Context& context);
void add_snapshots(CLI::App& app, Context& context);
void add_kv(CLI::App& app, Context& context);
void add_intents(CLI::App& app, Context& context);
void add_bench(CLI::App& app, Context& context);
void add_demo(CLI::App& app, Context& context);
void add_torture(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);

}  // namespace forelog::cli
