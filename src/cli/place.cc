#include "cli/place.h"

#include <optional>
#include <string>
#include <system_error>

#include "forelog/file_system.h"
#include "forelog/log.h"
#include "forelog/snapshot.h"
#include "forelog/zstd.h"
#include "intents/command.h"
#include "intents/store.h"
#include "kv/command.h"
#include "kv/state.h"
#include "segment/segment_name.h"

namespace forelog::cli {
namespace {

namespace fs = std::filesystem;

enum class Found : std::uint8_t {
  nothing,
  log,
  store,
  intents,
  other_state,
  unknown_state,  // It has a log/ that does not tell: empty, damaged, or in another program's words.
};

bool is_log(const fs::path& dir) {
  std::error_code error;
  for (fs::directory_iterator at(dir, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    if (name == "WATERMARK" || segment::parse_segment_name(name)) return true;
  }
  return false;
}

// By the kind that its newest snapshot is marked with; nullopt: there is none that tells.
std::optional<Found> kind_by_snapshots(const fs::path& dir) {
  const auto snapshots =
      Snapshots::open(dir, {.create_if_missing = false, .read_only = true, .compression = &zstd()});
  if (!snapshots) return std::nullopt;
  const auto infos = snapshots->list();
  if (!infos || infos->empty() || infos->front().kind.empty()) return std::nullopt;
  const std::string& kind = infos->front().kind;
  if (kind == kv::kStateKind) return Found::store;
  return kind == intents::kSnapshotKind ? Found::intents : Found::other_state;
}

// By its first record, where that is whole: one that neither of the two could have written is
// another state's.
Found kind_by_log(const fs::path& dir) {
  const auto log =
      Log::open(dir, {.create_if_missing = false, .recovery = RecoveryPolicy::read_only});
  if (!log) return Found::unknown_state;
  Cursor records = log->read();
  const auto first = records.next();
  if (!first || !*first) return Found::unknown_state;
  const ByteView bytes = (*first)->payload;
  kv::Command command;
  const kv::CommandCheck check = kv::decode_command(bytes, command);
  if (check == kv::CommandCheck::valid) return Found::store;
  const auto of_intents = intents::decode_command(bytes);
  if (of_intents) return Found::intents;
  const bool newer =
      check == kv::CommandCheck::unknown || of_intents.error().code() == Code::unsupported;
  return newer ? Found::unknown_state : Found::other_state;
}

Found look_at(const fs::path& dir) {
  if (is_log(dir)) return Found::log;
  // Also where the log is lost.
  const std::optional<Found> kind = kind_by_snapshots(dir / "snapshots");
  if (kind) return *kind;
  return is_log(dir / "log") ? kind_by_log(dir / "log") : Found::nothing;
}

bool is_meant(Found found, Meant meant) {
  switch (meant) {
    case Meant::log: return found == Found::log;
    case Meant::store: return found == Found::store || found == Found::unknown_state;
    case Meant::intents: return found == Found::intents || found == Found::unknown_state;
  }
  return false;
}

const char* name_of(Found found) {
  switch (found) {
    case Found::log: return "a log";
    case Found::store: return "a store";
    case Found::intents: return "a directory of intents";
    case Found::other_state:
    case Found::unknown_state: return "the directory of a state";
    case Found::nothing: break;
  }
  return "";
}

// The directory above it, also of a path with a slash behind it.
fs::path above(const fs::path& dir) {
  const fs::path holder = fs::path(dir / "").parent_path().parent_path();
  return holder.empty() ? fs::path(".") : holder;
}

std::string here_and_nearby(const fs::path& dir, Found found, Meant meant) {
  const bool nothing = found == Found::nothing;
  std::string text = dir.string() + (nothing ? "" : std::string(" is ") + name_of(found));
  switch (meant) {
    case Meant::log:
      return text + (nothing ? ": no log there" : ": its log is " + (dir / "log").string());
    case Meant::store:
      text += nothing ? ": no store there" : ", not a store";
      if (look_at(above(dir)) == Found::store) text += ": the store is " + above(dir).string();
      return text;
    case Meant::intents:
      text += nothing ? ": no intents there" : ", not a directory of intents";
      if (look_at(dir / "intents") == Found::intents) {
        text += "; give the directory below it, " + (dir / "intents").string();
      } else if (look_at(above(dir)) == Found::intents) {
        text += "; give the directory above it, " + above(dir).string();
      }
      return text;
  }
  return text;
}

}  // namespace

Status check_directory(const fs::path& dir) {
  std::error_code error;
  const fs::file_status found = fs::symlink_status(dir, error);
  if (fs::is_symlink(found)) {
    const auto opened = posix_file_system().open_directory(dir, false);
    return opened ? Status() : opened.error();
  }
  if (!fs::exists(found) || fs::is_directory(found)) return {};
  return {Code::not_found, dir.string() + " is not a directory, but a file"};
}

Status check_for_appending(const fs::path& dir, bool force) {
  constexpr const char* kWayOut =
      ". To write to the store use `forelog kv DIR put`, or the program that it belongs to";
  std::error_code error;
  const auto is_state = [&](const fs::path& at) {
    return fs::is_directory(at / "log", error) && fs::is_directory(at / "snapshots", error);
  };
  if (is_state(dir)) {
    return {Code::not_found,
            dir.string() + " is a store: its log is " + (dir / "log").string() + kWayOut};
  }
  // By way of the directory itself, so that "." and links among its parents mean what they do.
  const fs::path log = fs::canonical(dir, error);
  if (error || force || log.filename() != "log" || !is_state(log.parent_path())) return {};
  return {Code::invalid_argument,
          dir.string() + " is the log of a store, " + log.parent_path().string() +
              ", which a record that is no command of it would end. Nothing was changed" + kWayOut +
              "; --force appends all the same"};
}

Status explain_place(const Status& error, const fs::path& dir, Meant meant) {
  switch (error.code()) {
    case Code::not_found:
    case Code::trimmed:
    case Code::invalid_argument:
    case Code::corrupt:
    case Code::unsupported: break;
    default: return error;
  }
  Status directory = check_directory(dir);
  if (!directory) return directory;
  std::error_code ignored;
  if (!fs::exists(dir, ignored)) return error;
  const Found found = look_at(dir);
  if (is_meant(found, meant)) return error;
  return {Code::not_found, here_and_nearby(dir, found, meant)};
}

}  // namespace forelog::cli
