// Interrupts: SIGINT, SIGTERM and SIGHUP as a descriptor to poll, so that a command can end what
// it is doing instead of dying in the middle of it.
//
// Threading: make one at a time, before other threads start; descriptor() and raised() may be used
// from any thread. A signal that the parent had set to be ignored (nohup, a shell's background
// job) stays ignored.
#pragma once

#include <csignal>

#include <array>

namespace forelog::cli {

class Interrupts {
 public:
  Interrupts();
  ~Interrupts();  // Restores what was there.
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  int descriptor() const noexcept { return descriptor_; }  // Readable for ever once interrupted.
  bool raised() const noexcept;

 private:
  static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};

  int descriptor_;
  std::array<struct sigaction, kSignals.size()> before_ = {};
};

// Writing to a pipe that nobody reads becomes an error (EPIPE) instead of a death.
void ignore_broken_pipes() noexcept;

}  // namespace forelog::cli
