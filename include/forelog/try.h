// FORELOG_TRY(expression): the value of a Result (or nothing, of a Status), or a return of its
// error from the enclosing function, which must return Status or some Result. Opt-in: GCC and
// Clang only (a statement expression).
//
// Use it alone or as a sole initialiser, never inside a braced aggregate: g++ 12 leaks the
// members that were already built when the early return leaves the braces.
#pragma once

#include <utility>

#include "forelog/status.h"

namespace forelog::detail {

inline bool failed(const Status& status) noexcept { return !status.ok(); }
template <typename T>
bool failed(const Result<T>& result) noexcept {
  return !result.has_value();
}
inline Status error(Status&& status) noexcept { return std::move(status); }
template <typename T>
Status error(Result<T>&& result) {
  return result.error();
}
inline void take(Status&&) noexcept {}
template <typename T>
T take(Result<T>&& result) {
  return *std::move(result);
}

}  // namespace forelog::detail

#define FORELOG_TRY(expression)                                       \
  __extension__({                                                     \
    auto forelog_try_result = (expression);                           \
    if (::forelog::detail::failed(forelog_try_result)) [[unlikely]]   \
      return ::forelog::detail::error(std::move(forelog_try_result)); \
    ::forelog::detail::take(std::move(forelog_try_result));           \
  })
