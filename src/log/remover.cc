#include "log/remover.h"

#include <system_error>
#include <utility>

#include "base/guarded.h"
#include "base/text.h"
#include "forelog/try.h"
#include "log/segment_supply.h"

namespace forelog::log {

using base::concat;

namespace {

Status remove_all(Directory& dir, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    Status gone = dir.remove(name);
    if (gone.code() != Code::not_found) FORELOG_TRY(std::move(gone));
  }
  return names.empty() ? Status() : dir.sync();
}

// The files to come take the names that a process before has given, too.
Status move_away(Directory& dir, std::string& name) {
  if (!name.starts_with(kSparePrefix)) return {};
  std::string moved = concat("old-", name);
  FORELOG_TRY(dir.rename(name, moved));
  name = std::move(moved);
  return {};
}

}  // namespace

Status Remover::remove(Directory& dir, std::vector<std::string> names, bool in_background,
                       RecoveryReport& report) {
  for (const std::string& name : names) {
    report.notes.push_back(concat("removed ", name, ", a left-over"));
  }
  if (names.empty() || !in_background) return remove_all(dir, names);
  for (std::string& name : names) {
    // A name that is too long to become longer, for one.
    if (!move_away(dir, name).ok()) return remove_all(dir, names);
  }
  const auto start = [&]() -> Status {
    thread_ = base::Thread(
        [this, &dir, names] { removed_ = base::guarded([&] { return remove_all(dir, names); }); });
    return {};
  };
  return base::guarded(start).ok() ? Status() : remove_all(dir, names);
}

Status Remover::finish() {
  if (thread_.joinable()) thread_.join();
  return std::exchange(removed_, Status());
}

}  // namespace forelog::log
