// forelog tail: follows a log that another process writes.
//
// A thread waits for records and renders them; this one writes them out and waits for the end. So
// whatever is there goes out at once, and what comes in while a write runs goes out in one piece.
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>

#include "base/mutex.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/reading.h"
#include "cli/render.h"
#include "cli/signals.h"
#include "cli/units.h"
#include "forelog/log.h"

namespace forelog::cli {
namespace {

struct TailOptions {
  std::string dir;
  std::optional<Lsn> from;
  std::uint64_t lines = 10;
  PrintArguments print;
};

// Text on its way from the thread that follows the log to the one that writes it out. Bounded: the
// first waits while too much lies here.
class Handover {
 public:
  Handover() : ready_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (ready_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  ~Handover() { ::close(ready_); }
  Handover(const Handover&) = delete;
  Handover& operator=(const Handover&) = delete;

  // Readable when take() has something to give, or end() was called.
  int descriptor() const { return ready_; }

  template <typename Render>
  void add(Render&& render) FORELOG_EXCLUDES(mutex_) {
    const base::MutexLock lock(mutex_);
    while (text_.size() >= kBytesMax && !dropping_) taken_.wait(mutex_);
    if (dropping_) text_.clear();
    const bool was_empty = text_.empty();
    render(text_);
    if (was_empty) ring();
  }

  void end() {
    const base::MutexLock lock(mutex_);
    ended_ = true;
    ring();
  }

  // Moves what is there into `to`, which must be empty. False when nothing more will come.
  bool take(std::string& to) {
    const base::MutexLock lock(mutex_);
    std::uint64_t rung = 0;
    // Fails only when it was not rung.
    [[maybe_unused]] const ssize_t bytes = ::read(ready_, &rung, sizeof rung);
    text_.swap(to);
    taken_.notify_one();
    return !ended_;
  }

  // Nobody takes any more: add() does not wait.
  void drop() {
    const base::MutexLock lock(mutex_);
    dropping_ = true;
    taken_.notify_one();
  }

 private:
  static constexpr std::size_t kBytesMax = 1024 * 1024;

  void ring() FORELOG_REQUIRES(mutex_) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(ready_, &one, sizeof one);
  }

  const int ready_;
  base::Mutex mutex_;
  base::CondVar taken_;
  std::string text_ FORELOG_GUARDED_BY(mutex_);
  bool ended_ FORELOG_GUARDED_BY(mutex_) = false;
  bool dropping_ FORELOG_GUARDED_BY(mutex_) = false;
};

// Until a stop is requested, or an error.
Status follow(Cursor cursor, Renderer renderer, Handover& handover) {
  while (true) {
    const Result<std::optional<Entry>> entry = cursor.next();
    if (!entry) return entry.error();
    if (!*entry) return {};
    handover.add([&](std::string& text) { renderer.append(text, **entry); });
  }
}

// Writes out what is handed over, until it ends, an interrupt comes, or standard output is gone.
void write_out(Handover& handover, const Interrupts& interrupts, Output& out) {
  bool more = true;
  while (more && out.status().ok()) {
    // No event is asked of standard output: POLLERR tells that nobody reads it any more.
    std::array entries = {pollfd{.fd = interrupts.descriptor(), .events = POLLIN, .revents = 0},
                          pollfd{.fd = handover.descriptor(), .events = POLLIN, .revents = 0},
                          pollfd{.fd = STDOUT_FILENO, .events = 0, .revents = 0}};
    if (::poll(entries.data(), entries.size(), -1) < 0) continue;  // EINTR.
    more = handover.take(out.pending());
    (void)out.flush();  // status() keeps a failure.
    if (entries[0].revents != 0 || (entries[2].revents & (POLLERR | POLLNVAL)) != 0) return;
  }
}

// The last `lines` records that are there, and what comes.
Lsn last_lines(const Log& log, std::uint64_t lines) {
  const Lsn end = log.watermarks().synced.next();
  const std::uint64_t back = std::min(lines, end.value - 1);
  return std::max(Lsn(end.value - back), log.first_lsn());
}

ExitCode tell_why(const Status& status, const std::string& dir) {
  const bool gone = status.code() == Code::not_found;
  return fail(status.with_context(dir), gone ? "`forelog tail " + dir +
                                                   " --from N` prints what is there now, from LSN "
                                                   "N on."
                                             : "");
}

ExitCode run_tail(const TailOptions& options) {
  const Result<RenderOptions> render = render_options(options.print);
  if (!render) return fail(render.error());
  const Interrupts interrupts;
  const Result<Log> log = open_to_read(options.dir);
  if (!log) return fail(explain_place(log.error(), options.dir, Meant::log));
  const Lsn from = options.from ? *options.from : last_lines(*log, options.lines);

  Handover handover;
  Output out;
  Status followed;
  std::stop_source stop;
  std::thread follower([&] {
    followed =
        follow(log->tail({.from = from, .stop = stop.get_token()}), Renderer(*render), handover);
    handover.end();
  });
  write_out(handover, interrupts, out);
  stop.request_stop();
  handover.drop();
  follower.join();
  return finish(out, followed.ok() ? ExitCode::done : tell_why(followed, options.dir));
}

}  // namespace

void add_tail(CLI::App& app, Context& context) {
  auto options = std::make_shared<TailOptions>();
  CLI::App& command = add_command(
      app, context,
      {"tail",
       "Prints the last records of a log and then those that another process adds, as soon as "
       "they\n"
       "are synced, until interrupted. Goes on when the writer leaves and another one comes. "
       "Exits\n"
       "with 4 when the log is removed, or what was printed is dropped (trim --keep-through).",
       "forelog tail /tmp/log\n"
       "forelog tail /tmp/log --lines 0 --format json\n"
       "forelog tail /tmp/log --from 1000 --format raw"},
      [options] { return run_tail(*options); });
  add_directory(command, options->dir);
  CLI::Option* from = add_parsed(command, "--from", "LSN", parse_lsn, options->from,
                                 "The first record to print; may be one that is still to come");
  add_parsed(command, "--lines", "N", parse_count_or_zero, options->lines,
             "Begin with the last N records (default 10)")
      ->excludes(from);
  add_print_arguments(command, options->print);
}

}  // namespace forelog::cli
