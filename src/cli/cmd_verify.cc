// forelog verify: reads everything, checks everything, changes nothing.
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/reports.h"
#include "cli/terminal.h"
#include "cli/units.h"
#include "forelog/maintain.h"

namespace forelog::cli {
namespace {

struct VerifyOptions {
  std::string dir;
  bool json = false;
};

std::string rate_text(const VerifyReport& report) {
  const auto bytes = static_cast<std::uint64_t>(per_second(report.bytes, report.duration));
  const auto records = static_cast<std::uint64_t>(per_second(report.records, report.duration));
  return bytes_text(bytes) + "/s, " + count_text(records) + " records/s";
}

std::string verify_text(const VerifyReport& report) {
  return "read and checked " + count_of(report.records, "record") + " in " +
         count_of(report.frames, "frame") + " and " + count_of(report.segments, "segment") + ": " +
         bytes_text(report.bytes) + " in " + duration_text(report.duration) + " (" +
         rate_text(report) + ")\n" + report.recovery.to_string();
}

ExitCode run_verify(const VerifyOptions& options) {
  ProgressBar progress;
  const Result<VerifyReport> report = verify(options.dir, {.on_progress = progress.callback()});
  progress.clear();
  if (!report) return fail(explain_place(report.error(), options.dir, Meant::log));
  Output out;
  out << (options.json ? json_text(to_json(*report)) : verify_text(*report));
  if (!options.json && out.pending().back() != '\n') out << "\n";
  const bool rot = report->recovery.verdict == Verdict::rot;
  return finish(out, rot ? ExitCode::corrupt : ExitCode::done);
}

}  // namespace

void add_verify(CLI::App& app, Context& context) {
  auto options = std::make_shared<VerifyOptions>();
  CLI::App& command =
      add_command(app, context,
                  {"verify",
                   "Reads every segment of a log and checks every checksum, chain, seal and index. "
                   "Tells a torn\n"
                   "tail, which open repairs (exit code 0), from rot (exit code 3), with LSNs, "
                   "file and offset.\n"
                   "Changes nothing. Beside a writer: up to what was synced when it began.",
                   "forelog verify /tmp/log\n"
                   "forelog verify /tmp/log --json | jq .verdict"},
                  [options] { return run_verify(*options); });
  add_directory(command, options->dir);
  command.add_flag("--json", options->json, "Print one JSON object");
}

}  // namespace forelog::cli
