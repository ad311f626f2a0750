// forelog demo: appends real text through a process that it kills again and again, and shows that
// nothing acknowledged is lost.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/demo_input.h"
#include "cli/demo_run.h"
#include "cli/output.h"
#include "cli/reports.h"
#include "cli/signals.h"
#include "cli/terminal.h"
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

struct Opens {
  std::chrono::nanoseconds min{0}, median{0}, max{0};
};

Opens opens_of(const DemoTally& tally) {
  std::vector<std::chrono::nanoseconds> sorted = tally.opens;
  if (sorted.empty()) return {};
  std::sort(sorted.begin(), sorted.end());
  return {sorted.front(), sorted[sorted.size() / 2], sorted.back()};
}

// While it runs: a line that is rewritten on a terminal, one line for some kills elsewhere.
class Display {
 public:
  Display(bool json, Output& out)
      : json_(json), out_(out), line_(json ? STDERR_FILENO : STDOUT_FILENO) {}

  void show(const DemoTally& tally) {
    if (line_.active()) return line_.show(progress_line(tally));
    if (json_ || tally.kills < next_) return;
    next_ = tally.kills - tally.kills % kKillsPerLine + kKillsPerLine;
    out_ << progress_line(tally) << "\n";
    (void)out_.flush();  // A failure stays in status(), and the end of the command tells it.
  }
  void clear() { line_.clear(); }

 private:
  static constexpr std::uint64_t kKillsPerLine = 25;

  static std::string progress_line(const DemoTally& tally) {
    return count_text(tally.kills) + " kills: acknowledged " + count_text(tally.acknowledged) +
           ", recovered " + count_text(tally.recovered) + ", lost " +
           count_text(tally.verdict.lost) + ", torn tails cut " + count_text(tally.torn_tails) +
           ", reopened in " + (tally.opens.empty() ? "-" : duration_text(tally.opens.back()));
  }

  const bool json_;
  Output& out_;
  StatusLine line_;
  std::uint64_t next_ = kKillsPerLine;
};

bool passed(const Status& status, const DemoTally& tally) {
  return status.ok() && tally.verdict.good() && tally.torn_batches == 0;
}

std::string introduction(const DemoInput& input, const DemoPlan& plan) {
  return "Appending the " + count_text(input.lines()) + " lines of " + input.source() +
         ", again and again, to\n" + plan.dir +
         "\nthrough a process that is killed with SIGKILL at random moments (seed " +
         std::to_string(plan.seed) + ").\n\n";
}

// "lost                    0  note".
std::string count_line(std::string name, std::uint64_t count, const std::string& note = "") {
  constexpr std::size_t kNameColumns = 16;
  constexpr std::size_t kNumberColumns = 12;
  const std::string number = count_text(count);
  name.resize(kNameColumns, ' ');
  name.append(kNumberColumns - std::min(kNumberColumns, number.size()), ' ');
  return name + number + (note.empty() ? "" : "  " + note) + "\n";
}

std::string summary_text(const DemoTally& tally, bool good) {
  const Opens opens = opens_of(tally);
  const DemoVerdict& verdict = tally.verdict;
  std::string text;
  text += count_line("kills", tally.kills,
                     count_text(tally.kills_at_open) + " of them while the log was being opened");
  text += count_line("acknowledged", tally.acknowledged, "records: their LSN was printed");
  text += count_line("recovered", verdict.recovered,
                     "records: each compared with what was sent, at its LSN");
  text += count_line("", tally.not_acknowledged, "of them had not been acknowledged before a kill");
  text += count_line("lost", verdict.lost);
  text += count_line("changed", verdict.changed);
  text += count_line("doubled", verdict.doubled);
  text += count_line("out of order", verdict.out_of_order);
  text += count_line("torn batches", tally.torn_batches);
  text += count_line("torn tails cut", tally.torn_tails);
  text += "time to reopen  " + duration_text(opens.min) + " at least, " +
          duration_text(opens.median) + " in the median, " + duration_text(opens.max) +
          " at most\n";
  return text + (good ? "\nNothing acknowledged was lost.\n" : "\nFAILED\n");
}

Json summary_json(const DemoInput& input, const DemoPlan& plan, const DemoTally& tally, bool good) {
  const Opens opens = opens_of(tally);
  const auto seconds = [](std::chrono::nanoseconds duration) {
    return std::chrono::duration<double>(duration).count();
  };
  return {{"passed", good},
          {"source", input.source()},
          {"seed", plan.seed},
          {"kills", tally.kills},
          {"kills_at_open", tally.kills_at_open},
          {"acknowledged", tally.acknowledged},
          {"recovered", tally.verdict.recovered},
          {"recovered_not_acknowledged", tally.not_acknowledged},
          {"lost", tally.verdict.lost},
          {"changed", tally.verdict.changed},
          {"doubled", tally.verdict.doubled},
          {"out_of_order", tally.verdict.out_of_order},
          {"torn_batches", tally.torn_batches},
          {"torn_tails_cut", tally.torn_tails},
          {"reopen_seconds",
           {{"min", seconds(opens.min)},
            {"median", seconds(opens.median)},
            {"max", seconds(opens.max)}}}};
}

std::uint64_t random_seed() {
  std::random_device device;
  return device();
}

ExitCode run_demo(const DemoOptions& options) {
  const Interrupts interrupts;
  const Result<DemoInput> input = DemoInput::load(options.file);
  if (!input) return fail(input.error());
  const Result<Place> place = Place::make(options.dir);
  if (!place) return fail(place.error());
  const DemoPlan plan = {.dir = place->log(),
                         .seed = options.seed ? *options.seed : random_seed(),
                         .kills_max = options.kills.value_or(UINT64_MAX),
                         .time = std::chrono::seconds(options.seconds)};
  Output out;
  Display display(options.json, out);
  if (!options.json) out << introduction(*input, plan);
  (void)out.flush();  // finish() tells a failure.

  DemoRun run(plan, *input, interrupts, [&](const DemoTally& tally) { display.show(tally); });
  const Status status = run.run();
  display.clear();
  const bool good = passed(status, run.tally());
  out << (options.json ? json_text(summary_json(*input, plan, run.tally(), good))
                       : summary_text(run.tally(), good));
  if (good && !options.keep) place->remove();
  if (!good || options.keep) report("the log is kept in " + plan.dir);
  if (good) return finish(out, ExitCode::done);
  (void)out.flush();
  return finish(out, status.ok() ? ExitCode::failed : fail(status));
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
