// What demo and torture append and look for again: the lines of a text, again and again, each behind
// its number, so that every record is different from every other and says itself which one it is.
//
// Threading: const after it is made; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "forelog/status.h"

namespace forelog::cli {

class TortureInput {
 public:
  // `file`, or, when that is "", the first text of some length that a Debian machine has. Errors:
  // io_error (it cannot be read), invalid_argument (there is nothing in it), not_found (no text).
  static Result<TortureInput> load(const std::string& file);

  // Made up, the same for ever: lines of every length, as many short as long ones.
  static TortureInput generated();

  TortureInput(std::string source, std::vector<std::string> lines)
      : source_(std::move(source)), lines_(std::move(lines)) {}

  const std::string& source() const noexcept { return source_; }
  std::size_t lines() const noexcept { return lines_.size(); }

  std::uint64_t mean_record_bytes() const noexcept;  // About; at least 1.

  // Record `number`, from 1: the number, a tab and a line, without a newline.
  std::string record(std::uint64_t number) const;
  // The number of the record that this is, if it is one.
  std::optional<std::uint64_t> number_of(std::string_view text) const;

 private:
  std::string source_;
  std::vector<std::string> lines_;  // Not empty.
};

}  // namespace forelog::cli
