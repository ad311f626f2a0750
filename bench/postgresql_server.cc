#include "postgresql_server.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/bench_measure.h"
#include "cli/bench_usage.h"
#include "forelog/try.h"

namespace forelog::bench {
namespace {

using Path = std::filesystem::path;

constexpr std::size_t kEntryBytes = 16 << 10;  // Of the password database.

// Of the newest server that Debian's packages installed.
std::optional<Path> server_programs() {
  int newest = -1;
  std::optional<Path> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", error)) {
    const std::string version = entry.path().filename();
    int number = 0;
    std::from_chars(version.data(), version.data() + version.size(), number);
    const Path programs = entry.path() / "bin";
    if (number <= newest || ::access((programs / "postgres").c_str(), X_OK) != 0) continue;
    newest = number;
    found = programs;
  }
  return found;
}

struct User {
  uid_t user = 0;
  gid_t group = 0;
};

// Who the server is to be, when we are root; nullopt: nobody is there for it.
std::optional<User> server_user() {
  std::array<char, kEntryBytes> bytes;
  passwd entry{};
  for (const char* name : {"postgres", "nobody"}) {
    passwd* found = nullptr;
    ::getpwnam_r(name, &entry, bytes.data(), bytes.size(), &found);
    if (found != nullptr) return User{found->pw_uid, found->pw_gid};
  }
  return std::nullopt;
}

// That user must get to a directory inside those that we made for ourselves alone.
void open_the_way(const Path& dir) {
  std::error_code ignored;
  for (Path path = dir; path.string().find("forelog-bench-") != std::string::npos;
       path = path.parent_path()) {
    std::filesystem::permissions(path, std::filesystem::perms::others_exec,
                                 std::filesystem::perm_options::add, ignored);
  }
}

// Starts a program in `dir`, as `user` if there is one; what it says goes to the end of `log`.
Result<pid_t> start_program(const std::vector<std::string>& arguments, const Path& dir,
                            const std::optional<User>& user, const Path& log) {
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) {
    pointers.push_back(const_cast<char*>(argument.c_str()));  // execv changes nothing.
  }
  pointers.push_back(nullptr);
  const int output = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (output < 0) return system_error("cannot open", log);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) {
    const bool ready = ::dup2(output, STDOUT_FILENO) >= 0 && ::dup2(output, STDERR_FILENO) >= 0 &&
                       ::chdir(dir.c_str()) == 0 &&
                       (!user || (::setgroups(0, nullptr) == 0 && ::setgid(user->group) == 0 &&
                                  ::setuid(user->user) == 0));
    // Why now: a change of user takes it back.
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
    if (ready && ::getppid() == parent) ::execv(pointers[0], pointers.data());
    ::_exit(127);
  }
  ::close(output);
  if (child < 0) return system_error("cannot start", arguments.front());
  return child;
}

Status expect_end(pid_t child, const Path& log) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (interrupted()) return {Code::cancelled, "interrupted"};
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return {Code::unsupported, "PostgreSQL's initdb failed: " + kernel_file(log)};
}

std::string own_name() {
  std::array<char, kEntryBytes> bytes;
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(::geteuid(), &entry, bytes.data(), bytes.size(), &found);
  return found != nullptr ? found->pw_name : "forelog";
}

}  // namespace

Result<PostgresqlServer> PostgresqlServer::start(const Path& dir, unsigned connections_max) {
  const std::optional<Path> programs = server_programs();
  if (!programs) return Status(Code::unsupported, "no server is installed");
  std::error_code error;
  std::filesystem::create_directory(dir, error);
  if (error) return Status(Code::io_error, dir.string() + ": " + error.message());
  std::optional<User> user;
  if (::geteuid() == 0) {
    user = server_user();
    if (!user) return Status(Code::unsupported, "its server does not run as root");
    open_the_way(dir);
    if (::chown(dir.c_str(), user->user, user->group) != 0) {
      return system_error("cannot give away", dir);
    }
  }
  PostgresqlServer server;
  server.log_ = dir / "log";
  server.user_ = own_name();
  server.host_ = "@forelog-bench-" + std::to_string(::getpid());
  const Path data = dir / "data";
  const pid_t made =
      FORELOG_TRY(start_program({*programs / "initdb", "--pgdata", data, "--username", server.user_,
                                 "--auth", "peer", "--no-locale", "--no-sync", "--no-instructions"},
                                dir, user, server.log_));
  FORELOG_TRY(expect_end(made, server.log_));
  server.pid_ = FORELOG_TRY(
      start_program({*programs / "postgres", "-D", data, "-c", "listen_addresses=", "-c",
                     "unix_socket_directories=" + server.host_, "-c",
                     "max_connections=" + std::to_string(connections_max)},
                    dir, user, server.log_));
  return server;
}

PostgresqlServer::PostgresqlServer(PostgresqlServer&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      host_(std::move(other.host_)),
      user_(std::move(other.user_)),
      log_(std::move(other.log_)) {}

PostgresqlServer::~PostgresqlServer() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGQUIT);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
}

bool PostgresqlServer::runs() const { return ::waitpid(pid_, nullptr, WNOHANG) == 0; }

std::string PostgresqlServer::log() const {
  constexpr std::size_t kMost = 500;
  const std::string all = kernel_file(log_);
  return all.substr(all.size() - std::min(all.size(), kMost));
}

}  // namespace forelog::bench
