#include "cli/demo_child.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <ctime>
#include <system_error>
#include <utility>

#include "forelog/try.h"

extern char** environ;

namespace forelog::cli {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// For a child that is to end by itself; behind that it is killed too.
constexpr nanoseconds kPatience = std::chrono::seconds(60);
constexpr std::size_t kPipeBytes = 64 * 1024;

Status system_failure(const char* call, int error) {
  return {Code::io_error, std::string(call) + ": " + std::generic_category().message(error)};
}

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  Descriptor(Descriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Descriptor() { close(); }

  int get() const { return descriptor_; }
  void close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }

 private:
  int descriptor_ = -1;
};

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

}  // namespace

// Killed and waited for, whatever happens.
class DemoChild::Process {
 public:
  static Result<Process> start(std::vector<std::string> arguments);
  Process(Process&&) noexcept = default;
  ~Process() {
    if (pid_.value > 0) {
      ::kill(pid_.value, SIGKILL);
      wait();
    }
  }

  void kill() const { ::kill(pid_.value, SIGKILL); }
  int wait() {  // The status that waitpid gives.
    int status = 0;
    while (::waitpid(pid_.value, &status, 0) < 0 && errno == EINTR) {
    }
    pid_.value = -1;
    return status;
  }

  Descriptor input, output, errors;

 private:
  struct Pid {
    pid_t value = -1;
    Pid() = default;
    Pid(Pid&& other) noexcept : value(std::exchange(other.value, -1)) {}
  };

  Process() = default;

  Pid pid_;
};

Result<DemoChild::Process> DemoChild::Process::start(std::vector<std::string> arguments) {
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
  // A group of its own: Ctrl-C on the terminal is for the demo, which decides about its child.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);

  Process process;
  const int error = ::posix_spawn(&process.pid_.value, "/proc/self/exe", &actions, &attributes,
                                  argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    process.pid_.value = -1;
    return system_failure("cannot start the child process", error);
  }
  process.input = std::move(in.write_end);
  process.output = std::move(out.read_end);
  process.errors = std::move(err.read_end);
  for (const Descriptor* end : {&process.input, &process.output, &process.errors}) {
    FORELOG_TRY(make_non_blocking(*end));
  }
  return process;
}

Result<DemoOutcome> DemoChild::run(const DemoRound& round) {
  std::vector<std::string> arguments = {"forelog",
                                        "append",
                                        dir_,
                                        "--segment-bytes",
                                        std::to_string(round.segment_bytes),
                                        "--level",
                                        std::string(to_string(round.level))};
  if (round.batch > 1) {
    arguments.insert(arguments.end(), {"--batch", std::to_string(round.batch)});
  }
  Process process = FORELOG_TRY(Process::start(std::move(arguments)));
  DemoOutcome outcome;
  outcome.sent = outcome.acknowledged = prepared_ = round.first - 1;
  burst_left_ = round.burst_bytes;
  to_send_.clear();
  sent_bytes_ = 0;
  received_.clear();
  FORELOG_TRY(serve(process, round, outcome));

  // What it had printed before it ended is acknowledged, and still in the pipe. An LSN that was cut
  // off in the middle is not.
  const int status = process.wait();
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  FORELOG_TRY(read_into(received_, process.output));
  FORELOG_TRY(read_into(outcome.errors, process.errors));
  FORELOG_TRY(take_acknowledgements(outcome));
  return outcome;
}

// Puts what is to be sent next into to_send_: some of the burst, or, once all that was sent is
// acknowledged, one batch.
void DemoChild::refill(const DemoRound& round, const DemoOutcome& outcome) {
  while (burst_left_ > 0 && to_send_.size() - sent_bytes_ < kPipeBytes) {
    const std::uint64_t before = to_send_.size();
    add_batch(round.batch);
    burst_left_ -= std::min<std::uint64_t>(burst_left_, to_send_.size() - before);
  }
  const bool goes_on = round.burst_bytes > 0 && round.kill_after;
  if (goes_on && to_send_.empty() && outcome.acknowledged == prepared_) add_batch(round.batch);
}

void DemoChild::add_batch(std::uint64_t records) {
  for (std::uint64_t i = 0; i < records; ++i) to_send_ += input_.record(++prepared_) + '\n';
}

// Feeds and listens until it is time to kill it, or it has ended.
Status DemoChild::serve(Process& process, const DemoRound& round, DemoOutcome& outcome) {
  const auto start = steady_clock::now();
  while (true) {
    refill(round, outcome);
    if (to_send_.empty() && !round.kill_after) process.input.close();  // All was sent.

    const nanoseconds left = round.kill_after.value_or(kPatience) - (steady_clock::now() - start);
    std::array entries = {
        pollfd{.fd = process.output.get(), .events = POLLIN, .revents = 0},
        pollfd{.fd = process.errors.get(), .events = POLLIN, .revents = 0},
        pollfd{.fd = interrupted_, .events = POLLIN, .revents = 0},
        pollfd{.fd = to_send_.empty() ? -1 : process.input.get(), .events = POLLOUT, .revents = 0}};
    if (left > nanoseconds(0)) {
      const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
      const timespec timeout = {.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
      if (::ppoll(entries.data(), entries.size(), &timeout, nullptr) < 0) continue;  // EINTR.
    }
    if (left <= nanoseconds(0) || entries[2].revents != 0) {
      process.kill();
      outcome.killed = true;
      return {};
    }
    if (entries[3].revents != 0) {
      send_some(process);
    }
    if (entries[1].revents != 0) FORELOG_TRY(read_into(outcome.errors, process.errors));
    if (entries[0].revents != 0) {
      const bool more = FORELOG_TRY(read_into(received_, process.output));
      FORELOG_TRY(take_acknowledgements(outcome));
      if (!more) return {};
    }
  }
}

void DemoChild::send_some(const Process& process) {
  const std::string_view rest = std::string_view(to_send_).substr(sent_bytes_);
  const ssize_t written = ::write(process.input.get(), rest.data(), rest.size());
  if (written > 0) sent_bytes_ += static_cast<std::size_t>(written);
  const bool gone = written < 0 && errno == EPIPE;  // It has ended: its output will tell.
  if (gone || sent_bytes_ == to_send_.size()) {
    to_send_.clear();
    sent_bytes_ = 0;
  }
}

Status DemoChild::take_acknowledgements(DemoOutcome& outcome) {
  outcome.sent = prepared_;
  std::size_t begin = 0;
  for (std::size_t end; (end = received_.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const std::string_view line = std::string_view(received_).substr(begin, end - begin);
    const std::uint64_t due = outcome.acknowledged + 1;
    if (line != std::to_string(due) || due > prepared_) {
      return {Code::corrupt, "the child acknowledged '" + std::string(line) + "' where LSN " +
                                 std::to_string(due) + " was due"};
    }
    outcome.acknowledged = due;
  }
  received_.erase(0, begin);
  return {};
}

}  // namespace forelog::cli
