// Whether a directory that was given to append to is, or belongs to, a store: a state with log/ and
// snapshots/ in it (durable.h). Asked beforehand: a log in the root of a store locks the store out, and a
// record that is no command of it ends it.
//
// Threading: any thread.
#pragma once

#include <string>

#include "forelog/status.h"

namespace forelog::cli {

// not_found: `dir` is a store, and not a log. What cannot be looked at is for the log to tell of.
Status check_is_no_store(const std::string& dir);

// invalid_argument: `dir` is the log of a store, so that what is appended must be a command of it.
Status check_is_no_log_of_store(const std::string& dir);

}  // namespace forelog::cli
