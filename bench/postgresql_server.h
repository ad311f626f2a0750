// A PostgreSQL server of our own, in a directory of ours: made by initdb, reached by a socket in the
// abstract name space and by nothing else, ended with this object or with this process. The server
// refuses to run as root; it then runs as the user postgres, or nobody.
//
// Threading: one thread, before there are others.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "forelog/status.h"

namespace forelog::bench {

class PostgresqlServer {
 public:
  // unsupported: no server is installed, or none can run here.
  static Result<PostgresqlServer> start(const std::filesystem::path& dir, unsigned connections_max);
  PostgresqlServer(PostgresqlServer&& other) noexcept;
  PostgresqlServer& operator=(PostgresqlServer&&) = delete;
  // Without a checkpoint: what it holds is not needed any more.
  ~PostgresqlServer();

  pid_t pid() const { return pid_; }
  const std::string& host() const { return host_; }  // For libpq; the port is the default one.
  const std::string& user() const { return user_; }  // The only one, by who asks (peer).
  bool runs() const;
  std::string log() const;  // The end of what it had to say.

 private:
  PostgresqlServer() = default;

  pid_t pid_ = -1;
  std::string host_, user_;
  std::filesystem::path log_;
};

}  // namespace forelog::bench
