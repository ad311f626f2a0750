// forelog kv: a key-value store in a directory, from the shell. The commands below it are in
// kv_readers.cc, kv_writers.cc and kv_streams.cc.
#include <unistd.h>

#include <chrono>
#include <memory>
#include <utility>

#include "cli/kv_store.h"
#include "cli/place.h"
#include "cli/reports.h"
#include "cli/terminal.h"
#include "cli/units.h"
#include "forelog/zstd.h"

namespace forelog::cli {
namespace {

// On a terminal, while it takes longer than a second.
class ReplayLine {
 public:
  std::function<void(const ReplayProgress&)> callback() {
    return [this](const ReplayProgress& progress) {
      if (std::chrono::steady_clock::now() - start_ < std::chrono::seconds(1)) return;
      line_.show("replay  " + count_of(progress.records, "record") + "  " +
                 bytes_text(progress.bytes) + "  " + duration_text(progress.left) + " left");
    };
  }
  void clear() { line_.clear(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  StatusLine line_{STDERR_FILENO};
};

Result<Kv> open_kv(const KvPlace& place, KvOptions options) {
  ReplayLine line;
  options.key_bytes_max = 65'535;
  options.durable.snapshots.compression = &zstd();
  options.durable.recovery.on_progress = line.callback();
  Result<Kv> store = Kv::open(place.dir, std::move(options));
  line.clear();
  if (!store) {
    if (store.error().code() != Code::busy) {
      return explain_place(store.error(), place.dir, Meant::store);
    }
    return Status(Code::busy, place.dir +
                                  ": another process has this store open to write; get, scan, dump "
                                  "and stats work beside it");
  }
  if (!store->recovered().damaged.empty()) report(store->recovered().to_string());
  return store;
}

}  // namespace

Result<Kv> open_kv_to_read(const KvPlace& place) {
  KvOptions options;
  options.read_only = true;
  return open_kv(place, std::move(options));
}

Result<Kv> open_kv_to_write(const KvPlace& place, Missing missing, CompressNew compress_new) {
  KvOptions options;
  options.durable.snapshots.compress_new = compress_new;
  options.durable.log.create_if_missing = missing == Missing::is_made;
  return open_kv(place, std::move(options));
}

ExitCode with_kv(const KvPlace& place, Missing missing,
                 const std::function<Result<ExitCode>(Kv&)>& work, CompressNew compress_new) {
  Result<Kv> store = open_kv_to_write(place, missing, compress_new);
  if (!store) return fail(store.error());
  const Result<ExitCode> done = work(*store);
  const Status health = store->health();
  const Status closed = store->close();
  if (!done) return fail(done.error());
  // Where the log had failed before, work has told why.
  if (!closed.ok() && (health.ok() || *done == ExitCode::done)) return fail(closed);
  return *done;
}

void add_kv(CLI::App& app, Context& context) {
  auto place = std::make_shared<KvPlace>();
  CLI::App& kv = *app.add_subcommand(
      "kv",
      "Keeps keys and values: get, put, del, scan, batch, load, dump, checkpoint, stats.\n"
      "A store is a directory, made by the first put, batch or load. A write is done once it is "
      "safe, and\n"
      "prints its LSN, which is the version of its keys. What only reads works beside the process "
      "that\n"
      "writes, sees what was synced when it began, and changes nothing; each of these loads the\n"
      "whole store into memory first. Where keys and values pass as JSON they are objects, one a\n"
      "line: {\"key\":\"a\",\"value\":\"1\"}, with key_base64 or value_base64 where bytes are not "
      "UTF-8.");
  kv.add_option("DIR", place->dir, "Directory of the store")->type_name("")->required();
  kv.footer(
      "Examples:\n"
      "  forelog kv /tmp/shop put order/17 'two pizzas'\n"
      "  forelog kv /tmp/shop put lamp on --if-version 0   # where it is absent\n"
      "  forelog kv /tmp/shop put session/4 alice --expire-after 30m\n"
      "  forelog kv /tmp/shop get order/17\n"
      "  forelog kv /tmp/shop scan --prefix order/ --reverse --limit 10\n"
      "  printf '%s\\n' '{\"key\":\"a\",\"value\":\"1\"}' '{\"op\":\"del\",\"key\":\"b\"}' | "
      "forelog kv /tmp/shop "
      "batch\n"
      "  forelog kv /tmp/shop dump | forelog kv /tmp/copy load\n"
      "  forelog kv /tmp/shop del order/17\n"
      "  forelog kv /tmp/shop checkpoint\n"
      "  forelog kv /tmp/shop stats --json | jq .keys\n"
      "\n"
      "Exit codes: forelog --help\n");
  kv.require_subcommand(1);
  // Why: the commands refer to it until one of them has run.
  kv.callback([place] {});
  add_kv_readers(kv, context, *place);
  add_kv_writers(kv, context, *place);
  add_kv_streams(kv, context, *place);
}

}  // namespace forelog::cli
