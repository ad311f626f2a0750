// FailingSyncs: a disk that begins to fail under a real program, when a test says so.
// Threading: none.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "support/program.h"

namespace forelog::cli_test {

// environment() is for a program, none of whose files can be synced any more once fail() was called
// (tests/preload/failing_sync.cc).
class FailingSyncs {
 public:
  explicit FailingSyncs(const std::filesystem::path& dir) : mark_(dir / "syncs-fail") {}

  Arguments environment() const {
    return {"LD_PRELOAD=" FORELOG_PRELOADS "/failing_sync.so",
            "FORELOG_SYNCS_FAIL_WHILE=" + mark_.string()};
  }
  void fail() const { std::ofstream(mark_).flush(); }

 private:
  std::filesystem::path mark_;
};

}  // namespace forelog::cli_test
