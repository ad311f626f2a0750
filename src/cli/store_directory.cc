#include "cli/store_directory.h"

#include <filesystem>
#include <system_error>

namespace forelog::cli {

namespace fs = std::filesystem;

Status check_is_no_store(const std::string& dir) {
  const fs::path path(dir);
  std::error_code error;
  if (!fs::is_directory(path / "log", error) || !fs::is_directory(path / "snapshots", error)) {
    return {};
  }
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    // A stray log, which has to be seen to be moved away.
    if (at->path().extension() == ".segment") return {};
  }
  return {Code::not_found, dir + " is a store: its log is " + (path / "log").string() +
                               ". To write to the store use `forelog kv DIR put`, or the "
                               "program that it belongs to"};
}

Status check_is_no_log_of_store(const std::string& dir) {
  std::error_code error;
  // By way of the directory itself, so that "." and links among its parents mean what they do.
  const fs::path log = fs::canonical(dir, error);
  if (error || log.filename() != "log") return {};
  if (!fs::is_directory(log.parent_path() / "snapshots", error)) return {};
  return {Code::invalid_argument,
          dir + " is the log of a store, " + log.parent_path().string() +
              ", which a record that is no command of it would end. Nothing was changed. To write "
              "to the store use `forelog kv DIR put`, or the program that it belongs to; --force "
              "appends all the same"};
}

}  // namespace forelog::cli
