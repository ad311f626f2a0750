// forelog kv DIR get, scan, dump, stats: what reads a store and changes nothing.
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/kv_json.h"
#include "cli/kv_store.h"
#include "cli/output.h"
#include "cli/reports.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "cli/units.h"

namespace forelog::cli {
namespace {

struct GetOptions {
  std::string key;
  bool raw = false;
  bool json = false;
};

ExitCode run_get(const KvPlace& place, const GetOptions& options) {
  const Result<Kv> store = open_kv_to_read(place);
  if (!store) return fail(store.error());
  const auto found = store->get(options.key);
  if (!found) return fail(found.error());
  if (!*found) return fail({Code::not_found, place.dir + " has no such key"});
  Output out;
  const KvValue& value = **found;
  if (options.json) {
    append_entry(out.pending(),
                 {.key = options.key,
                  .value = value.value,
                  .version = value.version,
                  .expires = value.expires},
                 true);
  } else if (!options.raw && is_terminal(STDOUT_FILENO)) {
    append_printable(out.pending(), value.value);
    out << "\n";
  } else {
    out << value.value << (options.raw ? "" : "\n");
  }
  return finish(out, ExitCode::done);
}

struct ScanOptions {
  std::optional<std::string> prefix, from, to;
  bool reverse = false;
  std::uint64_t limit = 0;  // 0: none.
  bool keys = false;
  bool json = false;
};

KvRange range_of(const ScanOptions& options) {
  if (options.prefix) return KvRange::prefix(*options.prefix);
  return {.from = options.from.value_or(""), .to = options.to};
}

void print_entry(std::string& out, const KvEntry& entry, const ScanOptions& options,
                 bool for_terminal) {
  if (options.json) return append_entry(out, entry, true);
  const auto append = [&](ByteView bytes) {
    if (for_terminal) return append_printable(out, bytes.text());
    out += bytes.text();
  };
  append(entry.key);
  if (!options.keys) {
    out += '\t';
    append(entry.value);
  }
  out += '\n';
}

ExitCode run_scan(const KvPlace& place, const ScanOptions& options) {
  const Result<Kv> store = open_kv_to_read(place);
  if (!store) return fail(store.error());
  const auto view = store->view();
  if (!view) return fail(view.error());
  auto cursor =
      view->scan(range_of(options), options.reverse ? KvOrder::descending : KvOrder::ascending);
  if (!cursor) return fail(cursor.error());
  Output out;
  const bool for_terminal = is_terminal(STDOUT_FILENO);
  for (std::uint64_t count = 0; options.limit == 0 || count < options.limit; ++count) {
    const auto entry = cursor->next();
    if (!entry) return fail(entry.error());
    if (!*entry || !out.status().ok()) break;
    print_entry(out.pending(), **entry, options, for_terminal);
    out.spill();
  }
  return finish(out, ExitCode::done);
}

ExitCode run_dump(const KvPlace& place) {
  const Result<Kv> store = open_kv_to_read(place);
  if (!store) return fail(store.error());
  const auto view = store->view();
  if (!view) return fail(view.error());
  auto cursor = view->scan();
  if (!cursor) return fail(cursor.error());
  Output out;
  while (out.status().ok()) {
    const auto entry = cursor->next();
    if (!entry) return fail(entry.error());
    if (!*entry) break;
    append_entry(out.pending(), **entry, false);
    out.spill();
  }
  return finish(out, ExitCode::done);
}

std::string stats_text(const KvStats& stats, const Recovered& recovered) {
  std::string text = count_of(stats.keys, "key") + ": " + bytes_text(stats.key_bytes) +
                     " of keys, " + bytes_text(stats.value_bytes) + " of values, in about " +
                     bytes_text(stats.memory_bytes) + " of memory\n";
  if (stats.expiring > 0) text += count_of(stats.expiring, "key") + " with a time to live\n";
  text += "LSN " + std::to_string(stats.applied.value) +
          ": the last record of the log, that of a refused write included\n";
  text += "log " + bytes_text(stats.log_bytes) + ", " + count_of(stats.snapshots, "snapshot") +
          " of " + bytes_text(stats.snapshot_bytes) + "\n";
  return text + "opened from: " + recovered.to_string() + "\n";
}

Json stats_json(const KvStats& stats, const Recovered& recovered) {
  Json json;
  json["keys"] = stats.keys;
  json["key_bytes"] = stats.key_bytes;
  json["value_bytes"] = stats.value_bytes;
  json["expiring"] = stats.expiring;
  json["memory_bytes"] = stats.memory_bytes;
  json["applied"] = stats.applied.value;
  json["log_bytes"] = stats.log_bytes;
  json["snapshots"] = stats.snapshots;
  json["snapshot_bytes"] = stats.snapshot_bytes;
  json["snapshot"] = recovered.snapshot == Lsn() ? Json() : Json(recovered.snapshot.value);
  json["replayed_records"] = recovered.records;
  json["replayed_bytes"] = recovered.bytes;
  json["load_seconds"] = std::chrono::duration<double>(recovered.load_time).count();
  json["replay_seconds"] = std::chrono::duration<double>(recovered.replay_time).count();
  json["damaged"] = Json::array();
  for (const Damage& damage : recovered.damaged) json["damaged"].push_back(to_json(damage));
  return json;
}

ExitCode run_stats(const KvPlace& place, bool json) {
  const Result<Kv> store = open_kv_to_read(place);
  if (!store) return fail(store.error());
  const auto stats = store->stats();
  if (!stats) return fail(stats.error());
  Output out;
  out << (json ? json_text(stats_json(*stats, store->recovered()))
               : stats_text(*stats, store->recovered()));
  return finish(out, ExitCode::done);
}

void add_get(CLI::App& kv, Context& context, const KvPlace& place) {
  auto options = std::make_shared<GetOptions>();
  CLI::App& command = add_command(
      kv, context,
      {"get", "Prints the value of a key, and a newline. Exit code 4: there is no such key.",
       "forelog kv /tmp/shop get order/17\nforelog kv /tmp/shop get order/17 --json"},
      [options, &place] { return run_get(place, *options); });
  command.add_option("KEY", options->key, "Any bytes")->type_name("")->required();
  CLI::Option* raw = command.add_flag("--raw", options->raw, "The value alone, without a newline");
  command.add_flag("--json", options->json, "An object with key, value and version")->excludes(raw);
}

void add_scan(CLI::App& kv, Context& context, const KvPlace& place) {
  auto options = std::make_shared<ScanOptions>();
  CLI::App& command = add_command(
      kv, context,
      {"scan",
       "Prints keys and values in order of the bytes of the keys: key, tab, value, newline.",
       "forelog kv /tmp/shop scan --prefix order/ --reverse --limit 10\n"
       "forelog kv /tmp/shop scan --from a --to b --json"},
      [options, &place] { return run_scan(place, *options); });
  CLI::Option* prefix =
      command.add_option("--prefix", options->prefix, "Keys that begin with this");
  command.add_option("--from", options->from, "The first key")->excludes(prefix);
  command.add_option("--to", options->to, "The key to stop before")->excludes(prefix);
  command.add_flag("--reverse", options->reverse, "From the last to the first");
  add_parsed(command, "--limit", "N", parse_count, options->limit, "So many at the most");
  CLI::Option* keys = command.add_flag("--keys", options->keys, "Keys only, one a line");
  command.add_flag("--json", options->json, "An object a line, with the version")->excludes(keys);
}

}  // namespace

void add_kv_readers(CLI::App& kv, Context& context, const KvPlace& place) {
  add_get(kv, context, place);
  add_scan(kv, context, place);
  add_command(
      kv, context,
      {"dump", "Prints all keys and values as JSON, one object a line, in order: what load reads.",
       "forelog kv /tmp/shop dump > shop.jsonl"},
      [&place] { return run_dump(place); });
  auto json = std::make_shared<bool>(false);
  CLI::App& stats = add_command(
      kv, context,
      {"stats", "Tells how much there is: keys, bytes, memory, log, snapshots; how it was opened.",
       "forelog kv /tmp/shop stats --json | jq .keys"},
      [json, &place] { return run_stats(place, *json); });
  stats.add_flag("--json", *json, "Print one JSON object");
}

}  // namespace forelog::cli
