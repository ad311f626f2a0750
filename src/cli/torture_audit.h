// TortureAudit: compares what a log holds with what was sent to it and what it acknowledged.
//
// Record n was sent as the nth one and must stand at LSN n. What stands at another place is doubled
// (it stands at its own too) or out of order; what is no record that was sent is changed; a
// record that must be there and stands nowhere is lost.
// Threading: owned by one thread at a time.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "cli/torture_input.h"
#include "forelog/lsn.h"

namespace forelog::cli {

struct TortureVerdict {
  std::uint64_t recovered = 0;  // Records that stand where they belong.
  std::uint64_t lost = 0;
  std::uint64_t changed = 0;
  std::uint64_t doubled = 0;
  std::uint64_t out_of_order = 0;
  std::uint64_t torn_batches = 0;  // Batches of which only a part was recovered.

  bool good() const { return lost + changed + doubled + out_of_order + torn_batches == 0; }
};

class TortureAudit {
 public:
  explicit TortureAudit(const TortureInput& input) : input_(input) {}

  void see(Lsn lsn, std::string_view payload);
  // Records `first_due` to `last_due` must be there.
  TortureVerdict finish(std::uint64_t first_due, std::uint64_t last_due);

 private:
  bool is_seen(std::uint64_t number) const { return number < seen_.size() && seen_[number]; }
  void set_seen(std::uint64_t number);

  const TortureInput& input_;
  TortureVerdict verdict_;
  std::vector<bool> seen_;             // By number.
  std::vector<std::uint64_t> strays_;  // Numbers that were seen at another LSN than theirs.
};

}  // namespace forelog::cli
