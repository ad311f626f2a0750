// Lines of standard input for `forelog kv DIR batch` and `load`, until the end of the input or an
// interrupt. Blank lines are passed over, and counted.
//
// Threading: main thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "forelog/status.h"

namespace forelog::cli {

class Interrupts;

struct KvInput {
  // Of what it returns, the first error ends the reading. It gets the number of the line, from 1.
  std::function<Status(std::string_view line, std::uint64_t number)> take;
  // Behind each block that was read: no more is there at the moment, or much has been read.
  std::function<Status()> pause;
};

struct KvInputEnd {
  Status status;  // Of reading, take or pause; cancelled where it was interrupted.
  std::uint64_t partial_bytes = 0;  // Of a line that the interrupt cut off, and that was not taken.
};

KvInputEnd read_kv_lines(const Interrupts& interrupts, const KvInput& input);

}  // namespace forelog::cli
