// The store inside a snapshot: all keys in order, with their values, versions and times. Implements
// docs/format.md, "Key-value snapshots".
//
// Threading: pure, over what they are given.
#pragma once

#include <memory>

#include "forelog/state_machine.h"
#include "forelog/status.h"
#include "kv/pin.h"
#include "kv/table.h"

namespace forelog::kv {

// Both throw bad_alloc.
Status save_contents(std::shared_ptr<const Pin> pin, Sink& out);
// Errors: corrupt, unsupported (a newer format), and those of `in`.
Result<Contents> load_contents(Source& in);

}  // namespace forelog::kv
