// Which directory was meant: people name a store where its log is wanted, or a log where a store is.
// The library can only say what it did not find; this says what is there instead, and where to look.
//
// Threading: pure, but for looking at the directories.
#pragma once

#include <cstdint>
#include <filesystem>

#include "forelog/status.h"

namespace forelog::cli {

enum class Meant : std::uint8_t { log, store, intents };

// Ok: a directory, or nothing, is there. Errors: that of the library for a symbolic link, which a
// log is never opened through; not_found, for a file.
Status check_directory(const std::filesystem::path& dir);

// For whoever is about to append, before a log is made or written to. Errors: not_found, `dir` is a store
// itself, which a log in its root would lock out; invalid_argument, unless `force`: it is the log of
// one, which a record that is no command of it would end.
Status check_for_appending(const std::filesystem::path& dir, bool force);

// `error` is what opening `dir` came to. Where the directory is certainly not one of what was meant:
// not_found, with what it is, and where what was meant lies nearby. Else the error as it is: what is
// damaged, newer or in use stays so.
Status explain_place(const Status& error, const std::filesystem::path& dir, Meant meant);

}  // namespace forelog::cli
