#include "cli/kv_input.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

#include "cli/record_splitter.h"
#include "cli/signals.h"

namespace forelog::cli {
namespace {

// JSON may need six bytes for one of a key or a value, and base64 four for three.
constexpr std::uint64_t kLineBytesMax = 64 << 20;

Status system_error(const char* what) {
  return {Code::io_error, std::string(what) + ": " + std::generic_category().message(errno)};
}

// True: something to read, or the end. False: interrupted.
Result<bool> wait_for_input(const Interrupts& interrupts) {
  while (true) {
    std::array entries = {pollfd{.fd = interrupts.descriptor(), .events = POLLIN, .revents = 0},
                          pollfd{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0}};
    if (::poll(entries.data(), entries.size(), -1) >= 0) return entries[0].revents == 0;
    if (errno != EINTR) return system_error("poll");
  }
}

}  // namespace

KvInputEnd read_kv_lines(const Interrupts& interrupts, const KvInput& input) {
  std::vector<char> block(256 * 1024);
  RecordSplitter splitter('\n', kLineBytesMax);
  std::uint64_t number = 0;
  const auto take = [&](std::string_view line) {
    ++number;
    const bool blank = line.find_first_not_of(" \t\r") == std::string_view::npos;
    return blank ? Status() : input.take(line, number);
  };
  while (true) {
    const Result<bool> ready = wait_for_input(interrupts);
    if (!ready) return {.status = ready.error()};
    if (!*ready) {
      return {.status = Status(Code::cancelled, "interrupted before the end of the input"),
              .partial_bytes = splitter.partial_bytes()};
    }
    const ssize_t bytes = ::read(STDIN_FILENO, block.data(), block.size());
    if (bytes < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      return {.status = system_error("cannot read standard input")};
    }
    Status status = bytes == 0
                        ? splitter.finish(take)
                        : splitter.feed({block.data(), static_cast<std::size_t>(bytes)}, take);
    if (Status paused = input.pause(); status.ok()) status = std::move(paused);
    if (!status.ok() || bytes == 0) return {.status = std::move(status)};
  }
}

}  // namespace forelog::cli
