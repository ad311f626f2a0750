// forelog append: standard input into records, LSNs on standard output as acknowledgements.
//
// Two threads: this one reads and appends, the Acknowledger waits and prints. So many records share
// a sync when they come fast, and each is acknowledged at once when they come slowly.
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "base/text.h"
#include "cli/acknowledger.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/record_splitter.h"
#include "cli/reports.h"
#include "cli/signals.h"
#include "cli/units.h"
#include "forelog/log.h"
#include "forelog/try.h"

namespace forelog::cli {
namespace {

struct AppendOptions {
  std::string dir;
  Durability level = Durability::synced;
  bool null = false;
  std::uint64_t batch = 0;  // Records in a batch; 0: each on its own.
  bool quiet = false;
  bool force = false;
  bool json = false;
  std::uint64_t segment_bytes = Options().segment_bytes;

  char separator() const { return null ? '\0' : '\n'; }
  std::string unit() const { return null ? "record" : "line"; }
  AcknowledgeAs acknowledge_as() const {
    return quiet ? AcknowledgeAs::nothing : json ? AcknowledgeAs::json : AcknowledgeAs::lines;
  }
};

// Appends records, each on its own or some in a batch.
class Appender {
 public:
  Appender(Log& log, Acknowledger& acknowledger, std::uint64_t records_per_batch)
      : log_(log), acknowledger_(acknowledger), records_per_batch_(records_per_batch) {}

  Status take(std::string_view record) {
    if (records_per_batch_ == 0) {
      last_ = FORELOG_TRY(log_.append(record));
      ++records_;
      return {};
    }
    batch_.add(record);
    return batch_.size() < records_per_batch_ ? Status() : append_batch();
  }

  // Behind the last record, the batch that is not full.
  Status append_batch() {
    if (batch_.empty()) return {};
    const Result<LsnRange> appended = log_.append(batch_);
    batch_.clear();
    if (!appended) return appended.error();
    last_ = appended->last;
    records_ += appended->count();
    return {};
  }

  // Lets the acknowledger know of all that was appended.
  void announce() {
    if (last_ != announced_) acknowledger_.appended(last_);
    announced_ = last_;
  }

  Lsn last() const { return last_; }  // Lsn{}: nothing was appended.
  std::uint64_t records() const { return records_; }

 private:
  Log& log_;
  Acknowledger& acknowledger_;
  const std::uint64_t records_per_batch_;
  Batch batch_;
  Lsn last_, announced_;
  std::uint64_t records_ = 0;
};

enum class Ended : std::uint8_t { end_of_input, interrupted, not_acknowledged };

// Reads standard input to its end, or until `interrupts` or `failed` becomes readable.
Result<Ended> read_input(RecordSplitter& splitter, Appender& appender, int interrupts, int failed) {
  std::vector<char> block(256 * 1024);
  while (true) {
    std::array entries = {pollfd{.fd = interrupts, .events = POLLIN, .revents = 0},
                          pollfd{.fd = failed, .events = POLLIN, .revents = 0},
                          pollfd{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0}};
    if (::poll(entries.data(), entries.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return Status(Code::io_error, "poll: " + std::generic_category().message(errno));
    }
    if (entries[0].revents != 0) return Ended::interrupted;
    if (entries[1].revents != 0) return Ended::not_acknowledged;

    const ssize_t bytes = ::read(STDIN_FILENO, block.data(), block.size());
    if (bytes == 0) return Ended::end_of_input;
    if (bytes < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      return Status(Code::io_error,
                    "cannot read standard input: " + std::generic_category().message(errno));
    }
    const Status status =
        splitter.feed(std::string_view(block.data(), static_cast<std::size_t>(bytes)),
                      [&](std::string_view record) { return appender.take(record); });
    appender.announce();
    if (!status.ok()) return status;
  }
}

// One run of the command over an open log.
class Session {
 public:
  Session(const AppendOptions& options, Log& log)
      : options_(options),
        log_(log),
        acknowledger_(log, options.level, options.acknowledge_as(), out_),
        splitter_(options.separator(), Options().record_bytes_max),
        appender_(log, acknowledger_, options.batch) {}

  ExitCode run(const Interrupts& interrupts) {
    const Status input = take_input(interrupts);
    const Status durable = make_durable();
    const Status acknowledged = acknowledger_.finish();
    const Status closed = log_.close();
    for (const Status& status : {input, acknowledged, durable, closed, out_.flush()}) {
      if (!status.ok()) return report_failure(status, durable.ok() && closed.ok());
    }
    return ExitCode::done;
  }

 private:
  Status take_input(const Interrupts& interrupts) {
    const auto take = [this](std::string_view record) { return appender_.take(record); };
    const Result<Ended> ended = read_input(splitter_, appender_, interrupts.descriptor(),
                                           acknowledger_.failed_descriptor());
    Status status = ended ? Status() : ended.error();
    if (ended && *ended == Ended::end_of_input) status = splitter_.finish(take);
    // Whatever ended the input: the records that were read before it are to be kept.
    const Status batch = appender_.append_batch();
    appender_.announce();
    if (ended && *ended == Ended::interrupted && splitter_.partial_bytes() > 0) {
      report("interrupted in the middle of a " + options_.unit() + ", which was not appended: " +
             count_of(splitter_.partial_bytes(), "byte") + " of it had been read");
    }
    return status.ok() ? batch : status;
  }

  // Why before the acknowledger has finished: whoever reads its output may have stopped reading.
  Status make_durable() {
    if (appender_.last() == Lsn()) return {};
    return log_.wait(appender_.last(), Durability::synced);
  }

  ExitCode report_failure(const Status& status, bool all_synced) {
    const auto first = [this](std::uint64_t records) {
      return "the first " + std::to_string(records) + " " + base::plural(records, options_.unit()) +
             " of this input";
    };
    std::string message(status.message());
    if (all_synced) {
      message +=
          "\nSynced and closed: " + first(appender_.records()) + ". What follows was not appended.";
    } else {
      const std::uint64_t acknowledged = acknowledger_.acknowledged_records();
      message += "\nAcknowledged as " + std::string(to_string(options_.level)) + ": " +
                 first(acknowledged) + ". The next " +
                 std::to_string(appender_.records() - acknowledged) +
                 " may be in the log or not (see with `forelog cat`), and what follows was not "
                 "appended.";
    }
    report(message);
    // Why not `usage` for a line that is too long: the command was right, its input was not.
    const ExitCode code = exit_code_of(status);
    return code == ExitCode::usage ? ExitCode::failed : code;
  }

  const AppendOptions& options_;
  Log& log_;
  Output out_;
  Acknowledger acknowledger_;
  RecordSplitter splitter_;
  Appender appender_;
};

ExitCode run_append(const AppendOptions& options) {
  const Status place = check_for_appending(options.dir, options.force);
  if (!place.ok()) return fail(place);
  const Interrupts interrupts;
  Result<Log> log = Log::open(options.dir, {.segment_bytes = options.segment_bytes});
  if (!log) return fail(log.error());
  note_recovery(log->recovery());
  return Session(options, *log).run(interrupts);
}

}  // namespace

void add_append(CLI::App& app, Context& context) {
  auto options = std::make_shared<AppendOptions>();
  CLI::App& command = add_command(
      app, context,
      {"append",
       "Makes each line of standard input a record, and prints its LSN once it is safe.\n"
       "A printed LSN is an acknowledgement: the record has reached the level asked for. Makes "
       "the\n"
       "log when there is none. At the end of input, or when interrupted, all that was read is\n"
       "synced and acknowledged, and the log is closed. A line over 16 MiB ends the command with\n"
       "exit code 1; the lines before it are kept.",
       "printf 'first\\nsecond\\n' | forelog append /tmp/log\n"
       "tail -F /var/log/syslog | forelog append --level written /tmp/log\n"
       "find . -print0 | forelog append --null --batch 100 --quiet /tmp/log"},
      [options] { return run_append(*options); });
  add_directory(command, options->dir);
  add_parsed(command, "--level", "LEVEL", parse_level, options->level,
             "What an acknowledged record survives: buffered (nothing), written (the end of this "
             "process), synced (power loss; the default)");
  command.add_flag("--null", options->null, "Records end with a NUL byte instead of a newline");
  add_parsed(command, "--batch", "N", parse_count, options->batch,
             "Every N records survive a crash together or not at all");
  command.add_flag("--force", options->force,
                   "Also to the log of a store, which what is no command of it ends");
  command.add_flag("--quiet", options->quiet, "Print no LSNs");
  command.add_flag("--json", options->json, "Print {\"lsn\":N} instead of N");
  add_parsed(command, "--segment-bytes", "BYTES", parse_bytes, options->segment_bytes,
             "Size of a segment file, from 64KiB to 4GiB (default 64MiB)");
}

}  // namespace forelog::cli
