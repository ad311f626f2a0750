// forelog repair: does to a torn tail what open would do; to rot, only at a person's word.
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/reports.h"
#include "cli/terminal.h"
#include "forelog/maintain.h"

namespace forelog::cli {
namespace {

struct RepairArguments {
  std::string dir;
  bool dry_run = false;
  bool salvage = false;
  bool json = false;
};

// Beside those that the library's own message names.
constexpr const char* kChoices =
    "`forelog cat --salvage` copies out what can still be read; `forelog repair --salvage "
    "--dry-run` shows what would be given up.";

std::string repair_text(const RepairArguments& arguments, const RecoveryReport& report) {
  std::string text;
  if (report.verdict == Verdict::clean) {
    text = "nothing to repair\n";
  } else if (arguments.dry_run) {
    text = "nothing was changed; without --dry-run this would be repaired:\n";
  } else {
    text = "repaired\n";
  }
  text += report.to_string();
  if (text.back() != '\n') text += '\n';
  return text;
}

ExitCode run_repair(const RepairArguments& arguments) {
  ProgressBar progress;
  const Result<RecoveryReport> repaired =
      repair(arguments.dir, {.dry_run = arguments.dry_run,
                             .salvage = arguments.salvage,
                             .on_progress = progress.callback()});
  progress.clear();
  if (!repaired) {
    const Status why = explain_place(repaired.error(), arguments.dir, Meant::log);
    return fail(why, why.code() == Code::corrupt ? kChoices : "");
  }
  Output out;
  if (arguments.json) {
    Json json = to_json(*repaired);
    json["dry_run"] = arguments.dry_run;
    out << json_text(json);
  } else {
    out << repair_text(arguments, *repaired);
  }
  const bool rot_remains = arguments.dry_run && repaired->verdict == Verdict::rot;
  return finish(out, rot_remains ? ExitCode::corrupt : ExitCode::done);
}

}  // namespace

void add_repair(CLI::App& app, Context& context) {
  auto options = std::make_shared<RepairArguments>();
  CLI::App& command = add_command(
      app, context,
      {"repair",
       "Cuts off a torn tail, as opening the log for writing does, after a copy to quarantine/.\n"
       "Refuses rot (exit code 3) and names the choices; with --salvage, copies the damaged bytes "
       "to\n"
       "quarantine/, declares their records lost, and keeps everything else.\n"
       "Rot inside a segment before the last one keeps no writer from opening the log: repair, "
       "`verify`\n"
       "and readers find it, open does not look there.",
       "forelog repair /tmp/log --dry-run\n"
       "forelog repair /tmp/log\n"
       "forelog repair /tmp/log --salvage"},
      [options] { return run_repair(*options); });
  add_directory(command, options->dir);
  command.add_flag("--dry-run", options->dry_run, "Only say what would be done");
  command.add_flag("--salvage", options->salvage, "Give up records that do not verify");
  command.add_flag("--json", options->json, "Print one JSON object");
}

}  // namespace forelog::cli
