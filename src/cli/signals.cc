#include "cli/signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <system_error>

namespace forelog::cli {
namespace {

// Where the handler writes; -1: nowhere.
std::atomic<int> signalled_descriptor{-1};
static_assert(std::atomic<int>::is_always_lock_free, "used in a signal handler");

extern "C" void on_signal(int) {
  const int before = errno;
  const std::uint64_t one = 1;
  const int descriptor = signalled_descriptor.load();
  // Fails only when the counter is full: then it is readable anyway.
  if (descriptor >= 0) {
    [[maybe_unused]] const ssize_t written = ::write(descriptor, &one, sizeof one);
  }
  errno = before;
}

}  // namespace

Interrupts::Interrupts() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  signalled_descriptor.store(descriptor_);
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  // Why SA_RESTART: the commands wait in poll, which never restarts; nothing else is disturbed.
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &before_[i]);
    if (before_[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &action, nullptr);
  }
}

Interrupts::~Interrupts() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
  signalled_descriptor.store(-1);
  ::close(descriptor_);
}

bool Interrupts::raised() const noexcept {
  pollfd entry = {.fd = descriptor_, .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, 0) == 1;
}

void ignore_broken_pipes() noexcept {
  struct sigaction action = {};
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, nullptr);
}

}  // namespace forelog::cli
