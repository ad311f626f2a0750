// forelog kv DIR batch and load: many changes, from standard input.
//
// Both write without waiting for the disk, and wait for much at once: batch before it acknowledges what
// it has read, load at the end. Ctrl-C ends the input; what was read before it is kept. However it ends,
// nothing is called synced but what such a wait has confirmed.
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "cli/kv_input.h"
#include "cli/kv_json.h"
#include "cli/kv_store.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "cli/units.h"
#include "forelog/try.h"

namespace forelog::cli {
namespace {

constexpr KvWriteOptions kLater = {.level = Durability::buffered};

Timestamp wall_clock() { return std::chrono::system_clock::now(); }

Status at_line(const Status& status, std::uint64_t number) {
  return status.with_context("line " + std::to_string(number));
}

// Why not `usage` for a line that is wrong: the command was right, its input was not.
ExitCode input_code(const Status& status) {
  const ExitCode code = exit_code_of(status);
  return code == ExitCode::usage ? ExitCode::failed : code;
}

// Whether the store may have the write all the same.
bool may_be_written(const Status& status) {
  return status.code() == Code::outcome_unknown || status.code() == Code::timed_out;
}

// "first command", "first 1,000 commands".
std::string so_many(std::string_view which, std::uint64_t count, std::string_view noun) {
  return std::string(which) + " " + (count == 1 ? std::string(noun) : count_of(count, noun));
}

// What is known of what was written.
struct Kept {
  Status status;     // Of waiting until it is safe, and of writing what was left.
  std::string text;  // For a person, where that or the reading failed.
};

// What is known when the input has ended.
ExitCode report_end(const KvInputEnd& end, const Kept& kept) {
  if (end.partial_bytes > 0) {
    report("interrupted in the middle of a line, which was not taken: " +
           count_of(end.partial_bytes, "byte") + " of it had been read");
  }
  if (end.status.ok() && kept.status.ok()) return ExitCode::done;
  std::string text(end.status.message());
  if (kept.status.message() != text) {
    if (!text.empty() && !kept.status.ok()) text += '\n';
    text += kept.status.message();
  }
  report(text + '\n' + kept.text);
  return input_code(kept.status.ok() ? end.status : kept.status);
}

class Acknowledgements {
 public:
  Acknowledgements(Kv& store, bool json) : store_(store), json_(json) {}

  Status take(std::string_view line, std::uint64_t number) {
    batch_.clear();
    if (Status parsed = parse_kv_line(line, KvLineKind::any, wall_clock(), batch_); !parsed.ok()) {
      return at_line(parsed, number);
    }
    const Result<KvOutcome> outcome = store_.write(batch_, kLater);
    if (outcome || may_be_written(outcome.error())) ++written_;
    if (!outcome) return at_line(outcome.error(), number);
    last_ = outcome->lsn;
    if (!outcome->applied) ++refused_;
    tell(*outcome);
    return {};
  }

  // A printed LSN is an acknowledgement.
  Status print() {
    if (told_.empty()) return out_.status();
    waited_ = store_.wait(last_);
    FORELOG_TRY(Status(waited_));
    synced_ = told_of_;
    out_ << told_;
    told_.clear();
    return out_.flush();
  }

  // Behind the last print().
  Kept kept() const {
    if (written_ == 0) return {.status = waited_, .text = "Nothing of it was written."};
    std::string text;
    if (synced_ > 0) {
      text = "Synced: what the " + so_many("first", synced_, "command") + " of it wrote. ";
    }
    if (written_ > synced_) {
      text += "Whether what the " +
              so_many(synced_ > 0 ? "next" : "first", written_ - synced_, "command") +
              " wrote is synced is not known: look before you repeat that. ";
    }
    return {.status = waited_, .text = text + "What follows was not written."};
  }

  std::uint64_t refused() const { return refused_; }

 private:
  void tell(const KvOutcome& outcome) {
    ++told_of_;
    const std::string lsn = std::to_string(outcome.lsn.value);
    const std::string found = std::to_string(outcome.found.value);
    if (json_) {
      told_ += outcome.applied
                   ? "{\"applied\":true,\"lsn\":" + lsn + "}\n"
                   : "{\"applied\":false,\"requirement\":" + std::to_string(outcome.unmet) +
                         ",\"version\":" + found + "}\n";
    } else {
      told_ += outcome.applied ? lsn + "\n"
                               : "refused: requirement " + std::to_string(outcome.unmet) +
                                     " found version " + found + "\n";
    }
  }

  Kv& store_;
  const bool json_;
  Output out_;
  KvBatch batch_;
  std::string told_;  // To be printed once `last_` is safe.
  Lsn last_;
  Status waited_;  // The last time.
  // Commands: that the store may have, that told_ speaks or spoke of, that are safe.
  std::uint64_t written_ = 0, told_of_ = 0, synced_ = 0;
  std::uint64_t refused_ = 0;
};

ExitCode run_batch(const KvPlace& place, bool json) {
  const Interrupts interrupts;
  return with_kv(place, Missing::is_made, [&](Kv& store) -> Result<ExitCode> {
    Acknowledgements all(store, json);
    const KvInput input{
        .take = [&](std::string_view line, std::uint64_t number) { return all.take(line, number); },
        .pause = [&] { return all.print(); }};
    const KvInputEnd end = read_kv_lines(interrupts, input);
    const ExitCode code = report_end(end, all.kept());
    return code == ExitCode::done && all.refused() > 0 ? ExitCode::refused : code;
  });
}

class Loader {
 public:
  explicit Loader(Kv& store) : store_(store) {}

  Status take(std::string_view line, std::uint64_t number) {
    const Status parsed = parse_kv_line(line, KvLineKind::puts_only, wall_clock(), batch_);
    if (!parsed.ok()) return at_line(parsed, number);
    bytes_ += line.size() + 1;
    return batch_.encoded_bytes() >= kBatchBytes ? write() : Status();
  }
  // Behind the last line, whatever became of it: waits until all that was written is safe.
  Kept finish() {
    Status written = write();
    Status waited = last_ == Lsn() ? Status() : store_.wait(last_);
    safe_ = waited.ok() && !in_doubt_;
    std::string text;
    if (safe_) {
      text = keys_ == 0 ? "Nothing of it was written."
                        : "Synced: the " + so_many("first", keys_, "key") +
                              ". What follows was not written.";
    } else {
      if (waited.ok() && keys_ > 0) text = "Synced: the " + so_many("first", keys_, "key") + ". ";
      text += waited.ok()  ? "Whether more was written"
              : keys_ == 1 ? "Whether the first key is synced"
                           : "Which of the " + so_many("first", keys_, "key") + " are synced";
      text += " is not known; to load the same input again is safe.";
    }
    return {.status = waited.ok() ? std::move(written) : std::move(waited), .text = text};
  }
  Status show() {
    const auto elapsed = std::chrono::steady_clock::now() - start_;
    if (elapsed < std::chrono::seconds(1)) return {};
    line_.show("load  " + count_of(keys_, "key") + "  " + bytes_text(bytes_) + "  " +
               count_text(static_cast<std::uint64_t>(per_second(keys_, elapsed))) + " a second");
    return {};
  }
  void clear() { line_.clear(); }

  bool safe() const {
    return safe_;
  }  // Behind finish(): all that is counted, and no more is there.
  std::uint64_t keys() const { return keys_; }
  Lsn last() const { return last_; }

 private:
  // Many in a record, since that takes less of everything; few enough that readers are not kept
  // waiting.
  static constexpr std::uint64_t kBatchBytes = 32 * KiB;

  Status write() {
    if (batch_.empty()) return {};
    const Result<KvOutcome> outcome = store_.write(batch_, kLater);
    const std::uint64_t keys = batch_.size();
    batch_.clear();
    if (!outcome) {
      in_doubt_ = may_be_written(outcome.error());
      return outcome.error();
    }
    keys_ += keys;
    last_ = outcome->lsn;
    return {};
  }

  Kv& store_;
  KvBatch batch_;
  Lsn last_;
  std::uint64_t keys_ = 0, bytes_ = 0;
  bool in_doubt_ = false, safe_ = false;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  StatusLine line_{STDERR_FILENO};
};

std::string loaded_text(std::uint64_t keys, Lsn last) {
  if (keys == 0) return "no keys loaded";
  return count_of(keys, "key") + " loaded, the last with LSN " + std::to_string(last.value);
}

ExitCode run_load(const KvPlace& place, bool json) {
  const Interrupts interrupts;
  return with_kv(place, Missing::is_made, [&](Kv& store) -> Result<ExitCode> {
    Loader loader(store);
    const KvInput input{.take = [&](std::string_view line,
                                    std::uint64_t number) { return loader.take(line, number); },
                        .pause = [&] { return loader.show(); }};
    const KvInputEnd end = read_kv_lines(interrupts, input);
    loader.clear();
    const ExitCode code = report_end(end, loader.finish());
    if (!loader.safe()) return code;
    Output out;
    const std::string text = loaded_text(loader.keys(), loader.last());
    out << (json ? "{\"keys\":" + std::to_string(loader.keys()) +
                       ",\"lsn\":" + std::to_string(loader.last().value) + "}"
                 : text)
        << "\n";
    return finish_change(out, code, "Synced: " + text + ".");
  });
}

}  // namespace

void add_kv_streams(CLI::App& kv, Context& context, const KvPlace& place) {
  auto batch_json = std::make_shared<bool>(false);
  CLI::App& batch = add_command(
      kv, context,
      {"batch",
       "Does what each line of standard input says, and prints its LSN once that is safe.\n"
       "A line is a JSON object: {\"key\":\"a\",\"value\":\"1\"}, {\"op\":\"del\",\"key\":\"a\"}, "
       "or\n"
       "{\"op\":\"require\",\"key\":\"a\",\"version\":7} (0: it is absent); or an array of such "
       "objects, of\n"
       "which all are done, or none where a requirement is not met. Exit code 6: some were "
       "refused.\n"
       "Exit code 1: a line is wrong, nobody takes the output, or it was interrupted; what was "
       "read\n"
       "before that is kept, and standard error tells how much of it.",
       "echo '[{\"op\":\"require\",\"key\":\"a\",\"version\":0},{\"key\":\"a\",\"value\":\"1\"}]' "
       "| "
       "forelog kv /tmp/shop batch"},
      [batch_json, &place] { return run_batch(place, *batch_json); });
  batch.add_flag("--json", *batch_json, "Print {\"applied\":true,\"lsn\":N} instead of N");

  auto load_json = std::make_shared<bool>(false);
  CLI::App& load = add_command(
      kv, context,
      {"load",
       "Puts the keys and values of standard input: JSON objects, one a line, as dump "
       "prints them.\n"
       "What is there under other keys stays. All of it is synced when it ends with exit "
       "code 0. Exit\n"
       "code 1: a line is wrong, or it was interrupted; what was read before that is kept. To "
       "load the\nsame input again is safe in any case.",
       "forelog kv /tmp/shop load < shop.jsonl"},
      [load_json, &place] { return run_load(place, *load_json); });
  load.add_flag("--json", *load_json, "Print {\"keys\":N,\"lsn\":N}");
}

}  // namespace forelog::cli
