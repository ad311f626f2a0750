// forelog kv DIR put, del, checkpoint: one change each.
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "cli/arguments.h"
#include "cli/kv_store.h"
#include "cli/output.h"
#include "cli/units.h"
#include "forelog/try.h"

namespace forelog::cli {
namespace {

struct PutOptions {
  std::string key;
  std::optional<std::string> value;
  std::optional<std::chrono::nanoseconds> expire_after;
  std::optional<std::uint64_t> if_version;
  bool erase = false;
  bool json = false;
};

// "90s", "10m", "1h30m", …: as in points in time that are so long ago.
Result<std::chrono::nanoseconds> parse_period(std::string_view text) {
  const Timestamp now(std::chrono::hours(24 * 365 * 100));
  const Result<Timestamp> then = parse_time(std::string(text) + " ago", now);
  if (!then || *then >= now) {
    return Status(Code::invalid_argument,
                  "'" + std::string(text) + "' is not a period such as 90s, 10m, 2h, 3d, 1h30m");
  }
  return now - *then;
}

Result<std::string> read_value() {
  std::string value;
  std::vector<char> block(64 * 1024);
  while (true) {
    const ssize_t bytes = ::read(STDIN_FILENO, block.data(), block.size());
    if (bytes == 0) return value;
    if (bytes > 0) {
      value.append(block.data(), static_cast<std::size_t>(bytes));
    } else if (errno != EINTR && errno != EAGAIN) {
      return Status(Code::io_error,
                    "cannot read standard input: " + std::generic_category().message(errno));
    }
    // Without reading it all, since it may have no end.
    if (value.size() > KvOptions().value_bytes_max) {
      return Status(Code::invalid_argument, "the value on standard input has more than " +
                                                std::to_string(KvOptions().value_bytes_max) +
                                                " bytes, which is the limit");
    }
  }
}

ExitCode print_outcome(const KvOutcome& outcome, const PutOptions& options) {
  Output out;
  if (!outcome.applied) {
    const std::string found = outcome.found == Lsn()
                                  ? "it is absent"
                                  : "it has version " + std::to_string(outcome.found.value);
    report("refused: the key has not the version that was required, " + found);
    if (options.json) {
      out << "{\"applied\":false,\"version\":" << std::to_string(outcome.found.value) << "}\n";
    }
    return finish(out, ExitCode::refused);
  }
  const std::string lsn = std::to_string(outcome.lsn.value);
  out << (options.json ? "{\"applied\":true,\"version\":" + lsn + "}" : lsn) << "\n";
  return finish_change(
      out, ExitCode::done,
      (options.erase ? "Synced: the key was removed at LSN " : "Synced: the key has version ") +
          lsn + ".");
}

Result<ExitCode> write_one(Kv& store, const PutOptions& options, const std::string& value) {
  KvBatch batch;
  if (options.if_version) batch.require(options.key, Lsn(*options.if_version));
  if (options.erase) {
    batch.erase(options.key);
  } else if (options.expire_after) {
    batch.put(options.key, value, *options.expire_after);
  } else {
    batch.put(options.key, value);
  }
  const KvOutcome outcome = FORELOG_TRY(store.write(batch));
  return print_outcome(outcome, options);
}

ExitCode run_write(const KvPlace& place, const PutOptions& options) {
  std::string value = options.value.value_or("");
  if (!options.erase && !options.value) {
    Result<std::string> read = read_value();
    if (!read) return fail(read.error());
    value = *std::move(read);
  }
  return with_kv(place, options.erase ? Missing::is_an_error : Missing::is_made,
                 [&](Kv& store) { return write_one(store, options, value); });
}

struct CheckpointOptions {
  bool json = false;
  bool compress = false;
  bool plain = false;
};

ExitCode run_checkpoint(const KvPlace& place, const CheckpointOptions& options) {
  const auto work = [&](Kv& store) -> Result<ExitCode> {
    const Lsn made = FORELOG_TRY(store.checkpoint());
    const std::string lsn = std::to_string(made.value);
    Output out;
    out << (options.json ? "{\"lsn\":" + lsn + "}" : lsn) << "\n";
    return finish_change(out, ExitCode::done, "The snapshot of LSN " + lsn + " was made.");
  };
  return with_kv(place, Missing::is_an_error, work,
                 options.compress ? CompressNew::all
                 : options.plain  ? CompressNew::none
                                  : CompressNew::as_newest);
}

void add_write_options(CLI::App& command, PutOptions& options) {
  add_parsed(command, "--if-version", "LSN", parse_count_or_zero, options.if_version,
             "Only where the key has this version; 0: only where it is absent. Else exit code 6");
  command.add_flag("--json", options.json, "Print {\"applied\":true,\"version\":N} instead of N");
}

}  // namespace

void add_kv_writers(CLI::App& kv, Context& context, const KvPlace& place) {
  auto put_options = std::make_shared<PutOptions>();
  CLI::App& put = add_command(
      kv, context,
      {"put", "Sets the value of a key, and prints the key's new version once that is synced.",
       "forelog kv /tmp/shop put order/17 'two pizzas'\n"
       "forelog kv /tmp/shop put logo < logo.png"},
      [put_options, &place] { return run_write(place, *put_options); });
  put.add_option("KEY", put_options->key, "Any bytes, up to 65,535")->type_name("")->required();
  put.add_option("VALUE", put_options->value, "Any bytes, up to 8 MiB; without it: standard input")
      ->type_name("");
  add_parsed(put, "--expire-after", "PERIOD", parse_period, put_options->expire_after,
             "The key is absent after this: 90s, 10m, 2h, 3d, 1h30m");
  add_write_options(put, *put_options);

  auto del_options = std::make_shared<PutOptions>();
  del_options->erase = true;
  CLI::App& del = add_command(
      kv, context,
      {"del", "Removes a key, whether it is there or not, and prints the LSN once that is synced.",
       "forelog kv /tmp/shop del order/17"},
      [del_options, &place] { return run_write(place, *del_options); });
  del.add_option("KEY", del_options->key, "Any bytes")->type_name("")->required();
  add_write_options(del, *del_options);

  auto options = std::make_shared<CheckpointOptions>();
  CLI::App& checkpoint =
      add_command(kv, context,
                  {"checkpoint",
                   "Makes a snapshot, drops the log that it covers, and prints its LSN. It is "
                   "compressed if the\n"
                   "newest one is; the first one is not.",
                   "forelog kv /tmp/shop checkpoint\nforelog kv /tmp/shop checkpoint --compress"},
                  [options, &place] { return run_checkpoint(place, *options); });
  checkpoint.add_flag("--json", options->json, "Print {\"lsn\":N} instead of N");
  CLI::Option* compress = checkpoint.add_flag(
      "--compress", options->compress,
      "With zstd, this one and later ones: a program then needs SnapshotOptions::compression to "
      "open the store");
  checkpoint.add_flag("--no-compress", options->plain, "Not this one, nor later ones")
      ->excludes(compress);
}

}  // namespace forelog::cli
