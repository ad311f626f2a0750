// FORELOG_CHECK: a broken invariant stops the process at once, in release builds too: a log that
// goes on with broken state acknowledges what it does not have. Operating errors are Status.
// Threading: any.
#pragma once

#define FORELOG_CHECK(condition)                     \
  (__builtin_expect(static_cast<bool>(condition), 1) \
       ? static_cast<void>(0)                        \
       : ::forelog::base::check_failed(#condition, __FILE__, __LINE__))

namespace forelog::base {

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace forelog::base
