#include "cli/output.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace forelog::cli {

void Output::write_pending() {
  std::string_view rest = pending_;
  while (!rest.empty() && status_.ok()) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      // Somebody who shares this descriptor made it non-blocking.
      pollfd entry = {.fd = descriptor_, .events = POLLOUT, .revents = 0};
      ::poll(&entry, 1, -1);
    } else if (errno != EINTR) {
      reader_is_gone_ = errno == EPIPE;
      status_ = Status(Code::io_error, "cannot write to standard output: " +
                                           std::generic_category().message(errno));
    }
  }
  pending_.clear();
}

Status Output::flush() {
  write_pending();
  return status_;
}

ExitCode finish(Output& out, ExitCode code) {
  const Status status = out.flush();
  if (status.ok()) return code;
  if (!out.reader_is_gone()) report(status.message());
  return code == ExitCode::done ? ExitCode::failed : code;
}

ExitCode finish_change(Output& out, ExitCode code, std::string_view made) {
  const Status status = out.flush();
  if (status.ok()) return code;
  report(std::string(status.message()) + "\n" + std::string(made));
  return code == ExitCode::done ? ExitCode::failed : code;
}

}  // namespace forelog::cli
