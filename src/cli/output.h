// Output: standard output in big blocks, with every write checked.
//
// Text collects in memory and goes out when there is much of it or at flush(). The first failed
// write is kept: later text is dropped, and status() says why. Nothing is written by the
// destructor, which could not report: end with finish().
//
// Threading: owned by one thread at a time.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "cli/command.h"
#include "forelog/status.h"

namespace forelog::cli {

class Output {
 public:
  explicit Output(int descriptor = STDOUT_FILENO) : descriptor_(descriptor) {}

  Output& operator<<(std::string_view text) {
    pending_ += text;
    spill();
    return *this;
  }

  // To append to directly; call spill() now and then.
  std::string& pending() noexcept { return pending_; }
  void spill() {
    if (pending_.size() >= kBlockBytes) write_pending();
  }

  Status flush();  // All that was given so far; or why that failed, now or before.

  const Status& status() const noexcept { return status_; }
  // The failure was EPIPE: whoever read this has left, and needs no message about it.
  bool reader_is_gone() const noexcept { return reader_is_gone_; }

 private:
  static constexpr std::size_t kBlockBytes = 256 * 1024;

  void write_pending();

  int descriptor_;
  std::string pending_;
  Status status_;
  bool reader_is_gone_ = false;
};

// Flushes, and reports a failure of that. Returns `code`, or `failed` where that was `done` and the
// output did not get out.
ExitCode finish(Output& out, ExitCode code);

// The same for what tells of a change that is made: where the output did not get out, also because
// nobody reads it, `made` says on standard error what was done all the same.
ExitCode finish_change(Output& out, ExitCode code, std::string_view made);

}  // namespace forelog::cli
