// Holders: named reasons to keep old segments, each a small file in holders/, so that they outlive
// a restart and every process can list them. Implements docs/format.md, "Holders".
// Threading: none of its own; Log serialises the calls that change something.
#pragma once

#include <string_view>
#include <vector>

#include "forelog/file_system.h"
#include "forelog/log.h"

namespace forelog::log {

Status check_holder_name(std::string_view name);

// Durable on return.
Status put_holder(Directory& dir, const Holder& holder);
Status remove_holder(Directory& dir, std::string_view name);  // not_found when there is none.
Result<std::vector<Holder>> read_holders(Directory& dir);     // By name; `overrun` is not set.

// Sets `overrun` for a log of these segments: (first LSN, data bytes), oldest first.
struct HeldSegment {
  Lsn first_lsn;
  std::uint64_t bytes = 0;
};
void mark_overrun(std::vector<Holder>& holders, const std::vector<HeldSegment>& segments);

}  // namespace forelog::log
