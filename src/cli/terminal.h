// What standard output and standard error are connected to, and the two things that are shown only
// to a person who looks at them: a line that is rewritten in place, and a progress bar made of it.
//
// Threading: a StatusLine or ProgressBar is used by one thread at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "forelog/report.h"

namespace forelog::cli {

bool is_terminal(int descriptor) noexcept;
// On a terminal that can, unless NO_COLOR is set (https://no-color.org) or TERM is "dumb".
bool wants_colour(int descriptor) noexcept;
std::size_t terminal_columns(int descriptor) noexcept;

// The last line of a terminal, rewritten at each show() and gone at the end. Does nothing where
// there is no terminal.
class StatusLine {
 public:
  explicit StatusLine(int descriptor);
  ~StatusLine() { clear(); }
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  bool active() const noexcept { return active_; }
  void show(std::string_view text);
  void clear();

 private:
  int descriptor_;
  bool active_;
  bool shown_ = false;
};

// Progress of reading on standard error, from the second second on:
//   verify  [########------------]  41 %   1.2 of 2.9 GiB   850 MiB/s   2 s left
class ProgressBar {
 public:
  ProgressBar();

  void update(const Progress& progress);
  ProgressCallback callback() {  // Must not outlive this.
    return [this](const Progress& progress) { update(progress); };
  }
  void clear() { line_.clear(); }

 private:
  std::chrono::steady_clock::time_point start_;
  StatusLine line_;
};

// One line as above. Empty without a total.
std::string progress_text(const Progress& progress, std::chrono::nanoseconds elapsed);

}  // namespace forelog::cli
