// The vocabulary of the program's tests: run `forelog` with arguments and input, or start it and
// talk to it; a fixture with a directory of its own.
//
// Nothing here sleeps: every wait is for a line, for the end of a stream, or for a process.
// Threading: each object is owned by one thread at a time, but for write(), which another may call.
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

extern char** environ;

namespace forelog::cli_test {

using Arguments = std::vector<std::string>;
using Json = nlohmann::json;

// What a process left behind. `code` is 128 + N where signal N ended it.
struct Outcome {
  int code = -1;
  std::string out, err;
};

inline void check(bool good, const char* call) {
  if (!good) throw std::system_error(errno, std::generic_category(), call);
}

// A running process: its standard input and output are pipes, its standard error is collected.
class Process {
 public:
  explicit Process(Arguments command, const Arguments& environment = {}) {
    std::array<int, 2> in{}, out{};
    check(::pipe2(in.data(), O_CLOEXEC) == 0 && ::pipe2(out.data(), O_CLOEXEC) == 0, "pipe");
    start(command, environment, in[0], out[1]);
    ::close(in[0]);
    ::close(out[1]);
    input_ = in[1];
    output_ = out[0];
  }
  // Standard output is this descriptor, which stays the caller's; input is empty.
  Process(Arguments command, const Arguments& environment, int output) {
    const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    start(command, environment, nothing, output);
    ::close(nothing);
  }
  ~Process() {
    close_input();
    close_output();
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      reap();
    }
    ::close(errors_);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = ::write(input_, text.data(), text.size());
      if (written < 0 && errno == EPIPE) return;  // It has ended; its exit code tells the rest.
      check(written >= 0 || errno == EINTR, "write to the program");
      text.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
    }
  }
  void close_input() {
    if (input_ >= 0) ::close(std::exchange(input_, -1));
  }
  void close_output() {
    if (output_ >= 0) ::close(std::exchange(output_, -1));
  }

  // Waits for the next line of standard output; without its newline. "" at the end.
  std::string read_line() {
    std::size_t end = 0;
    while ((end = received_.find('\n')) == std::string::npos && read_some()) {
    }
    std::string line = received_.substr(0, end);
    received_.erase(0, end == std::string::npos ? end : end + 1);
    return line;
  }

  void signal(int number) const { check(::kill(pid_, number) == 0, "kill"); }

  // The rest of standard output, to its end.
  std::string read_rest() {
    while (output_ >= 0 && read_some()) {
    }
    return std::exchange(received_, {});
  }

  // Closes its input, reads the rest of its output and waits for its end.
  Outcome wait() {
    close_input();
    Outcome outcome;
    outcome.out = read_rest();
    const int status = reap();
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    std::array<char, 4096> block;
    ssize_t bytes = 0;
    for (off_t at = 0; (bytes = ::pread(errors_, block.data(), block.size(), at)) > 0;
         at += bytes) {
      outcome.err.append(block.data(), static_cast<std::size_t>(bytes));
    }
    return outcome;
  }

 private:
  void start(Arguments& command, const Arguments& environment, int input, int output) {
    // A program that has gone must not take the test with it.
    ::signal(SIGPIPE, SIG_IGN);
    errors_ = ::memfd_create("stderr", MFD_CLOEXEC);
    check(errors_ >= 0, "memfd_create");
    std::vector<char*> argv, envp;
    for (std::string& argument : command) argv.push_back(argument.data());
    argv.push_back(nullptr);
    Arguments added = environment;  // In front: the first one of a name counts.
    for (std::string& each : added) envp.push_back(each.data());
    for (char** each = environ; *each != nullptr; ++each) envp.push_back(*each);
    envp.push_back(nullptr);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, errors_, STDERR_FILENO);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t broken_pipe;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &broken_pipe);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    errno = ::posix_spawnp(&pid_, argv[0], &actions, &attributes, argv.data(), envp.data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    check(errno == 0, "posix_spawn");
  }

  bool read_some() {
    std::array<char, 65536> block;
    const ssize_t bytes = ::read(output_, block.data(), block.size());
    check(bytes >= 0 || errno == EINTR, "read from the program");
    if (bytes > 0) received_.append(block.data(), static_cast<std::size_t>(bytes));
    return bytes != 0;
  }

  int reap() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

  pid_t pid_ = -1;
  int input_ = -1, output_ = -1, errors_ = -1;
  std::string received_;
};

inline Arguments forelog(const Arguments& arguments) {
  Arguments command = {FORELOG_BINARY};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

// Runs a command to its end. Its input is fed while its output is read.
inline Outcome run_command(const Arguments& command, std::string_view input = {},
                           const Arguments& environment = {}) {
  Process process(command, environment);
  std::thread feeder([&] {
    process.write(input);
    process.close_input();
  });
  std::string out = process.read_rest();
  feeder.join();
  Outcome outcome = process.wait();
  outcome.out = std::move(out);
  return outcome;
}

// A test with a directory of its own; the log is to be made in log().
class ProgramTest : public ::testing::Test {
 protected:
  ProgramTest() {
    std::string made = ::testing::TempDir() + "forelog-cli-XXXXXX";
    check(::mkdtemp(made.data()) != nullptr, "mkdtemp");
    dir_ = made;
  }
  ~ProgramTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
  }

  const std::filesystem::path& dir() const { return dir_; }
  std::string log() const { return dir_ / "log"; }

  // `forelog COMMAND LOG ARGUMENTS…`
  Arguments on_log(const std::string& command, const Arguments& arguments = {}) const {
    Arguments all = forelog({command, log()});
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }
  Outcome run(const std::string& command, const Arguments& arguments = {},
              std::string_view input = {}) const {
    return run_command(on_log(command, arguments), input);
  }

  void append(std::string_view lines) const {
    const Outcome outcome = run("append", {"--quiet"}, lines);
    ASSERT_EQ(outcome.code, 0) << outcome.err;
  }
  // Each in a run of its own, and so in a frame of its own.
  void append_one_by_one(const Arguments& lines) const {
    for (const std::string& line : lines) append(line + "\n");
  }
  std::string raw() const { return run("cat", {"--format", "raw"}).out; }
  Json json_of(const std::string& command, Arguments arguments = {}) const {
    arguments.push_back("--json");
    return Json::parse(run(command, arguments).out);
  }

  // For what `demo --json` and `torture --json` tell of a new log(): so many kills, nothing lost.
  Json expect_nothing_lost(const Outcome& outcome, int kills, int seed) const {
    EXPECT_EQ(outcome.code, 0) << outcome.out << outcome.err;
    Json summary = Json::parse(outcome.out);
    EXPECT_EQ(summary["passed"], true);
    EXPECT_EQ(summary["kills"], kills);
    EXPECT_EQ(summary["seed"], seed);
    EXPECT_GT(summary["acknowledged"], 0);
    EXPECT_EQ(summary["lost"], 0);
    EXPECT_GE(summary["recovered"], summary["acknowledged"]);
    EXPECT_EQ(json_of("info")["last_lsn"], summary["recovered"]);
    return summary;
  }

  // The file of the log's first segment.
  std::string segment() const {
    const std::string name = json_of("info")["segments"][0]["file"];
    return log() + "/" + name;
  }
  static std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return std::move(out).str();
  }
  static void overwrite(const std::string& path, std::uint64_t offset, std::string_view bytes) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(offset));
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.flush();
    check(file.good(), "overwrite");
  }
  // Flips a bit where `payload` lies in the first segment.
  void damage(std::string_view payload) const {
    const std::string path = segment();
    const std::string bytes = read_file(path);
    const std::size_t at = bytes.find(payload);
    ASSERT_NE(at, std::string::npos);
    overwrite(path, at, std::string(1, static_cast<char>(bytes[at] ^ 1)));
  }

 private:
  std::filesystem::path dir_;
};

inline bool mentions(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace forelog::cli_test
