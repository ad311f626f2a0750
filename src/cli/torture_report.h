// How demo and torture tell what they do: a line while they run, a summary at the end, as text or
// JSON.
//
// Threading: a TortureDisplay is used by one thread at a time; the rest is pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/output.h"
#include "cli/reports.h"
#include "cli/terminal.h"
#include "cli/torture_run.h"

namespace forelog::cli {

// A line that is rewritten on a terminal, one line for some kills elsewhere; with `json`, only on
// standard error where that is a terminal.
class TortureDisplay {
 public:
  TortureDisplay(bool json, Output& out);

  void show(const TortureTally& tally);
  void clear() { line_.clear(); }

 private:
  const bool json_;
  Output& out_;
  StatusLine line_;
  std::uint64_t next_;
};

// `recovered_how`: how a record was found to be where it belongs.
std::string summary_text(const TortureTally& tally, const Status& status,
                         std::string_view recovered_how);
// `heading`: what was run; it comes behind "passed" and "error".
Json summary_json(const Json& heading, const TortureTally& tally, const Status& status);

// Shows the end: the summary, and on standard error why it failed and where the log is. `kept`: the
// log stays where it is even though all is well. Returns the exit code.
ExitCode tell_end(Output& out, const std::string& summary, const Status& status,
                  const std::string& dir, bool kept);

std::uint64_t random_seed();

}  // namespace forelog::cli
