#include "forelog/status.h"

#include <array>
#include <atomic>
#include <new>

namespace forelog {

// Copies share it, so that an error can be passed on when there is no memory.
struct Status::Rep {
  struct Owned;
  struct Table;
  Code code = Code::ok;
  std::string_view message = "out of memory";
  mutable std::atomic<std::uint32_t> owners = 0;  // 0: it has none, and lives for ever.
};

struct Status::Rep::Owned : Rep {
  Owned(Code its_code, std::string&& its_text) noexcept : text(std::move(its_text)) {
    code = its_code;
    message = text;
    owners = 1;
  }
  std::string text;
};

// What stands for each code when there is no memory to say more.
struct Status::Rep::Table {
  constexpr Table() {
    for (std::size_t i = 0; i < reps.size(); ++i) reps[i].code = static_cast<Code>(i);
  }
  std::array<Rep, static_cast<std::size_t>(Code::outcome_unknown) + 1> reps;
};

Status::Status(Code code, std::string message) noexcept
    : rep_(new (std::nothrow) Rep::Owned(code, std::move(message))) {
  assert(code != Code::ok);
  if (rep_ == nullptr) *this = out_of_memory(code);
}

Status::Status(const Status& other) noexcept : rep_(other.rep_) {
  if (rep_ == nullptr || rep_->owners.load(std::memory_order_relaxed) == 0) return;
  rep_->owners.fetch_add(1, std::memory_order_relaxed);
}

void Status::drop() noexcept {
  if (rep_->owners.load(std::memory_order_relaxed) != 0 &&
      rep_->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    delete static_cast<const Rep::Owned*>(rep_);
  }
  rep_ = nullptr;
}

Status Status::out_of_memory(Code code) noexcept {
  static constinit Rep::Table table;
  Status status;
  status.rep_ = &table.reps[static_cast<std::size_t>(code)];
  return status;
}

Code Status::code() const noexcept { return rep_ == nullptr ? Code::ok : rep_->code; }

std::string_view Status::message() const noexcept {
  return rep_ == nullptr ? std::string_view() : rep_->message;
}

Status Status::with_context(std::string_view context) const {
  if (ok()) return {};
  std::string message(context);
  message.append(": ").append(rep_->message);
  return {rep_->code, std::move(message)};
}

void Status::throw_if_failed() const {
  if (!ok()) throw Error(*this);
}

Error::Error(Status status) : status_(std::move(status)) {
  what_.append(to_string(status_.code())).append(": ").append(status_.message());
}
Error::~Error() = default;
const char* Error::what() const noexcept { return what_.c_str(); }

std::string_view to_string(Code code) noexcept {
  switch (code) {
    case Code::ok: return "ok";
    case Code::not_found: return "not_found";
    case Code::trimmed: return "trimmed";
    case Code::invalid_argument: return "invalid_argument";
    case Code::corrupt: return "corrupt";
    case Code::unsupported: return "unsupported";
    case Code::no_space: return "no_space";
    case Code::io_error: return "io_error";
    case Code::busy: return "busy";
    case Code::timed_out: return "timed_out";
    case Code::cancelled: return "cancelled";
    case Code::not_leader: return "not_leader";
    case Code::outcome_unknown: return "outcome_unknown";
  }
  return "unknown_code";
}

}  // namespace forelog
