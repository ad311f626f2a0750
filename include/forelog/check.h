// What happens when an invariant of the library is broken. That is a bug, never an operating error
// (those are Status): going on could acknowledge what is not there, so the process stops.
#pragma once

#include "forelog/export.h"

namespace forelog {

// Called once with what was broken, before the process aborts: to log it, or to leave in another
// way. When it returns the process aborts all the same. nullptr: print to standard error.
// Threading: set it before the first log is opened; it may be called from any thread.
using CheckHandler = void (*)(const char* condition, const char* file, int line);
FORELOG_EXPORT void set_check_handler(CheckHandler handler) noexcept;

}  // namespace forelog
