// forelog doctor DIR: whether a place is good for a log, and what to change where it is not. What it
// looks at is in doctor.h.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/doctor.h"
#include "cli/help.h"
#include "cli/output.h"
#include "cli/reports.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "cli/units.h"
#include "forelog/options.h"

namespace forelog::cli {
namespace {

struct DoctorOptions {
  std::string dir;
  std::uint64_t segment_bytes = Options().segment_bytes;
  bool json = false;
};

std::int64_t count_of_health(const Findings& findings, Health health) {
  return std::count_if(findings.begin(), findings.end(),
                       [&](const Finding& finding) { return finding.health == health; });
}

std::string_view colour_of(Health health) {
  switch (health) {
    case Health::ok: return "\x1b[32m";
    case Health::note: return "\x1b[36m";
    case Health::warning: return "\x1b[33m";
    case Health::problem: return "\x1b[31m";
  }
  return "";
}

// "warning  file system  overlay, …", and what to change below it.
std::string table_text(const Findings& findings, bool colour) {
  constexpr std::size_t kHealthColumns = 9;
  constexpr std::size_t kColumns = 100;
  std::size_t subject_columns = 0;
  for (const Finding& finding : findings) {
    subject_columns = std::max(subject_columns, finding.subject.size() + 2);
  }
  const std::string indent(kHealthColumns + subject_columns, ' ');
  std::string text;
  const auto add = [&](std::string_view part) {
    for (const char c : wrapped(part, kColumns - indent.size())) {
      text += c;
      if (c == '\n') text += indent;
    }
    text += '\n';
  };
  for (const Finding& finding : findings) {
    const std::string_view health = to_string(finding.health);
    if (colour) text += colour_of(finding.health);
    text += health;
    if (colour) text += "\x1b[0m";
    text.append(kHealthColumns - health.size(), ' ');
    text += finding.subject;
    text.append(subject_columns - finding.subject.size(), ' ');
    add(finding.what);
    if (finding.advice.empty()) continue;
    text += indent;
    add("-> " + finding.advice);
  }
  return text;
}

std::string summary_of(const Findings& findings) {
  const auto problems = static_cast<std::uint64_t>(count_of_health(findings, Health::problem));
  const auto warnings = static_cast<std::uint64_t>(count_of_health(findings, Health::warning));
  return "\n" + count_of(problems, "problem") + ", " + count_of(warnings, "warning") + "\n";
}

Json to_json(const std::string& dir, const Findings& findings) {
  Json list = Json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"subject", finding.subject},
                    {"health", to_string(finding.health)},
                    {"what", finding.what},
                    {"advice", finding.advice.empty() ? Json(nullptr) : Json(finding.advice)}});
  }
  return {{"dir", dir},
          {"problems", count_of_health(findings, Health::problem)},
          {"warnings", count_of_health(findings, Health::warning)},
          {"findings", std::move(list)}};
}

ExitCode run_doctor(const DoctorOptions& options) {
  std::error_code error;
  const std::filesystem::file_status there = std::filesystem::status(options.dir, error);
  if (there.type() == std::filesystem::file_type::not_found) {
    return fail({Code::not_found, options.dir + ": does not exist; name the directory that a log "
                                                "is in, or would be made in"});
  }
  if (error) return fail({Code::io_error, options.dir + ": " + error.message()});
  if (!std::filesystem::is_directory(there)) {
    return fail({Code::not_found, options.dir + ": is not a directory"});
  }
  if (options.segment_bytes == 0) {
    return fail({Code::invalid_argument, "a segment of 0 bytes holds nothing"});
  }
  std::signal(SIGXFSZ, SIG_IGN);  // A limit on file sizes is to be told of.
  const Interrupts interrupts;    // Not looked at: the scratch directory is removed first.
  Findings findings;
  look_at_place(options.dir, options.segment_bytes, findings);
  try_out(options.dir, findings);
  look_at_process(options.segment_bytes, findings);
  look_at_files(options.dir, findings);

  Output out;
  out << (options.json ? json_text(to_json(options.dir, findings))
                       : table_text(findings, wants_colour(STDOUT_FILENO)) + summary_of(findings));
  const bool healthy = count_of_health(findings, Health::problem) == 0;
  return finish(out, healthy ? ExitCode::done : ExitCode::failed);
}

}  // namespace

void add_doctor(CLI::App& app, Context& context) {
  auto options = std::make_shared<DoctorOptions>();
  CLI::App& command = add_command(
      app, context,
      {"doctor",
       "Tells whether a directory is a good place for a log: whether a sync reaches a disk, what "
       "the\n"
       "file system, the device and the limits allow, who may touch the files, and what to "
       "change.\n"
       "Changes nothing but a scratch directory in DIR, which it removes; works beside a writer, "
       "and\n"
       "with less to tell where it may only read. Each line is ok, a note, a warning (less than "
       "is\n"
       "promised, or to be checked) or a problem (loses data, or does not work). Exits with 1 "
       "when\n"
       "there is a problem, 4 when DIR does not exist.",
       "forelog doctor /mnt/disk\n"
       "forelog doctor /tmp/log --json | jq '.findings[] | select(.health == \"problem\")'"},
      [options] { return run_doctor(*options); });
  command.add_option("DIR", options->dir, "Directory that a log is in, or would be made in")
      ->type_name("")
      ->required();
  add_parsed(command, "--segment-bytes", "BYTES", parse_bytes, options->segment_bytes,
             "Size of a segment, to compare limits and space with (default 64 MiB)");
  command.add_flag("--json", options->json, "Print one JSON object");
}

}  // namespace forelog::cli
