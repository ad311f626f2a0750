// forelog info: what a log holds, who holds it, and what a writer would do at open.
#include <cstdint>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/reports.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "cli/units.h"
#include "forelog/maintain.h"

namespace forelog::cli {
namespace {

struct InfoOptions {
  std::string dir;
  bool json = false;
};

std::string time_or_dash(Timestamp time) { return time == Timestamp() ? "-" : time_text(time); }

std::string segments_text(const LogInfo& info) {
  Table table({{"segment", Align::right},
               {"state"},
               {"first LSN", Align::right},
               {"last LSN", Align::right},
               {"first time"},
               {"last time"},
               {"data", Align::right},
               {"size", Align::right},
               {"file"}});
  for (const SegmentInfo& segment : info.segments) {
    const bool empty = segment.last_lsn < segment.first_lsn;
    table.add({std::to_string(segment.number), std::string(to_string(segment.state)),
               empty ? "-" : std::to_string(segment.first_lsn.value),
               empty ? "-" : std::to_string(segment.last_lsn.value),
               empty ? "-" : time_or_dash(segment.first_time),
               empty ? "-" : time_or_dash(segment.last_time), bytes_text(segment.data_bytes),
               bytes_text(segment.file_bytes), segment.file});
  }
  return table.text("  ");
}

std::string holders_text(const LogInfo& info) {
  Table table({{"holder"}, {"keeps from LSN", Align::right}, {"at most", Align::right}, {"state"}});
  for (const Holder& holder : info.holders) {
    table.add({holder.name, std::to_string(holder.keep_from.value),
               holder.bytes_max == 0 ? "no cap" : bytes_text(holder.bytes_max),
               holder.overrun ? "overrun: holds nothing back" : "holds"});
  }
  return table.text("  ");
}

std::string indented(const std::string& text) {
  std::string out = "  ";
  for (const char c : text) {
    out += c;
    if (c == '\n') out += "  ";
  }
  return out.substr(0, out.find_last_not_of(" \n") + 1) + "\n";
}

// Without a writer the watermarks are those that the next one begins with: it syncs what it keeps. What the
// last one had synced is less where it was killed before it wrote that down.
std::string what_proves(const LogInfo& info) {
  const Lsn proven = info.recovery.proven_synced;
  if (info.writer_alive || proven >= info.watermarks.synced) return {};
  return " once a writer opens it; known to be synced until then: " + std::to_string(proven.value);
}

std::string info_text(const std::string& dir, const LogInfo& info) {
  std::uint64_t data_bytes = 0;
  for (const SegmentInfo& segment : info.segments) data_bytes += segment.data_bytes;
  const Watermarks& marks = info.watermarks;

  std::string text = "log         " + dir + "\n";
  text += "id          " + info.log_id + ", format " + std::to_string(info.format_version) + "\n";
  text += "writer      " + std::string(info.writer_alive ? "alive" : "none") + "\n";
  text += "records     " + records_text(info.first_lsn, info.last_lsn) + "\n";
  text += "watermarks  appended " + std::to_string(marks.appended.value) + ", written " +
          std::to_string(marks.written.value) + ", synced " + std::to_string(marks.synced.value) +
          what_proves(info) + "\n";
  text += "size        " + bytes_text(data_bytes) + " in " +
          count_of(info.segments.size(), "segment") + "\n";
  text += "\n" + segments_text(info);
  text += info.holders.empty() ? "\nno holders\n" : "\n" + holders_text(info);
  text += info.writer_alive ? "\nas the writer's files stand:\n" : "\na writer would find:\n";
  text += indented(info.recovery.to_string());
  if (info.segments.size() > 1) {
    text +=
        "  (Damage in segments before the last one keeps no writer from opening, and is not\n"
        "  looked for here: `forelog verify` finds it.)\n";
  }
  return text;
}

ExitCode run_info(const InfoOptions& options) {
  ProgressBar progress;
  const Result<LogInfo> info = inspect(options.dir, {.on_progress = progress.callback()});
  progress.clear();
  if (!info) return fail(explain_place(info.error(), options.dir, Meant::log));
  Output out;
  out << (options.json ? json_text(to_json(*info)) : info_text(options.dir, *info));
  const bool rot = info->recovery.verdict == Verdict::rot;
  return finish(out, rot ? ExitCode::corrupt : ExitCode::done);
}

}  // namespace

void add_info(CLI::App& app, Context& context) {
  auto options = std::make_shared<InfoOptions>();
  CLI::App& command = add_command(
      app, context,
      {"info",
       "Shows a log's watermarks, records, segments and holders, and what a writer would find at\n"
       "open. Changes nothing, and works beside a writer. Exits with 3 when what open looks at is\n"
       "damaged; `forelog verify` looks at everything.",
       "forelog info /tmp/log\n"
       "forelog info /tmp/log --json | jq .watermarks.synced"},
      [options] { return run_info(*options); });
  add_directory(command, options->dir);
  command.add_flag("--json", options->json, "Print one JSON object");
}

}  // namespace forelog::cli
