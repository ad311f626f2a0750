// forelog demo: appends real text through a process that it kills again and again, and shows that
// nothing acknowledged is lost.
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
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
#include "cli/reports.h"
#include "cli/signals.h"
#include "cli/torture_input.h"
#include "cli/torture_report.h"
#include "cli/torture_run.h"
#include "cli/units.h"
#include "forelog/maintain.h"
#include "forelog/try.h"

namespace forelog::cli {
namespace {

struct DemoOptions {
  std::string file;
  std::string dir;  // Empty: a temporary one.
  std::uint64_t seconds = 20;
  std::optional<std::uint64_t> kills;
  std::optional<std::uint64_t> seed;
  bool keep = false;
  bool json = false;
};

// Where the log lies: a directory of the user's, which stays, or one of ours, which goes.
class Place {
 public:
  static Result<Place> make(const std::string& dir) {
    if (!dir.empty()) return taken_by_user(dir);
    // Why /var/tmp before /tmp: that may be in memory, where a sync costs nothing and shows little.
    const char* chosen = std::getenv("TMPDIR");
    const std::string parent = chosen != nullptr && *chosen != '\0' ? chosen
                               : ::access("/var/tmp", W_OK) == 0    ? "/var/tmp"
                                                                    : "/tmp";
    std::string made = parent + "/forelog-demo-XXXXXX";
    if (::mkdtemp(made.data()) == nullptr) {
      return Status(Code::io_error, "cannot make a directory in " + parent + ": " +
                                        std::generic_category().message(errno));
    }
    return Place(made + "/log", made);
  }

  const std::string& log() const { return log_; }

  // Nothing to remove where the user named the place.
  void remove() const {
    std::error_code error;
    if (!temporary_.empty()) std::filesystem::remove_all(temporary_, error);
    if (error) report(temporary_ + " cannot be removed: " + error.message());
  }

 private:
  Place(std::string log, std::string temporary)
      : log_(std::move(log)), temporary_(std::move(temporary)) {}

  static Result<Place> taken_by_user(const std::string& dir) {
    const Result<LogInfo> there = inspect(dir);
    if (!there && there.error().code() == Code::not_found) return Place(dir, "");
    if (!there) return there.error();
    return Status(Code::invalid_argument,
                  dir + " holds a log already; the demo makes its own: name another directory");
  }

  std::string log_, temporary_;
};

Result<std::uint64_t> parse_seconds(std::string_view text) {
  constexpr std::uint64_t kDay = 86'400;
  Result<std::uint64_t> seconds = parse_count(text);
  if (seconds && *seconds > kDay) {
    return Status(Code::invalid_argument, "at most 86400 seconds, which is a day");
  }
  return seconds;
}

std::string introduction(const TortureInput& input, const TorturePlan& plan) {
  return "Appending " + count_of(input.lines(), "line") + " of " + input.source() +
         ", again and again, to\n" + plan.dir +
         "\nthrough a process that is killed with SIGKILL at random moments (seed " +
         std::to_string(plan.seed) + ").\n\n";
}

ExitCode run_demo(const DemoOptions& options) {
  const Interrupts interrupts;
  const Result<TortureInput> input = TortureInput::load(options.file);
  if (!input) return fail(input.error());
  const Result<Place> place = Place::make(options.dir);
  if (!place) return fail(place.error());
  const TorturePlan plan = {.dir = place->log(),
                            .seed = options.seed ? *options.seed : random_seed(),
                            .kills_max = options.kills.value_or(UINT64_MAX),
                            .time = std::chrono::seconds(options.seconds)};
  Output out;
  TortureDisplay display(options.json, out);
  if (!options.json) out << introduction(*input, plan);
  (void)out.flush();  // tell_end() tells a failure.

  AppendWorkload workload(*input, plan.dir, interrupts.descriptor());
  TortureRun run(plan, workload, interrupts,
                 [&](const TortureTally& tally) { display.show(tally); });
  const Status status = run.run();
  display.clear();
  const Json heading = {{"source", input->source()}, {"seed", plan.seed}};
  const std::string summary =
      options.json
          ? json_text(summary_json(heading, run.tally(), status))
          : summary_text(run.tally(), status, "each compared with what was sent, at its LSN");
  if (status.ok() && !options.keep) place->remove();
  return tell_end(out, summary, status, plan.dir, options.keep);
}

}  // namespace

void add_demo(CLI::App& app, Context& context) {
  auto options = std::make_shared<DemoOptions>();
  CLI::App& command = add_command(
      app, context,
      {"demo",
       "Appends real text through a `forelog append` that it kills with SIGKILL at random "
       "moments,\n"
       "again and again; opens the log each time and checks that every record that was "
       "acknowledged\n"
       "is there; compares them all at the end. Exits with 0 only if none is lost, changed, "
       "doubled\n"
       "or out of order. (A killed process is one kind of crash. Power loss is tested by the\n"
       "simulated disks of Forelog's own tests: a program cannot cut its own power.)",
       "forelog demo\n"
       "forelog demo /var/log/syslog --seconds 50\n"
       "forelog demo --kills 200 --seed 42 --keep\n"
       "forelog demo --dir /mnt/disk/try --json"},
      [options] { return run_demo(*options); });
  command
      .add_option("FILE", options->file,
                  "Text to append; without it, what the machine has, such as dpkg.log")
      ->type_name("");
  command
      .add_option("--dir", options->dir,
                  "Make the log here, where there is none yet, and keep it; without it, a "
                  "temporary directory below TMPDIR, /var/tmp or /tmp")
      ->type_name("DIR");
  add_parsed(command, "--seconds", "N", parse_seconds, options->seconds,
             "Go on for so long (default 20)");
  add_parsed(command, "--kills", "N", parse_count, options->kills, "Stop after so many kills");
  add_parsed(command, "--seed", "N", parse_count_or_zero, options->seed,
             "Draw the moments of the kills from this seed, which is printed otherwise");
  command.add_flag("--keep", options->keep, "Keep the log; a failure keeps it anyway");
  command.add_flag("--json", options->json, "Print one JSON object at the end");
}

}  // namespace forelog::cli
