#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "cli/units.h"

namespace forelog::cli {
namespace {

using std::chrono::steady_clock;

// Nothing depends on whether a terminal shows it.
void write_to_terminal(int descriptor, std::string_view text) {
  [[maybe_unused]] const ssize_t written = ::write(descriptor, text.data(), text.size());
}

}  // namespace

bool is_terminal(int descriptor) noexcept { return ::isatty(descriptor) == 1; }

bool wants_colour(int descriptor) noexcept {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* kind = std::getenv("TERM");
  return is_terminal(descriptor) && (no_colour == nullptr || *no_colour == '\0') &&
         kind != nullptr && std::string_view(kind) != "dumb";
}

std::size_t terminal_columns(int descriptor) noexcept {
  winsize size = {};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

StatusLine::StatusLine(int descriptor)
    : descriptor_(descriptor), active_(is_terminal(descriptor)) {}

void StatusLine::show(std::string_view text) {
  if (!active_) return;
  // Why cut: a line that wraps cannot be rewritten. The text is ASCII.
  std::string line = "\r\x1b[K";
  line += text.substr(0, terminal_columns(descriptor_) - 1);
  write_to_terminal(descriptor_, line);
  shown_ = true;
}

void StatusLine::clear() {
  if (!shown_) return;
  write_to_terminal(descriptor_, "\r\x1b[K");
  shown_ = false;
}

ProgressBar::ProgressBar() : start_(steady_clock::now()), line_(STDERR_FILENO) {}

void ProgressBar::update(const Progress& progress) {
  const steady_clock::duration elapsed = steady_clock::now() - start_;
  if (elapsed < std::chrono::seconds(1)) return;
  line_.show(progress_text(progress, elapsed));
}

std::string progress_text(const Progress& progress, std::chrono::nanoseconds elapsed) {
  if (progress.bytes_total == 0) return {};
  constexpr std::size_t kWidth = 20;
  const std::uint64_t done_bytes = std::min(progress.bytes_done, progress.bytes_total);
  const double part = static_cast<double>(done_bytes) / static_cast<double>(progress.bytes_total);
  const auto filled = static_cast<std::size_t>(part * static_cast<double>(kWidth));
  const double rate = per_second(done_bytes, elapsed);

  std::string text(progress.phase);
  text += "  [" + std::string(filled, '#') + std::string(kWidth - filled, '-') + "]  ";
  text += std::to_string(static_cast<int>(part * 100)) + " %   ";
  text += bytes_text(done_bytes) + " of " + bytes_text(progress.bytes_total);
  text += "   " + bytes_text(static_cast<std::uint64_t>(rate)) + "/s";
  if (rate > 0) {
    const double left = static_cast<double>(progress.bytes_total - done_bytes) / rate;
    text += "   " + std::to_string(std::llround(left)) + " s left";
  }
  return text;
}

}  // namespace forelog::cli
