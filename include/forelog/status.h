// Status and Result<T>: how every operating error travels. No exception crosses the API, except
// from Result::value() and Status::throw_if_failed(), which exist for callers who prefer them.
//
// A separate code exists only where a caller could sensibly react differently. Codes are stored
// and sent: they are never renumbered and never reused. Messages carry file, offset and LSN where
// there is one, and say what to do next; they are for people, and no program should parse them.
#pragma once

#include <cassert>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "forelog/export.h"

namespace forelog {

enum class Code : std::uint8_t {
  ok = 0,
  not_found = 1,  // No such log or LSN (not yet written, or dropped by keep_through).
  trimmed = 2,    // The LSN existed and was dropped by keep_from; the message names the first kept.
  invalid_argument = 3,  // The call can never succeed as written.
  corrupt = 4,           // Bytes that had been durable do not verify. Never retried.
  unsupported = 5,       // A newer format or an absent feature; the data may be fine.
  no_space = 6,          // Nothing was added. The log stays readable; appends resume with space.
  io_error = 7,          // The device or the kernel failed.
  busy = 8,              // Another writer holds the directory, or the buffer is full.
  timed_out = 9,         // The deadline passed. The outcome is unknown, not negative.
  cancelled = 10,        // The log was closed, or the caller asked to stop.
  not_leader = 11,       // Reserved for replicated logs.
  outcome_unknown =
      12,  // A write or sync failed: the record may or may not survive. Reopen and look.
};

// "not_found", "corrupt", …: stable names for logs and for JSON.
FORELOG_EXPORT std::string_view to_string(Code code) noexcept;

class FORELOG_EXPORT [[nodiscard]] Status {
 public:
  Status() noexcept = default;  // Ok: one null pointer, no allocation.
  // Neither throws: where there is no memory for the message the code is kept, and a copy shares.
  Status(Code code, std::string message) noexcept;
  Status(const Status& other) noexcept;
  Status(Status&& other) noexcept : rep_(std::exchange(other.rep_, nullptr)) {}
  Status& operator=(Status other) noexcept {
    std::swap(rep_, other.rep_);
    return *this;
  }
  ~Status() {
    if (rep_ != nullptr) [[unlikely]]
      drop();
  }

  bool ok() const noexcept { return rep_ == nullptr; }
  explicit operator bool() const noexcept { return ok(); }
  Code code() const noexcept;
  std::string_view message() const noexcept;  // Lives as long as this Status.

  // `code`, and a message that says only that memory ran out. Allocates nothing.
  static Status out_of_memory(Code code = Code::no_space) noexcept;

  // The same code; the message prefixed by "context: ".
  Status with_context(std::string_view context) const;
  void throw_if_failed() const;

 private:
  struct FORELOG_HIDDEN Rep;
  void drop() noexcept;

  const Rep* rep_ = nullptr;
};

// What Result::value() and Status::throw_if_failed() throw.
class FORELOG_EXPORT Error : public std::exception {
 public:
  explicit Error(Status status);
  ~Error() override;
  const char* what() const noexcept override;
  const Status& status() const noexcept { return status_; }

 private:
  Status status_;
  std::string what_;
};

// A value or the Status that says why there is none. Member names are a subset of
// std::expected's, so that C++23 can replace it.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Status error) : state_(std::in_place_index<1>, std::move(error)) {
    assert(!this->error().ok());
  }

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }
  const Status& error() const { return *std::get_if<1>(&state_); }

  // Undefined, as in std::expected, when there is no value.
  T& operator*() & noexcept { return *std::get_if<0>(&state_); }
  const T& operator*() const& noexcept { return *std::get_if<0>(&state_); }
  T&& operator*() && noexcept { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() noexcept { return std::get_if<0>(&state_); }
  const T* operator->() const noexcept { return std::get_if<0>(&state_); }

  T& value() & {
    throw_if_failed();
    return **this;
  }
  T&& value() && {
    throw_if_failed();
    return *std::move(*this);
  }

 private:
  void throw_if_failed() const {
    if (!has_value()) throw Error(error());
  }

  std::variant<T, Status> state_;
};

}  // namespace forelog
