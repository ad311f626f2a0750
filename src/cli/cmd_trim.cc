// forelog trim: drops the front of a log (keep_from) or its end (keep_through), named by what stays.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/reports.h"
#include "cli/units.h"
#include "forelog/log.h"
#include "forelog/try.h"

namespace forelog::cli {
namespace {

struct TrimOptions {
  std::string dir;
  std::optional<Lsn> keep_from;
  std::optional<Lsn> keep_through;
  bool json = false;
};

struct Kept {
  Lsn first, last;
};

Kept kept_by(const Log& log) { return {log.first_lsn(), log.watermarks().appended}; }

Status trim(Log& log, const TrimOptions& options) {
  const Lsn last = log.watermarks().appended;
  const Lsn wanted = options.keep_from ? *options.keep_from : *options.keep_through;
  // keep_from one behind the last record empties the log.
  if (wanted > (options.keep_from ? last.next() : last)) {
    return not_yet_written(wanted, last).with_context(options.dir);
  }
  return options.keep_from ? log.keep_from(wanted) : log.keep_through(wanted);
}

// Why more may stay than was asked for.
Result<std::string> what_stays_and_why(const Log& log, const TrimOptions& options) {
  std::string text;
  if (!options.keep_from || log.first_lsn() >= *options.keep_from) return text;
  const std::vector<Holder> holders = FORELOG_TRY(log.holders());
  for (const Holder& holder : holders) {
    if (holder.overrun || holder.keep_from >= *options.keep_from) continue;
    text += "holder " + holder.name + " keeps the log from LSN " +
            std::to_string(holder.keep_from.value) + " on\n";
  }
  if (text.empty()) {
    text = "LSN " + std::to_string(log.first_lsn().value) + " to " +
           std::to_string(options.keep_from->value - 1) +
           " stay readable for now: only whole segments are dropped\n";
  }
  return text;
}

Result<std::string> trim_and_tell(const TrimOptions& options) {
  Result<Log> opened = Log::open(options.dir, {.create_if_missing = false});
  if (!opened) return explain_place(opened.error(), options.dir, Meant::log);
  Log log = *std::move(opened);
  note_recovery(log.recovery());
  const Kept before = kept_by(log);
  FORELOG_TRY(trim(log, options));
  const Kept after = kept_by(log);
  std::string why = FORELOG_TRY(what_stays_and_why(log, options));
  FORELOG_TRY(log.close());
  if (options.json) {
    const Json json = {
        {"before", {{"first_lsn", before.first.value}, {"last_lsn", before.last.value}}},
        {"after", {{"first_lsn", after.first.value}, {"last_lsn", after.last.value}}}};
    return json_text(json);
  }
  return "before  " + records_text(before.first, before.last) + "\nafter   " +
         records_text(after.first, after.last) + "\n" + why;
}

ExitCode run_trim(const TrimOptions& options) {
  if (!options.keep_from && !options.keep_through) {
    report("say what stays: --keep-from LSN or --keep-through LSN");
    return ExitCode::usage;
  }
  const Result<std::string> text = trim_and_tell(options);
  if (!text) return fail(text.error());
  Output out;
  out << *text;
  return finish(out, ExitCode::done);
}

}  // namespace

void add_trim(CLI::App& app, Context& context) {
  auto options = std::make_shared<TrimOptions>();
  CLI::App& command = add_command(app, context,
                                  {"trim",
                                   "Drops records, and names what stays. --keep-from drops the "
                                   "front, whole segments at a time,\n"
                                   "as far as no holder keeps them. --keep-through drops the end "
                                   "at once: those LSNs are given\n"
                                   "out again. Durable on return.",
                                   "forelog trim /tmp/log --keep-from 1000\n"
                                   "forelog trim /tmp/log --keep-through 1999\n"
                                   "forelog trim /tmp/log --keep-through 0   # keeps nothing"},
                                  [options] { return run_trim(*options); });
  add_directory(command, options->dir);
  CLI::Option* from =
      add_parsed(command, "--keep-from", "LSN", parse_lsn, options->keep_from,
                 "The first record that is certainly kept; one behind the last: keep none");
  add_parsed(command, "--keep-through", "LSN", parse_lsn_or_zero, options->keep_through,
             "The last record that is kept; 0: keep none")
      ->excludes(from);
  command.add_flag("--json", options->json, "Print one JSON object");
}

}  // namespace forelog::cli
