#include "cli/acknowledger.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include "cli/render.h"

namespace forelog::cli {

Acknowledger::Acknowledger(Log& log, Durability level, AcknowledgeAs form, Output& out)
    : log_(log),
      level_(level),
      form_(form),
      out_(out),
      before_(log.watermarks().appended),
      failed_descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      appended_(before_),
      reached_(before_) {
  if (failed_descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  thread_ = std::thread([this] { run(); });
}

Acknowledger::~Acknowledger() {
  if (thread_.joinable()) (void)finish();  // An exception is on its way: nobody asks any more.
  ::close(failed_descriptor_);
}

void Acknowledger::appended(Lsn last) {
  const base::MutexLock lock(mutex_);
  appended_ = last;
  changed_.notify_one();
}

Status Acknowledger::finish() {
  {
    const base::MutexLock lock(mutex_);
    finishing_ = true;
    changed_.notify_one();
  }
  thread_.join();
  return status_;
}

void Acknowledger::run() {
  while (const std::optional<Lsn> target = next_target(reached_)) {
    Status status = log_.wait(*target, level_);
    const Lsn reached =
        status.ok() ? *target : std::clamp(log_.watermarks().at(level_), reached_, *target);
    print(reached_.next(), reached);
    reached_ = reached;
    if (!status.ok() || !out_.status().ok()) {
      status_ = std::move(status);
      return give_up();
    }
  }
}

// The newest record appended; waits while there is none behind `done`. nullopt: it was the last.
std::optional<Lsn> Acknowledger::next_target(Lsn done) {
  const base::MutexLock lock(mutex_);
  while (appended_ == done && !finishing_) changed_.wait(mutex_);
  if (appended_ == done) return {};
  return appended_;
}

void Acknowledger::print(Lsn first, Lsn last) {
  if (form_ == AcknowledgeAs::nothing) return;
  for (Lsn lsn = first; lsn <= last; lsn = lsn.next()) {
    std::string& text = out_.pending();
    if (form_ == AcknowledgeAs::json) text += R"({"lsn":)";
    append_number(text, lsn.value);
    text += form_ == AcknowledgeAs::json ? "}\n" : "\n";
    out_.spill();
  }
  // A failure stays in out_.status().
  (void)out_.flush();
}

void Acknowledger::give_up() {
  const std::uint64_t one = 1;
  // Cannot fail: the counter starts at 0 and this is written once.
  [[maybe_unused]] const ssize_t written = ::write(failed_descriptor_, &one, sizeof one);
}

}  // namespace forelog::cli
