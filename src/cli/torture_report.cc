#include "cli/torture_report.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/units.h"

namespace forelog::cli {
namespace {

constexpr std::uint64_t kKillsPerLine = 25;

struct Opens {
  std::chrono::nanoseconds min{0}, median{0}, max{0};
};

Opens opens_of(const TortureTally& tally) {
  std::vector<std::chrono::nanoseconds> sorted = tally.opens;
  if (sorted.empty()) return {};
  std::sort(sorted.begin(), sorted.end());
  return {sorted.front(), sorted[sorted.size() / 2], sorted.back()};
}

std::string progress_line(const TortureTally& tally) {
  return count_of(tally.kills, "kill") + ": acknowledged " + count_text(tally.acknowledged) +
         ", recovered " + count_text(tally.recovered) + ", lost " + count_text(tally.verdict.lost) +
         ", torn tails " + count_text(tally.torn_tails) + ", reopened in " +
         (tally.opens.empty() ? "-" : duration_text(tally.opens.back()));
}

// "lost                    0  note".
std::string count_line(std::string name, std::uint64_t count, std::string_view note = "") {
  constexpr std::size_t kNameColumns = 16;
  constexpr std::size_t kNumberColumns = 12;
  const std::string number = count_text(count);
  name.resize(kNameColumns, ' ');
  name.append(kNumberColumns - std::min(kNumberColumns, number.size()), ' ');
  name += number;
  if (!note.empty()) name.append("  ").append(note);
  return name + "\n";
}

}  // namespace

TortureDisplay::TortureDisplay(bool json, Output& out)
    : json_(json), out_(out), line_(json ? STDERR_FILENO : STDOUT_FILENO), next_(kKillsPerLine) {}

void TortureDisplay::show(const TortureTally& tally) {
  if (line_.active()) return line_.show(progress_line(tally));
  if (json_ || tally.kills < next_) return;
  next_ = tally.kills - tally.kills % kKillsPerLine + kKillsPerLine;
  out_ << progress_line(tally) << "\n";
  (void)out_.flush();  // A failure stays in status(), and the end of the command tells it.
}

std::string summary_text(const TortureTally& tally, const Status& status,
                         std::string_view recovered_how) {
  const Opens opens = opens_of(tally);
  const TortureVerdict& verdict = tally.verdict;
  std::string text;
  text += count_line("rounds", tally.rounds);
  text += count_line("kills", tally.kills,
                     count_text(tally.kills_at_open) + " of them while the log was being opened");
  text += count_line("acknowledged", tally.acknowledged,
                     base::plural(tally.acknowledged, "record") + ": each LSN was printed");
  text += count_line("recovered", tally.recovered,
                     base::plural(tally.recovered, "record") + ": " + std::string(recovered_how));
  text += count_line("", tally.not_acknowledged, "of them had not been acknowledged before a kill");
  text += count_line("lost", verdict.lost);
  text += count_line("changed", verdict.changed);
  text += count_line("doubled", verdict.doubled);
  text += count_line("out of order", verdict.out_of_order);
  text += count_line("torn batches", verdict.torn_batches);
  text += count_line("torn tails", tally.torn_tails, "which were never acknowledged, and were cut");
  text += count_line("verified", tally.verifications,
                     base::plural(tally.verifications, "time") + ", every byte");
  if (!tally.opens.empty()) {
    text += "time to reopen  " + duration_text(opens.min) + " at least, " +
            duration_text(opens.median) + " in the median, " + duration_text(opens.max) +
            " at most\n";
  }
  if (status.code() == Code::corrupt || !verdict.good()) return text + "\nFAILED\n";
  if (!status.ok()) {
    return text + "\nFAILED: it could not go on. Nothing acknowledged was found missing.\n";
  }
  text += "\nNothing acknowledged was lost.";
  if (tally.acknowledged == 0) text += " But nothing was acknowledged: this run shows nothing.";
  return text + "\n";
}

Json summary_json(const Json& heading, const TortureTally& tally, const Status& status) {
  const Opens opens = opens_of(tally);
  const auto seconds = [](std::chrono::nanoseconds duration) {
    return std::chrono::duration<double>(duration).count();
  };
  Json json = {{"passed", status.ok()},
               {"error", status.ok() ? Json(nullptr) : Json(std::string(status.message()))}};
  json.update(heading);
  json.update({{"rounds", tally.rounds},
               {"kills", tally.kills},
               {"kills_at_open", tally.kills_at_open},
               {"acknowledged", tally.acknowledged},
               {"recovered", tally.recovered},
               {"recovered_not_acknowledged", tally.not_acknowledged},
               {"lost", tally.verdict.lost},
               {"changed", tally.verdict.changed},
               {"doubled", tally.verdict.doubled},
               {"out_of_order", tally.verdict.out_of_order},
               {"torn_batches", tally.verdict.torn_batches},
               {"torn_tails_cut", tally.torn_tails},
               {"verifications", tally.verifications},
               {"reopen_seconds",
                {{"min", seconds(opens.min)},
                 {"median", seconds(opens.median)},
                 {"max", seconds(opens.max)}}}});
  return json;
}

ExitCode tell_end(Output& out, const std::string& summary, const Status& status,
                  const std::string& dir, bool kept) {
  out << summary;
  if (!status.ok() || kept) report("the log is kept in " + dir);
  if (status.ok()) return finish(out, ExitCode::done);
  (void)out.flush();
  return finish(out, fail(status));
}

std::uint64_t random_seed() {
  std::random_device device;
  return device();
}

}  // namespace forelog::cli
