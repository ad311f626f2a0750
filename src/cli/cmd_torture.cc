// forelog torture DIR: kills what appends to a log on the user's own disk, again and again, and
// checks that nothing acknowledged is lost. The rounds are in torture_run.h; what is killed is in
// append_workload.h and program_workload.h.
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <nlohmann/json.hpp>

#include "cli/append_workload.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/program_workload.h"
#include "cli/reading.h"
#include "cli/reports.h"
#include "cli/signals.h"
#include "cli/torture_input.h"
#include "cli/torture_report.h"
#include "cli/torture_run.h"
#include "cli/units.h"
#include "forelog/bytes.h"
#include "forelog/maintain.h"
#include "forelog/try.h"

namespace forelog::cli {
namespace {

constexpr std::uint64_t kKeptBytesMax = 128 * MiB;

struct TortureOptions {
  std::string dir;
  std::string program;  // Empty: our own workload.
  double minutes = 1;
  std::optional<std::uint64_t> kills;
  std::optional<std::uint64_t> seed;
  bool json = false;
};

Result<double> parse_minutes(std::string_view text) {
  constexpr double kWeek = 7 * 24 * 60;
  double minutes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), minutes);
  if (error == std::errc() && end == text.data() + text.size() && minutes > 0 && minutes <= kWeek) {
    return minutes;
  }
  return Status(Code::invalid_argument, "'" + std::string(text) +
                                            "' is not a number of minutes: more than 0, and at "
                                            "most 10080, which is a week");
}

// What is in the log before torture begins.
struct Before {
  Lsn first{1}, last;
};

Result<Before> other_log(const std::string& dir, const std::string& why) {
  return Status(Code::invalid_argument,
                dir + why + ": name a directory that does not exist yet, and it will be made");
}

// Why so careful: what is there may be somebody's. Only a log that holds nothing but our own
// records, each at its LSN, is gone on with.
Result<Before> before_ours(const std::string& dir, const TortureInput& input) {
  std::error_code error;
  const bool empty = std::filesystem::is_empty(dir, error);
  if (error == std::errc::no_such_file_or_directory || (!error && empty)) return Before();
  const Result<Log> log = open_to_read(dir);
  if (!log && log.error().code() == Code::not_found) {
    return other_log(dir, " is not empty, and holds no log of an earlier torture");
  }
  if (!log) return log.error();
  const Before found = {log->first_lsn(), log->watermarks().appended};
  TortureAudit audit(input);
  Cursor cursor = log->read();
  while (const std::optional<Entry> entry = FORELOG_TRY(cursor.next())) {
    audit.see(entry->lsn, entry->payload.text());
  }
  const TortureVerdict verdict = audit.finish(found.first.value, found.last.value);
  if (verdict.good() && verdict.recovered > 0) return found;
  return other_log(dir, " holds a log that an earlier torture did not make");
}

// The log is the program's own, and who names both wants it to go on with it.
Result<Before> before_program(const std::string& dir) {
  if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) {
    return Status(Code::io_error,
                  "cannot make " + dir + ": " + std::generic_category().message(errno));
  }
  const Result<LogInfo> info = inspect(dir);
  if (!info)
    return info.error().code() == Code::not_found ? Result<Before>(Before()) : info.error();
  if (info->writer_alive) {
    return Status(Code::busy, dir + ": a writer has this log open; stop it first");
  }
  if (info->recovery.verdict == Verdict::rot) {
    return Status(Code::corrupt, info->recovery.to_string());
  }
  return Before{info->first_lsn, info->last_lsn};
}

std::string introduction(const std::string& what, const TorturePlan& plan, Lsn last) {
  std::string text = what + " appends to\n" + plan.dir;
  if (last != Lsn()) text += ", behind LSN " + std::to_string(last.value) + ",";
  return text + "\nand is killed with SIGKILL at random moments (seed " +
         std::to_string(plan.seed) + "). Ctrl-C ends it, with the report.\n\n";
}

ExitCode run_torture(const TortureOptions& options) {
  const Interrupts interrupts;
  const bool ours = options.program.empty();
  const TortureInput input = TortureInput::generated();
  const Result<Before> before =
      ours ? before_ours(options.dir, input) : before_program(options.dir);
  if (!before) return fail(before.error());

  const auto time = std::chrono::duration<double, std::ratio<60>>(options.minutes);
  const TorturePlan plan = {
      .dir = options.dir,
      .seed = options.seed ? *options.seed : random_seed(),
      .kills_max = options.kills.value_or(UINT64_MAX),
      .time = std::chrono::duration_cast<std::chrono::nanoseconds>(time),
      .kept_bytes_max = ours ? kKeptBytesMax : UINT64_MAX};  // Trimming theirs is theirs.
  const std::string what = ours ? "forelog append" : options.program;
  Output out;
  TortureDisplay display(options.json, out);
  if (!options.json) out << introduction(what, plan, before->last);
  (void)out.flush();  // tell_end() tells a failure.

  std::unique_ptr<Workload> workload;
  if (ours) {
    workload = std::make_unique<AppendWorkload>(input, plan.dir, interrupts.descriptor());
  } else {
    workload =
        std::make_unique<ProgramWorkload>(options.program, plan.dir, interrupts.descriptor());
  }
  TortureRun run(plan, *workload, interrupts,
                 [&](const TortureTally& tally) { display.show(tally); });
  if (before->last != Lsn()) run.go_on_behind(before->first, before->last);
  const Status status = run.run();
  display.clear();
  const Json heading = {{"workload", what}, {"dir", plan.dir}, {"seed", plan.seed}};
  return tell_end(out,
                  options.json ? json_text(summary_json(heading, run.tally(), status))
                               : summary_text(run.tally(), status,
                                              ours ? "each compared with what was sent, at its LSN"
                                                   : "each read at its LSN, without a hole"),
                  status, plan.dir, !options.json);
}

constexpr const char* kDescription =
    "Kills a process that appends to a log on your disk with SIGKILL, again and again, and checks\n"
    "that nothing acknowledged is lost. After each kill the log must open, everything that was\n"
    "acknowledged must be in it, and `verify` must find it clean, or with a torn tail. Ctrl-C "
    "ends\n"
    "it in order. The log is kept.\n"
    "\n"
    "Without --workload, `forelog append` is killed, and every record is compared with what was\n"
    "sent. DIR must be empty or missing (it is made), or hold the log of an earlier torture, "
    "behind\n"
    "which it goes on; anything else is refused. About 256 MiB of records are kept at most.\n"
    "\n"
    "With --workload, PROGRAM is started as `PROGRAM DIR`, by its path or from PATH, with an "
    "empty\n"
    "standard input, and anew after each kill. It appends to the log in DIR, which it opens "
    "itself,\n"
    "and which may be there already; prints each LSN that is acknowledged to it on a line of its\n"
    "own, flushed, once, in any order, and nothing else; and goes on until it is killed. What it\n"
    "starts must stay in its process group. It may trim its log at the front. Its first LSN must\n"
    "come within a minute.\n"
    "\n"
    "Exits with 0 when nothing was lost, also after Ctrl-C; 1 when the disk or the workload "
    "failed;\n"
    "3 when something acknowledged was lost, changed or doubled, or is rotten. (A killed process "
    "is\n"
    "one kind of crash. Power loss is another, which no program can cause.)";

}  // namespace

void add_torture(CLI::App& app, Context& context) {
  auto options = std::make_shared<TortureOptions>();
  CLI::App& command = add_command(app, context,
                                  {"torture", kDescription,
                                   "forelog torture /mnt/disk/try\n"
                                   "forelog torture /mnt/disk/try --minutes 30 --seed 42\n"
                                   "forelog torture /mnt/disk/mine --workload ./my-program --json"},
                                  [options] { return run_torture(*options); });
  add_directory(command, options->dir);
  add_parsed(command, "--minutes", "N", parse_minutes, options->minutes,
             "Go on for so long (default 1)");
  add_parsed(command, "--kills", "N", parse_count, options->kills, "Stop after so many kills");
  add_parsed(command, "--seed", "N", parse_count_or_zero, options->seed,
             "Draw the moments of the kills from this seed, which is printed otherwise");
  command.add_option("--workload", options->program, "Kill this program instead of our own")
      ->type_name("PROGRAM");
  command.add_flag("--json", options->json, "Print one JSON object at the end");
}

}  // namespace forelog::cli
