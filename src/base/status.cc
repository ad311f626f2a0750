#include "forelog/status.h"

namespace forelog {

struct Status::Rep {
  Code code;
  std::string message;
};

Status::Status(Code code, std::string message) : rep_(new Rep{code, std::move(message)}) {
  assert(code != Code::ok);
}

Status::Status(const Status& other)
    : rep_(other.rep_ == nullptr ? nullptr : new Rep(*other.rep_)) {}

void Status::drop() noexcept {
  delete rep_;
  rep_ = nullptr;
}

Code Status::code() const noexcept { return rep_ == nullptr ? Code::ok : rep_->code; }

std::string_view Status::message() const noexcept {
  return rep_ == nullptr ? std::string_view() : std::string_view(rep_->message);
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
