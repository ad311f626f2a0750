// guarded(call): what `call` returns, a Status or a Result; or, when memory runs out inside it, a
// Status of `code` that says so. Stands where an exception must not go on: around each call of the
// public API, in threads and destructors, and where a state must be put right before anyone looks.
//
// A thread that cannot be started (std::system_error) is no different.
//
// contained(who, call): the same around code that is not ours, and may throw anything. What else it
// throws is a Status, `cancelled`, that tells who threw what.
// Threading: none of its own. guarded() allocates nothing.
#pragma once

#include <exception>
#include <new>
#include <string_view>
#include <system_error>

#include "base/mutex.h"
#include "base/text.h"
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

template <typename Call>
FORELOG_UNCHECKED auto contained(std::string_view who, Call&& call) -> decltype(call()) {
  return guarded([&]() FORELOG_UNCHECKED -> decltype(call()) {
    try {
      return call();
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& error) {
      return Status(Code::cancelled, concat(who, " threw: ", error.what()));
    } catch (...) {
      return Status(Code::cancelled, concat(who, " threw what is no std::exception"));
    }
  });
}

}  // namespace forelog::base
