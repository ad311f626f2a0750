#include "tails.h"

#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <string_view>
#include <utility>

#include "cli/bench_measure.h"
#include "follow.h"
#include "forelog/forelog.h"

extern char** environ;

namespace forelog::bench {
namespace {

constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::milliseconds kLook{1};

Status follow(const Log& log, Stamps& stamps, unsigned tail, std::stop_token stop) {
  Cursor cursor = log.tail({.from = Lsn(stamps.first()), .stop = std::move(stop)});
  stamps.note_ready();
  while (const std::optional<Entry> entry = FORELOG_TRY(cursor.next())) {
    stamps.note_received(tail, entry->lsn.value, Stamps::now_ns());
  }
  return {};
}

void complain(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "forelog_bench: tail: %s\n", std::string(status.message()).c_str());
}

Status wait_until(const char* what, const std::function<bool()>& done) {
  const auto enough = Clock::now() + kPatience;
  while (!done()) {
    if (interrupted()) return {Code::cancelled, "interrupted"};
    if (Clock::now() > enough) return {Code::timed_out, what};
    std::this_thread::sleep_for(kLook);
  }
  return {};
}

Status run_process(std::string_view kind, const char* path, const char* stamps_file,
                   unsigned tail) {
  Stamps stamps = FORELOG_TRY(Stamps::attach(stamps_file));
  if (kind != "Forelog") return follow_peer(kind, path, stamps, tail);
  const Log log = FORELOG_TRY(Log::open(path, {.recovery = RecoveryPolicy::read_only}));
  return follow(log, stamps, tail, {});
}

}  // namespace

Result<std::unique_ptr<Tails>> Tails::in_threads(const Log& log, Stamps& stamps, unsigned count) {
  std::unique_ptr<Tails> tails(new Tails(stamps, count));
  for (unsigned i = 0; i < count; ++i) {
    tails->threads_.emplace_back([&log, &stamps, i, stop = tails->stop_.get_token()] {
      complain(follow(log, stamps, i, stop));
    });
  }
  FORELOG_TRY(tails->wait_until_ready());
  return tails;
}

Result<std::unique_ptr<Tails>> Tails::in_processes(const std::string& kind,
                                                   const std::filesystem::path& path,
                                                   const std::filesystem::path& stamps_file,
                                                   const Stamps& stamps, unsigned count) {
  std::unique_ptr<Tails> tails(new Tails(stamps, count));
  for (unsigned i = 0; i < count; ++i) {
    FORELOG_TRY(tails->start_process(
        {kTailArgument, kind, path.string(), stamps_file.string(), std::to_string(i)}));
  }
  FORELOG_TRY(tails->wait_until_ready());
  return tails;
}

Result<std::unique_ptr<Tails>> Tails::in_thread(const Follow& follow, Stamps& stamps) {
  std::unique_ptr<Tails> tails(new Tails(stamps, 1));
  tails->threads_.emplace_back(
      [follow, &stamps, stop = tails->stop_.get_token()] { complain(follow(stamps, 0, stop)); });
  FORELOG_TRY(tails->wait_until_ready());
  return tails;
}

Tails::~Tails() {
  stop_.request_stop();
  for (const pid_t process : processes_) ::kill(process, SIGKILL);
  for (const pid_t process : processes_) {
    while (::waitpid(process, nullptr, 0) < 0 && errno == EINTR) continue;
  }
}

Status Tails::wait_until_ready() const {
  return wait_until("a tail did not start", [this] { return stamps_.ready() == count_; });
}

Status Tails::wait_for(std::uint64_t record) const {
  return wait_until("a tail did not receive the last record", [&] {
    for (unsigned i = 0; i < count_; ++i) {
      if (!stamps_.was_received(i, record)) return false;
    }
    return true;
  });
}

Status Tails::start_process(const std::vector<std::string>& arguments) {
  std::string name = "forelog_bench";
  std::vector<char*> pointers = {name.data()};
  for (const std::string& argument : arguments) {
    pointers.push_back(const_cast<char*>(argument.c_str()));  // posix_spawn changes nothing.
  }
  pointers.push_back(nullptr);
  pid_t child = 0;
  errno = ::posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, pointers.data(), environ);
  if (errno != 0) return system_error("cannot start", "/proc/self/exe");
  processes_.push_back(child);
  return {};
}

std::optional<int> tail_main(int argc, char** argv) {
  if (argc != 6 || std::string_view(argv[1]) != kTailArgument) return std::nullopt;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const Status status =
      run_process(argv[2], argv[3], argv[4], static_cast<unsigned>(std::stoul(argv[5])));
  complain(status);
  return status.ok() ? 0 : 1;
}

}  // namespace forelog::bench
