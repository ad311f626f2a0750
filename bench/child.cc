#include "child.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <utility>

#include "cli/bench_measure.h"
#include "cli/bench_usage.h"
#include "forelog/forelog.h"
#include "peer.h"
#include "state_child.h"

extern char** environ;

namespace forelog::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kRecordBytes = 128;

void answer(Json object, std::uint64_t memory_before) {
  object["memory_before_bytes"] = memory_before;
  object["memory_peak_bytes"] = memory_peak_bytes();
  const std::string text = object.dump() + "\n";
  [[maybe_unused]] const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
}

Status append_bytes(Log& log, std::uint64_t bytes) {
  const std::string record(kRecordBytes, 'r');
  Lsn last;
  for (std::uint64_t done = 0; done < bytes; done += kRecordBytes) {
    last = FORELOG_TRY(log.append(record));
  }
  return log.wait(last);
}

Result<Json> fill(const ChildTask& task, std::uint64_t memory_before) {
  Log log = FORELOG_TRY(Log::open(task.log));
  FORELOG_TRY(append_bytes(log, task.bytes));
  const std::string record(kRecordBytes, 'u');
  for (int i = 0; i < 1000; ++i) FORELOG_TRY(log.append(record));
  answer({{"records", log.watermarks().appended.value}}, memory_before);
  ::kill(::getpid(), SIGKILL);
  return Json();  // Not reached.
}

Result<Json> open(const ChildTask& task) {
  const Clock::time_point begin = Clock::now();
  const Log log = FORELOG_TRY(Log::open(task.log));
  const std::chrono::duration<double, std::milli> took = Clock::now() - begin;
  const RecoveryReport& report = log.recovery();
  return Json{{"open_ms", took.count()},
              {"bytes_scanned", report.bytes_scanned},
              {"verdict", to_string(report.verdict)},
              {"closed_cleanly", report.closed_cleanly},
              {"last_lsn", report.last_lsn.value}};
}

Result<std::unique_ptr<Peer>> open_peer(const ChildTask& task) {
  for (const PeerKind& kind : all_peers()) {
    if (kind.name != task.peer) continue;
    return kind.open(task.log, {.level = Durability::written, .whole_log = task.whole_log});
  }
  return Status(Code::invalid_argument, "no such peer: " + task.peer);
}

Result<Json> fill_peer(const ChildTask& task, std::uint64_t memory_before) {
  const auto peer = FORELOG_TRY(open_peer(task));
  const std::string record(kRecordBytes, 'r');
  constexpr std::uint64_t kBatch = 1000;
  std::uint64_t key = 1;
  for (; key * kRecordBytes < task.bytes; key += kBatch) {
    FORELOG_TRY(peer->put_batch(key, kBatch, record));
  }
  answer({{"records", key - 1}}, memory_before);
  ::kill(::getpid(), SIGKILL);
  return Json();  // Not reached.
}

Result<Json> open_peer_timed(const ChildTask& task, std::uint64_t memory_before) {
  const Clock::time_point begin = Clock::now();
  const auto peer = FORELOG_TRY(open_peer(task));
  const std::chrono::duration<double, std::milli> took = Clock::now() - begin;
  answer({{"open_ms", took.count()}}, memory_before);
  // Why: some of them write all of their tables when they are closed.
  ::_exit(0);
}

Result<Json> write(const ChildTask& task) {
  Log log = FORELOG_TRY(Log::open(task.log));
  FORELOG_TRY(append_bytes(log, task.bytes));
  FORELOG_TRY(log.close());
  return Json{{"payload_bytes", task.bytes}};
}

Result<Json> read(const ChildTask& task) {
  const Log log = FORELOG_TRY(Log::open(task.log, {.recovery = RecoveryPolicy::read_only}));
  Cursor cursor = log.read();
  std::uint64_t records = 0;
  while (FORELOG_TRY(cursor.next()).has_value()) ++records;
  return Json{{"records", records}};
}

Result<Json> run(const ChildTask& task, std::uint64_t memory_before) {
  if (!task.peer.empty() && task.verb == "fill") return fill_peer(task, memory_before);
  if (!task.peer.empty() && task.verb == "open") return open_peer_timed(task, memory_before);
  if (task.verb.starts_with("state-")) {
    return run_state_child(
        task, [memory_before](Json object) { answer(std::move(object), memory_before); });
  }
  if (task.verb == "fill") return fill(task, memory_before);
  if (task.verb == "open") return open(task);
  if (task.verb == "write") return write(task);
  if (task.verb == "read") return read(task);
  return Status(Code::invalid_argument, "no such task: " + task.verb);
}

Result<std::string> read_all(int descriptor) {
  std::string text;
  std::array<char, 4096> part{};
  for (;;) {
    const ssize_t got = ::read(descriptor, part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("cannot read from a child", "pipe");
    if (got == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(got));
  }
}

// Starts this program with `arguments`; its standard output goes to `descriptor`.
Result<pid_t> spawn(const std::vector<std::string>& arguments, int descriptor) {
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) {
    pointers.push_back(const_cast<char*>(argument.c_str()));  // posix_spawn changes nothing.
  }
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions{};
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, descriptor, STDOUT_FILENO);
  pid_t child = 0;
  errno = ::posix_spawn(&child, "/proc/self/exe", &actions, nullptr, pointers.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (errno != 0) return system_error("cannot start", "/proc/self/exe");
  return child;
}

}  // namespace

Result<Json> run_child(const ChildTask& task) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("cannot make a pipe", "pipe");
  const auto child =
      spawn({"forelog_bench", kChildArgument, task.verb, task.log.string(),
             std::to_string(task.bytes), task.peer, task.whole_log ? "whole" : "", task.state},
            ends[1]);
  ::close(ends[1]);
  Result<std::string> text = child ? read_all(ends[0]) : child.error();
  ::close(ends[0]);
  if (!child) return child.error();
  int status = 0;
  while (::waitpid(*child, &status, 0) < 0 && errno == EINTR) continue;
  if (interrupted()) return Status(Code::cancelled, "interrupted");
  if (!text) return text.error();
  const bool dies = task.verb == "fill" || task.verb == "state-grow";
  const bool as_asked = dies ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
                             : WIFEXITED(status) && WEXITSTATUS(status) == 0;
  Json object = Json::parse(*text, nullptr, false);
  if (!as_asked || object.is_discarded()) {
    return Status(Code::io_error,
                  "child `" + task.verb + " " + task.peer + " " + task.log.string() + "` failed");
  }
  return object;
}

std::optional<int> child_main(int argc, char** argv) {
  if (argc != 8 || std::string_view(argv[1]) != kChildArgument) return std::nullopt;
  const std::uint64_t memory_before = memory_peak_bytes();
  const ChildTask task{.verb = argv[2],
                       .log = argv[3],
                       .bytes = std::stoull(argv[4]),
                       .peer = argv[5],
                       .whole_log = *argv[6] != '\0',
                       .state = argv[7]};
  Result<Json> object = run(task, memory_before);
  if (!object) {
    std::fprintf(stderr, "forelog_bench: %s: %s\n", argv[2],
                 std::string(object.error().message()).c_str());
    return 1;
  }
  answer(*std::move(object), memory_before);
  return 0;
}

}  // namespace forelog::bench
