#include "cli/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <system_error>

#include "forelog/try.h"

extern char** environ;

namespace forelog::cli {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr std::size_t kErrorBytesMax = 8 * 1024;
// For what a killed process had started, and was killed with it, to be gone.
constexpr nanoseconds kDyingMax = std::chrono::seconds(10);

Status system_failure(const std::string& doing, int error) {
  return {Code::io_error, doing + ": " + std::generic_category().message(error)};
}

struct Pipe {
  Descriptor read_end, write_end;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_failure("pipe", errno);
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

Status make_non_blocking(const Descriptor& descriptor) {
  const int flags = ::fcntl(descriptor.get(), F_GETFL);
  if (flags < 0 || ::fcntl(descriptor.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return system_failure("fcntl", errno);
  }
  return {};
}

// Appends what can be read now. False at the end.
Result<bool> read_into(std::string& to, const Descriptor& from) {
  std::array<char, 64 * 1024> block;
  while (true) {
    const ssize_t bytes = ::read(from.get(), block.data(), block.size());
    if (bytes > 0) {
      to.append(block.data(), static_cast<std::size_t>(bytes));
    } else if (bytes == 0) {
      return false;
    } else if (errno == EAGAIN) {
      return true;
    } else if (errno != EINTR) {
      return system_failure("read from the child", errno);
    }
  }
}

timespec to_timespec(nanoseconds duration) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(duration);
  return {.tv_sec = seconds.count(), .tv_nsec = (duration - seconds).count()};
}

}  // namespace

Result<ChildProcess> ChildProcess::start(const std::string& program,
                                         std::vector<std::string> arguments) {
  Pipe in = FORELOG_TRY(make_pipe());
  Pipe out = FORELOG_TRY(make_pipe());
  Pipe err = FORELOG_TRY(make_pipe());
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.read_end.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.write_end.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.write_end.get(), STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // This program ignores broken pipes; a program that others wrote may count on them.
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &broken_pipe);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setpgroup(&attributes, 0);

  ChildProcess process;
  const int error = ::posix_spawnp(&process.pid_.value, program.c_str(), &actions, &attributes,
                                   argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    process.pid_.value = -1;
    return system_failure("cannot start " + program, error);
  }
  process.input_ = std::move(in.write_end);
  process.output_ = std::move(out.read_end);
  process.errors_ = std::move(err.read_end);
  for (const Descriptor* end : {&process.input_, &process.output_, &process.errors_}) {
    FORELOG_TRY(make_non_blocking(*end));
  }
  return process;
}

ChildProcess::~ChildProcess() {
  if (pid_.value <= 0) return;
  kill();
  reap();
}

Result<ChildProcess::Heard> ChildProcess::listen(nanoseconds timeout, int interrupted,
                                                 bool has_input) {
  std::array entries = {
      pollfd{.fd = output_.get(), .events = POLLIN, .revents = 0},
      pollfd{.fd = errors_.get(), .events = POLLIN, .revents = 0},
      pollfd{.fd = interrupted, .events = POLLIN, .revents = 0},
      pollfd{.fd = has_input ? input_.get() : -1, .events = POLLOUT, .revents = 0}};
  const timespec limit = to_timespec(std::max(timeout, nanoseconds(0)));
  Heard heard;
  if (::ppoll(entries.data(), entries.size(), &limit, nullptr) <= 0) return heard;  // Or EINTR.
  heard.interrupted = entries[2].revents != 0;
  heard.takes_input = entries[3].revents != 0;
  if (entries[1].revents != 0 && !FORELOG_TRY(read_errors())) errors_.close();
  if (entries[0].revents != 0) heard.output_ended = !FORELOG_TRY(read_into(output, output_));
  return heard;
}

std::size_t ChildProcess::feed(std::string_view text) const {
  const ssize_t written = ::write(input_.get(), text.data(), text.size());
  if (written >= 0) return static_cast<std::size_t>(written);
  return errno == EPIPE ? text.size() : 0;
}

Result<bool> ChildProcess::read_errors() {
  Result<bool> more = read_into(errors, errors_);
  if (errors.size() > kErrorBytesMax) errors.erase(0, errors.size() - kErrorBytesMax);
  return more;
}

// Not waited for yet, so that the number is not another's.
void ChildProcess::kill() const { ::kill(-pid_.value, SIGKILL); }

int ChildProcess::reap() {
  int status = 0;
  while (::waitpid(pid_.value, &status, 0) < 0 && errno == EINTR) {
  }
  pid_.value = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Result<int> ChildProcess::wait(bool all) {
  const auto deadline = steady_clock::now() + kDyingMax;
  const int code = reap();
  bool open = FORELOG_TRY(read_into(output, output_));
  while (all && open) {
    const nanoseconds left = deadline - steady_clock::now();
    if (left <= nanoseconds(0)) {
      return Status(Code::io_error,
                    "something that the program started outlives it: what it starts must stay in "
                    "its process group, so that it can be killed too");
    }
    open = !FORELOG_TRY(listen(left, -1, false)).output_ended;
  }
  if (errors_.get() >= 0) FORELOG_TRY(read_errors());
  return code;
}

}  // namespace forelog::cli
