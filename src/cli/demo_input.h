// What the demo appends: the lines of a real text, again and again, each behind its number, so that
// every record is different from every other and says itself which one it is.
//
// Threading: const after load(); any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "forelog/status.h"

namespace forelog::cli {

class DemoInput {
 public:
  // `file`, or, when it is empty, the first text of some length that a Debian machine has.
  static Result<DemoInput> load(const std::string& file);

  DemoInput(std::string source, std::vector<std::string> lines)
      : source_(std::move(source)), lines_(std::move(lines)) {}

  const std::string& source() const noexcept { return source_; }
  std::size_t lines() const noexcept { return lines_.size(); }

  // Record `number`, from 1: the number, a tab and a line, without a newline.
  std::string record(std::uint64_t number) const;
  // The number of the record that this is, if it is one.
  std::optional<std::uint64_t> number_of(std::string_view text) const;

 private:
  std::string source_;
  std::vector<std::string> lines_;  // Not empty.
};

}  // namespace forelog::cli
