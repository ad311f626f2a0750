#include "cli/bench_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <exception>
#include <system_error>
#include <utility>

#include "cli/bench_usage.h"
#include "forelog/try.h"

namespace forelog::bench {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::seconds kPatience{10};
// How long an interrupt that comes just before a wait goes unnoticed.
constexpr int kLookMilliseconds = 100;

bool send_line(int socket, const Json& object) {
  const std::string line = object.dump() + "\n";
  for (std::size_t sent = 0; sent < line.size();) {
    // Why MSG_NOSIGNAL: the other side may be dead, which the next read tells.
    const ssize_t count = ::send(socket, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

// Takes a line from the front of `received`, to which it adds what comes; nullopt: no more lines come.
std::optional<std::string> take_line(int socket, std::string& received) {
  for (;;) {
    if (const std::size_t end = received.find('\n'); end != std::string::npos) {
      std::string line = received.substr(0, end);
      received.erase(0, end + 1);
      return line;
    }
    std::array<char, 16384> part{};
    const ssize_t count = ::recv(socket, part.data(), part.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::nullopt;
    received.append(part.data(), static_cast<std::size_t>(count));
  }
}

Json error_json(const Status& status) {
  return {{"error", static_cast<int>(status.code())}, {"message", std::string(status.message())}};
}

RoundLimits decoded_limits(const Json& object) {
  return {.warm_up = std::chrono::nanoseconds(object.at("warm_up").get<std::int64_t>()),
          .measured = std::chrono::nanoseconds(object.at("measured").get<std::int64_t>()),
          .payload_bytes_max = object.at("payload_bytes_max").get<std::uint64_t>()};
}

// The copy's side.
class Server {
 public:
  Server(int socket, const std::filesystem::path& dir) : socket_(socket), dir_(dir) {}

  void serve(const ContestantProcess::Open& open) {
    const std::uint64_t memory_before = memory_peak_bytes();
    std::error_code error;
    std::filesystem::create_directory(dir_, error);
    if (error) return refuse({Code::io_error, dir_.string() + ": " + error.message()});
    const Result<Session> session = open(dir_);
    if (!session) return refuse(session.error());
    send_line(socket_, Json::object());
    std::string received;
    while (const auto line = take_line(socket_, received)) {
      Result<Measurement> measured = measure(*session, decoded_limits(Json::parse(*line)));
      if (!measured) return refuse(measured.error());
      const std::uint64_t memory = memory_peak_bytes();
      measured->memory_peak_bytes = memory - std::min(memory, memory_before);
      send_line(socket_, encoded(*measured));
    }
  }

  void refuse(const Status& status) const { send_line(socket_, error_json(status)); }

 private:
  // Why synced before and after: what lies in the kernel's memory was written by whoever wrote it,
  // and is counted for him, whenever it goes to the disk.
  Result<Measurement> measure(const Session& session, const RoundLimits& limits) {
    const auto before = written_to_device();
    Result<Measurement> measured = session(limits);
    const auto after = written_to_device();
    if (measured && before && after) measured->device_bytes = *after - *before;
    return measured;
  }

  std::optional<std::uint64_t> written_to_device() {
    const int directory = ::open(dir_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return std::nullopt;
    const bool synced = ::syncfs(directory) == 0;
    ::close(directory);
    if (!device_) device_ = Device::of(dir_);
    return synced && device_ ? device_->bytes_written() : std::nullopt;
  }

  int socket_;
  const std::filesystem::path& dir_;
  std::optional<Device> device_;
};

// In the copy. Nothing of this process ends there: neither its buffers nor its directories.
[[noreturn]] void run_copy(int socket, const ContestantProcess::Open& open,
                           const std::filesystem::path& dir, pid_t parent) {
  // A group of its own: Ctrl-C is for the parent, which passes it on, and a kill reaches all that
  // the contestant starts.
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  Server server(socket, dir);
  try {
    server.serve(open);
  } catch (const std::exception& error) {
    server.refuse({Code::io_error, error.what()});
  }
  // Told here, because what the contestant started may live on with a copy of the socket.
  ::shutdown(socket, SHUT_RDWR);
  ::_exit(0);
}

// Waits until there is something to read; false: not within the time, or interrupted() where that
// ends it.
bool wait_readable(int socket, std::chrono::nanoseconds patience, bool until_interrupted) {
  const auto enough = Clock::now() + patience;
  do {
    pollfd waiting{.fd = socket, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, kLookMilliseconds) > 0) return true;
  } while (Clock::now() < enough && !(until_interrupted && interrupted()));
  return false;
}

}  // namespace

Result<ContestantProcess> ContestantProcess::start(const Open& open,
                                                   const std::filesystem::path& dir) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return system_error("cannot make a socket", dir);
  }
  cli::Descriptor ours(ends[0]), theirs(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return system_error("cannot start a process", dir);
  if (child == 0) {
    ours.close();
    run_copy(theirs.get(), open, dir, parent);
  }
  ::setpgid(child, child);  // Whoever of the two comes first.
  theirs.close();
  ContestantProcess process(child, std::move(ours));
  FORELOG_TRY(process.answer());
  return process;
}

ContestantProcess::ContestantProcess(pid_t pid, cli::Descriptor socket)
    : pid_(pid), socket_(std::move(socket)) {}

ContestantProcess::ContestantProcess(ContestantProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      socket_(std::move(other.socket_)),
      received_(std::move(other.received_)) {}

ContestantProcess::~ContestantProcess() {
  if (pid_ < 0) return;
  if (interrupted()) ::kill(pid_, SIGINT);
  // Why not closed: processes that were started later have copies of it, which a shutdown reaches.
  ::shutdown(socket_.get(), SHUT_WR);
  const auto enough = Clock::now() + kPatience;
  while (Clock::now() < enough && wait_readable(socket_.get(), kPatience, false)) {
    std::array<char, 4096> ignored{};
    if (::recv(socket_.get(), ignored.data(), ignored.size(), 0) <= 0) break;
  }
  ::kill(-pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
}

Result<Measurement> ContestantProcess::measure(const RoundLimits& limits) {
  send_line(socket_.get(), {{"warm_up", limits.warm_up.count()},
                            {"measured", limits.measured.count()},
                            {"payload_bytes_max", limits.payload_bytes_max}});
  return decoded(FORELOG_TRY(answer()));
}

Result<Json> ContestantProcess::answer() {
  if (pid_ < 0) return Status(Code::io_error, "the contestant's process has ended");
  // An answer may take as long as it takes: a round, or the filling of a log.
  if (!wait_readable(socket_.get(), std::chrono::hours(24), true) || interrupted()) {
    return Status(Code::cancelled, "interrupted");
  }
  const auto line = take_line(socket_.get(), received_);
  if (interrupted()) return Status(Code::cancelled, "interrupted");
  if (!line) return death();
  Json object = Json::parse(*line, nullptr, false);
  if (!object.is_object()) return Status(Code::io_error, "no answer of a contestant: " + *line);
  if (object.contains("error")) {
    return Status(static_cast<Code>(object["error"].get<int>()), object["message"]);
  }
  return object;
}

Status ContestantProcess::death() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) continue;
  ::kill(-pid_, SIGKILL);
  pid_ = -1;
  if (WIFSIGNALED(status)) {
    return {Code::io_error,
            "the contestant's process died of signal " + std::to_string(WTERMSIG(status))};
  }
  return {Code::io_error, "the contestant's process ended without an answer"};
}

Status run_in_process(const std::function<Status()>& work, const std::filesystem::path& dir) {
  const auto open = [&](const std::filesystem::path&) -> Result<Session> {
    FORELOG_TRY(work());
    return Session();
  };
  const auto process = ContestantProcess::start(open, dir);
  return process ? Status() : process.error();
}

Json encoded(const Measurement& measurement) {
  return {{"records", measurement.records},
          {"seconds", measurement.seconds},
          {"cpu_seconds", measurement.cpu_seconds},
          {"context_switches", measurement.context_switches},
          {"others_share", measurement.others_share},
          {"payload_bytes", measurement.payload_bytes},
          {"device_bytes", measurement.device_bytes ? Json(*measurement.device_bytes) : Json()},
          {"memory_peak_bytes", measurement.memory_peak_bytes},
          {"latencies", measurement.latencies.buckets()},
          {"latency_max", measurement.latencies.max()}};
}

Result<Measurement> decoded(const Json& object) {
  try {
    Measurement measurement;
    object.at("records").get_to(measurement.records);
    object.at("seconds").get_to(measurement.seconds);
    object.at("cpu_seconds").get_to(measurement.cpu_seconds);
    object.at("context_switches").get_to(measurement.context_switches);
    object.at("others_share").get_to(measurement.others_share);
    object.at("payload_bytes").get_to(measurement.payload_bytes);
    if (const Json& bytes = object.at("device_bytes"); !bytes.is_null()) {
      measurement.device_bytes = bytes.get<std::uint64_t>();
    }
    object.at("memory_peak_bytes").get_to(measurement.memory_peak_bytes);
    measurement.latencies = Histogram::of(object.at("latencies").get<Histogram::Buckets>(),
                                          object.at("latency_max").get<std::uint64_t>());
    return measurement;
  } catch (const Json::exception& error) {
    return Status(Code::io_error, std::string("no measurement of a contestant: ") + error.what());
  }
}

}  // namespace forelog::bench
