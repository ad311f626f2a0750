#include "cli/torture_audit.h"

#include <optional>

namespace forelog::cli {

void TortureAudit::set_seen(std::uint64_t number) {
  if (number >= seen_.size()) seen_.resize(number + 1);
  seen_[number] = true;
}

void TortureAudit::see(Lsn lsn, std::string_view payload) {
  if (payload == input_.record(lsn.value)) {
    ++verdict_.recovered;
    return set_seen(lsn.value);
  }
  if (const std::optional<std::uint64_t> number = input_.number_of(payload)) {
    strays_.push_back(*number);
    return;
  }
  ++verdict_.changed;
  set_seen(lsn.value);  // It is there, if not as it was.
}

TortureVerdict TortureAudit::finish(std::uint64_t first_due, std::uint64_t last_due) {
  for (const std::uint64_t number : strays_) {
    is_seen(number) ? ++verdict_.doubled : ++verdict_.out_of_order;
    set_seen(number);
  }
  strays_.clear();
  for (std::uint64_t number = first_due; number <= last_due; ++number) {
    if (!is_seen(number)) ++verdict_.lost;
  }
  return verdict_;
}

}  // namespace forelog::cli
