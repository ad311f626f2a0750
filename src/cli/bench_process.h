// A contestant in a process of its own: what it costs in processor time, turns of the scheduler and
// memory is then its own alone, and what it leaves behind when it goes ends with it.
//
// This process is copied (fork) before anything is opened; the copy opens the contestant, and then
// measures what it is told to over a socket, a line of JSON each way. It ends when this object does,
// with what it started; and when this process dies.
//
// Threading: one thread, in a process that has no others: what they hold at the time of a fork
// stays held in the copy for ever.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "cli/bench_measure.h"
#include "cli/child_process.h"
#include "forelog/status.h"

namespace forelog::bench {

class ContestantProcess {
 public:
  using Open = std::function<Result<Session>(const std::filesystem::path& dir)>;

  // Opens it in `dir`, which is made when missing. Errors: those of `open`, with their code;
  // cancelled when interrupted().
  static Result<ContestantProcess> start(const Open& open, const std::filesystem::path& dir);
  ContestantProcess(ContestantProcess&& other) noexcept;
  ContestantProcess& operator=(ContestantProcess&&) = delete;
  // Closes the contestant, and waits for that; kills what has not closed after ten seconds.
  ~ContestantProcess();

  Result<Measurement> measure(const RoundLimits& limits);

 private:
  explicit ContestantProcess(pid_t pid, cli::Descriptor socket);
  Result<nlohmann::json> answer();
  Status death();

  pid_t pid_ = -1;  // Below 0: gone.
  cli::Descriptor socket_;
  std::string received_;  // Behind the last whole line.
};

// Does `work` in a process of its own, to its end.
Status run_in_process(const std::function<Status()>& work, const std::filesystem::path& dir);

// As they cross the socket.
nlohmann::json encoded(const Measurement& measurement);
Result<Measurement> decoded(const nlohmann::json& object);

}  // namespace forelog::bench
