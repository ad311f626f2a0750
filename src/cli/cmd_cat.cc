// forelog cat: prints the records of a log, and never changes a byte of it.
#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/reading.h"
#include "cli/render.h"
#include "cli/reports.h"
#include "cli/units.h"
#include "forelog/log.h"
#include "forelog/try.h"

namespace forelog::cli {
namespace {

struct CatOptions {
  std::string dir;
  std::optional<Lsn> from;
  std::optional<Lsn> to;
  std::optional<Timestamp> since;
  bool salvage = false;
  PrintArguments print;
};

Result<Timestamp> parse_since(std::string_view text) {
  return parse_time(text, std::chrono::system_clock::now());
}

bool is_unrepaired(const Damage& damage) { return !damage.accepted; }

// Where to begin; Lsn{}: at the first record that is kept.
Result<Lsn> beginning(const Log& log, const CatOptions& options) {
  Lsn from = options.from.value_or(Lsn());
  const Lsn last = std::max(log.watermarks().synced, log.recovery().last_lsn);
  // Behind rot nobody knows where the log ends: then the cursor is to say what it finds.
  if (from > last && log.recovery().verdict != Verdict::rot) {
    return not_yet_written(from, last);
  }
  if (options.to && *options.to < log.first_lsn()) {
    return Status(Code::trimmed, "LSN " + std::to_string(options.to->value) +
                                     " was trimmed: the first one kept is " +
                                     std::to_string(log.first_lsn().value));
  }
  if (options.since) {
    const Lsn since = FORELOG_TRY(log.find(*options.since));
    from = std::max(from, since);
  }
  return from;
}

// Prints what the cursor gives, and what is wrong as it is met.
class Printer {
 public:
  Printer(const CatOptions& options, RenderOptions render, const Log& log)
      : options_(options), renderer_(render), log_(log) {}

  ExitCode print(Cursor cursor) {
    while (out_.status().ok()) {
      const Result<std::optional<Entry>> entry = cursor.next();
      note_holes(cursor);
      if (!entry) return stop_at(entry.error());
      if (!*entry) return finish(out_, end_of(cursor));
      renderer_.append(out_.pending(), **entry);
      out_.spill();
    }
    return finish(out_, ExitCode::failed);
  }

 private:
  // Why flush first: what is said on standard error belongs behind what was printed before.
  void say(std::string_view message) {
    (void)out_.flush();  // A failure stays in status(), and finish() tells it.
    report(message);
  }

  void note_holes(const Cursor& cursor) {
    for (; holes_noted_ < cursor.holes().size(); ++holes_noted_) {
      say("hole: " + cursor.holes()[holes_noted_].to_string());
    }
  }

  ExitCode stop_at(const Status& status) {
    (void)out_.flush();
    const bool corrupt = status.code() == Code::corrupt;
    return finish(out_, fail(status.with_context(options_.dir),
                             corrupt ? "`forelog cat --salvage` goes on behind it." : ""));
  }

  // Nothing more to print: was that the end of the log, and was it a good one?
  ExitCode end_of(const Cursor& cursor) {
    if (holes_noted_ > 0) return ExitCode::corrupt;
    if (options_.to && cursor.position() > *options_.to) return ExitCode::done;
    const RecoveryReport& found = log_.recovery();
    if (found.verdict == Verdict::rot &&
        std::any_of(found.damage.begin(), found.damage.end(), is_unrepaired)) {
      say(found.to_string());
      return ExitCode::corrupt;
    }
    if (found.verdict == Verdict::torn_tail) say(found.to_string());
    if (!options_.to) return ExitCode::done;
    const Lsn last(cursor.position().value - 1);
    return fail(not_yet_written(*options_.to, last).with_context(options_.dir));
  }

  const CatOptions& options_;
  Renderer renderer_;
  const Log& log_;
  Output out_;
  std::size_t holes_noted_ = 0;
};

ExitCode run_cat(const CatOptions& options) {
  const Result<RenderOptions> render = render_options(options.print);
  if (!render) return fail(render.error());
  if (options.from && options.to && *options.to < *options.from) {
    report("--to lies before --from");
    return ExitCode::usage;
  }
  const Result<Log> log = open_to_read(options.dir);
  if (!log) return fail(explain_place(log.error(), options.dir, Meant::log));
  const Result<Lsn> from = beginning(*log, options);
  if (!from) return fail(from.error().with_context(options.dir));
  return Printer(options, *render, *log)
      .print(log->read({.from = *from, .to = options.to, .skip_holes = options.salvage}));
}

}  // namespace

void add_cat(CLI::App& app, Context& context) {
  auto options = std::make_shared<CatOptions>();
  CLI::App& command = add_command(
      app, context,
      {"cat",
       "Prints the records of a log; never changes a byte of it. Beside a live writer: what is\n"
       "synced; without one: what a writer would keep. On damage it prints what lies before it,\n"
       "says what is damaged and where, and exits with 3.",
       "forelog cat /tmp/log\n"
       "forelog cat /tmp/log --from 1000 --to 1999 --format json\n"
       "forelog cat /tmp/log --since '2026-01-02 03:04:05'\n"
       "forelog cat /tmp/log --since 10m --format raw --null | xargs -0 -n1 echo"},
      [options] { return run_cat(*options); });
  add_directory(command, options->dir);
  add_parsed(command, "--from", "LSN", parse_lsn, options->from,
             "The first record to print; exit code 4 where it is not there");
  add_parsed(
      command, "--to", "LSN", parse_lsn, options->to,
      "The last record to print; where the log ends before it, all that is there is printed, and "
      "the exit code is 4");
  add_parsed(command, "--since", "TIME", parse_since, options->since,
             "Records written at TIME or later: 2026-01-02T03:04:05Z, '2026-01-02 03:04:05' (UTC), "
             "2026-01-02 (midnight UTC), @SECONDS since 1970, or how long ago: 90s, 10m, 2h, 3d");
  command.add_flag("--salvage", options->salvage,
                   "Go on behind damage, naming each hole on standard error; still exits with 3");
  add_print_arguments(command, options->print);
}

}  // namespace forelog::cli
