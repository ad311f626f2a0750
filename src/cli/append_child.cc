#include "cli/append_child.h"

#include <algorithm>
#include <utility>

#include "forelog/try.h"

namespace forelog::cli {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// For a child that is to end by itself; behind that it is killed too.
constexpr nanoseconds kPatience = std::chrono::seconds(60);
constexpr std::size_t kPipeBytes = 64 * 1024;

}  // namespace

Result<AppendOutcome> AppendChild::run(const AppendRound& round) {
  std::vector<std::string> arguments = {"forelog",
                                        "append",
                                        dir_,
                                        "--segment-bytes",
                                        std::to_string(round.segment_bytes),
                                        "--level",
                                        std::string(to_string(round.level))};
  if (round.batch > 1) {
    arguments.insert(arguments.end(), {"--batch", std::to_string(round.batch)});
  }
  ChildProcess process = FORELOG_TRY(ChildProcess::start("/proc/self/exe", std::move(arguments)));
  AppendOutcome outcome;
  outcome.sent = outcome.acknowledged = prepared_ = round.first - 1;
  burst_left_ = round.burst_bytes;
  to_send_.clear();
  sent_bytes_ = 0;
  FORELOG_TRY(serve(process, round, outcome));

  // What it had printed before it ended is acknowledged, and still in the pipe. An LSN that was cut
  // off in the middle is not.
  outcome.exit_code = FORELOG_TRY(process.wait());
  FORELOG_TRY(take_acknowledgements(process, outcome));
  outcome.errors = std::move(process.errors);
  return outcome;
}

// Puts what is to be sent next into to_send_: some of the burst, or, once all that was sent is
// acknowledged, one batch.
void AppendChild::refill(const AppendRound& round, const AppendOutcome& outcome) {
  while (burst_left_ > 0 && to_send_.size() - sent_bytes_ < kPipeBytes) {
    const std::uint64_t before = to_send_.size();
    add_batch(round.batch);
    burst_left_ -= std::min<std::uint64_t>(burst_left_, to_send_.size() - before);
  }
  const bool goes_on = round.burst_bytes > 0 && round.kill_after;
  if (goes_on && to_send_.empty() && outcome.acknowledged == prepared_) add_batch(round.batch);
}

void AppendChild::add_batch(std::uint64_t records) {
  for (std::uint64_t i = 0; i < records; ++i) to_send_ += input_.record(++prepared_) + '\n';
}

// Feeds and listens until it is time to kill it, or it has ended.
Status AppendChild::serve(ChildProcess& process, const AppendRound& round, AppendOutcome& outcome) {
  const auto start = steady_clock::now();
  while (true) {
    refill(round, outcome);
    if (to_send_.empty() && !round.kill_after) process.close_input();  // All was sent.

    const nanoseconds left = round.kill_after.value_or(kPatience) - (steady_clock::now() - start);
    ChildProcess::Heard heard;
    if (left > nanoseconds(0)) {
      heard = FORELOG_TRY(process.listen(left, interrupted_, !to_send_.empty()));
    }
    if (left <= nanoseconds(0) || heard.interrupted) {
      process.kill();
      outcome.killed = true;
      return {};
    }
    if (heard.takes_input) send_some(process);
    FORELOG_TRY(take_acknowledgements(process, outcome));
    if (heard.output_ended) return {};
  }
}

void AppendChild::send_some(const ChildProcess& process) {
  sent_bytes_ += process.feed(std::string_view(to_send_).substr(sent_bytes_));
  if (sent_bytes_ == to_send_.size()) {
    to_send_.clear();
    sent_bytes_ = 0;
  }
}

Status AppendChild::take_acknowledgements(ChildProcess& process, AppendOutcome& outcome) const {
  outcome.sent = prepared_;
  return process.take_lines([&](std::string_view line) -> Status {
    const std::uint64_t due = outcome.acknowledged + 1;
    if (line != std::to_string(due) || due > prepared_) {
      return {Code::corrupt, "the child acknowledged '" + std::string(line) + "' where LSN " +
                                 std::to_string(due) + " was due"};
    }
    outcome.acknowledged = due;
    return {};
  });
}

}  // namespace forelog::cli
