// forelog snapshots: which snapshots of a state there are, and whether they are whole.
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/reports.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "cli/units.h"
#include "forelog/snapshot.h"
#include "forelog/try.h"
#include "forelog/zstd.h"

namespace forelog::cli {
namespace {

namespace fs = std::filesystem;

struct SnapshotsOptions {
  std::string dir;
  bool verify = false;
  bool json = false;
};

struct Looked {
  SnapshotInfo info;
  Status status;  // Of verify; ok where that was not asked for.
};

// Why it is asked at all: a log has no snapshots in it, and neither has a mistyped name, but to say so
// would be to say that a state has none. What cannot be listed is for Snapshots::open to tell of.
Status check_is_for_snapshots(const fs::path& dir) {
  std::error_code error;
  bool lock = false, log = false;
  for (fs::directory_iterator at(dir, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    if (name.ends_with(".snapshot")) return {};
    lock = lock || name == "LOCK";
    log = log || name == "WATERMARK" || name.ends_with(".segment");
  }
  if (error || (lock && !log)) return {};
  std::string text = dir.string() + ": no directory of snapshots" + (log ? ", but a log" : "") +
                     "; give the directory of a state, with log/ and snapshots/ in it";
  fs::path state = fs::path(dir / "").parent_path().parent_path();
  if (state.empty()) state = ".";
  if (log && fs::is_directory(state / "snapshots", error)) text += ": " + state.string();
  return {Code::not_found, std::move(text)};
}

// That of a state (durable.h) has a directory for them.
Result<fs::path> snapshots_directory(const fs::path& dir) {
  FORELOG_TRY(check_directory(dir));
  std::error_code ignored;
  if (fs::is_directory(dir / "snapshots", ignored)) return dir / "snapshots";
  FORELOG_TRY(check_is_for_snapshots(dir));
  return dir;
}

Json snapshot_json(const Looked& looked, bool verified) {
  const SnapshotInfo& info = looked.info;
  Json json;
  json["lsn"] = info.lsn.value;
  json["file"] = info.file;
  json["bytes"] = info.bytes;
  json["time"] = time_text(info.time);
  json["kind"] = info.kind;
  json["log_id"] = info.log_id;
  json["compression"] = info.compression.empty() ? Json() : Json(info.compression);
  json["verified"] = verified ? Json(looked.status.ok()) : Json();
  json["error"] = looked.status.ok() ? Json() : Json(std::string(looked.status.message()));
  return json;
}

std::string text_of(const std::vector<Looked>& all, const std::vector<Damage>& damaged,
                    bool verified) {
  std::string text;
  if (!all.empty()) {
    Table table({{"LSN", Align::right},
                 {"made"},
                 {"kind"},
                 {"size", Align::right},
                 {"compression"},
                 {verified ? "verify" : ""},
                 {"file"}});
    for (const Looked& looked : all) {
      const SnapshotInfo& info = looked.info;
      table.add({std::to_string(info.lsn.value), time_text(info.time),
                 info.kind.empty() ? "-" : info.kind, bytes_text(info.bytes),
                 info.compression.empty() ? "-" : info.compression,
                 !verified            ? ""
                 : looked.status.ok() ? "ok"
                                      : "FAILED",
                 info.file});
    }
    text = table.text("");
  } else if (damaged.empty()) {
    text = "no snapshots\n";
  }
  for (const Damage& damage : damaged) text += "damaged: " + damage.to_string() + "\n";
  for (const Looked& looked : all) {
    if (!looked.status.ok()) text += "failed: " + std::string(looked.status.message()) + "\n";
  }
  return text;
}

// The snapshots in which nothing is wrong but what `damaged` tells, and what verify says of them.
Result<std::vector<Looked>> look(const Snapshots& snapshots, const SnapshotsOptions& options,
                                 std::vector<Damage>& damaged) {
  std::vector<Looked> all;
  ProgressBar progress;
  const auto infos = snapshots.list(&damaged);
  if (!infos) return infos.error();
  Progress done{.phase = "verify"};
  for (const SnapshotInfo& info : *infos) done.bytes_total += info.bytes;
  for (const SnapshotInfo& info : *infos) {
    Status status = options.verify ? snapshots.verify(info.lsn) : Status();
    // One that was removed meanwhile has made way for a newer one.
    if (status.code() == Code::not_found) continue;
    all.push_back({info, std::move(status)});
    done.bytes_done += info.bytes;
    progress.update(done);
  }
  progress.clear();
  return all;
}

ExitCode run_snapshots(const SnapshotsOptions& options) {
  const auto dir = snapshots_directory(options.dir);
  if (!dir) return fail(dir.error());
  const auto snapshots = Snapshots::open(
      *dir, {.create_if_missing = false, .read_only = true, .compression = &zstd()});
  if (!snapshots) return fail(snapshots.error());
  std::vector<Damage> damaged;
  const auto all = look(*snapshots, options, damaged);
  if (!all) return fail(all.error());

  ExitCode code = damaged.empty() ? ExitCode::done : ExitCode::corrupt;
  for (const Looked& looked : *all) {
    if (looked.status.ok() || code == ExitCode::corrupt) continue;
    code = exit_code_of(looked.status);
  }
  Output out;
  if (options.json) {
    Json json;
    json["snapshots"] = Json::array();
    for (const Looked& looked : *all)
      json["snapshots"].push_back(snapshot_json(looked, options.verify));
    json["damaged"] = Json::array();
    for (const Damage& damage : damaged) json["damaged"].push_back(to_json(damage));
    out << json_text(json);
  } else {
    out << text_of(*all, damaged, options.verify);
  }
  return finish(out, code);
}

}  // namespace

void add_snapshots(CLI::App& app, Context& context) {
  auto options = std::make_shared<SnapshotsOptions>();
  CLI::App& command = add_command(
      app, context,
      {"snapshots",
       "Shows the snapshots of a state: of which LSN, when they were made, how large they are. "
       "With\n"
       "--verify reads and checks every byte of them. Recovery takes the newest that verifies. "
       "Changes\n"
       "nothing, and works beside the process that makes them. Exit code 3: one is damaged.",
       "forelog snapshots /tmp/shop\n"
       "forelog snapshots /tmp/shop --verify\n"
       "forelog snapshots /tmp/shop --json | jq '.snapshots[0].lsn'"},
      [options] { return run_snapshots(*options); });
  command
      .add_option("DIR", options->dir,
                  "Directory of a state (with snapshots/ and log/ in it), or of the snapshots")
      ->type_name("")
      ->required();
  command.add_flag("--verify", options->verify, "Read and check every byte");
  command.add_flag("--json", options->json, "Print one JSON object");
}

}  // namespace forelog::cli
