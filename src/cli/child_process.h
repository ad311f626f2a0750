// ChildProcess: a process of ours that is killed and waited for, whatever happens, together with
// what it started. Its standard input, output and errors are pipes that never block.
//
// It is the first of a process group of its own: Ctrl-C on the terminal is for this program, which
// decides about its children; and a kill reaches what it started as well.
// Threading: owned by one thread at a time.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "forelog/status.h"

namespace forelog::cli {

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

class ChildProcess {
 public:
  struct Heard {
    bool interrupted = false;  // The descriptor that was given is readable.
    bool takes_input = false;
    bool output_ended = false;
  };

  // `program` is looked for in PATH when it holds no slash; `arguments` begin with its name.
  static Result<ChildProcess> start(const std::string& program, std::vector<std::string> arguments);
  ChildProcess(ChildProcess&&) noexcept = default;
  ~ChildProcess();

  // Waits for something to happen, `timeout` at most, and adds what was printed to output and
  // errors.
  Result<Heard> listen(std::chrono::nanoseconds timeout, int interrupted, bool has_input);
  // Gives it some of `text`; tells how much. All of it is as good as taken once it reads no more.
  std::size_t feed(std::string_view text) const;
  void close_input() { input_.close(); }

  void kill() const;
  // Waits for its end, and reads what it had printed before. Its exit code; 128 + N where signal N
  // ended it. With `all`, waits until what it started has closed its output too.
  Result<int> wait(bool all = false);

  std::string output;  // What was printed and not yet taken by take_lines().
  std::string errors;  // The end of what it said on standard error.

  // Calls `use(line)`, which returns a Status, for each whole line of the output, and drops them.
  template <typename Use>
  Status take_lines(const Use& use) {
    std::size_t begin = 0;
    for (std::size_t end; (end = output.find('\n', begin)) != std::string::npos; begin = end + 1) {
      if (Status used = use(std::string_view(output).substr(begin, end - begin)); !used.ok()) {
        return used;
      }
    }
    output.erase(0, begin);
    return {};
  }

 private:
  struct Pid {
    pid_t value = -1;
    Pid() = default;
    Pid(Pid&& other) noexcept : value(std::exchange(other.value, -1)) {}
  };

  ChildProcess() = default;
  Result<bool> read_errors();
  int reap();

  Pid pid_;
  Descriptor input_, output_, errors_;
};

}  // namespace forelog::cli
