// guarded(call): what `call` returns, a Status or a Result; or, when memory runs out inside it, a
// Status of `code` that says so. Stands where an exception must not go on: around each call of the
// public API, in threads and destructors, and where a state must be put right before anyone looks.
//
// A thread that cannot be started (std::system_error) is no different.
// Threading: none of its own. Allocates nothing.
#pragma once

#include <new>
#include <system_error>

#include "base/mutex.h"
#include "forelog/status.h"

namespace forelog::base {

// Unchecked: it does not matter here which locks `call` needs; it is called where it was written.
template <typename Call>
FORELOG_UNCHECKED auto guarded(Call&& call, Code code = Code::no_space) -> decltype(call()) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return Status::out_of_memory(code);
  } catch (const std::system_error&) {
    return Status::out_of_memory(code);
  }
}

}  // namespace forelog::base
