// DemoAudit: compares what a log holds with what was sent to it and what it acknowledged.
//
// Record n was sent as the nth one and must stand at LSN n. What stands at another place is doubled
// (it stands at its own too) or out of order; what is no record that was sent is changed; a
// record that must be there and stands nowhere is lost.
// Threading: owned by one thread at a time.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "cli/demo_input.h"
#include "forelog/lsn.h"

namespace forelog::cli {

struct DemoVerdict {
  std::uint64_t recovered = 0;  // Records that stand where they belong.
  std::uint64_t lost = 0;
  std::uint64_t changed = 0;
  std::uint64_t doubled = 0;
  std::uint64_t out_of_order = 0;

  bool good() const { return lost + changed + doubled + out_of_order == 0; }
};

class DemoAudit {
 public:
  explicit DemoAudit(const DemoInput& input) : input_(input) {}

  void see(Lsn lsn, std::string_view payload);
  DemoVerdict finish(std::uint64_t last_due);  // Records 1 to `last_due` must be there.

 private:
  bool is_seen(std::uint64_t number) const { return number < seen_.size() && seen_[number]; }
  void set_seen(std::uint64_t number);

  const DemoInput& input_;
  DemoVerdict verdict_;
  std::vector<bool> seen_;             // By number.
  std::vector<std::uint64_t> strays_;  // Numbers that were seen at another LSN than theirs.
};

}  // namespace forelog::cli
