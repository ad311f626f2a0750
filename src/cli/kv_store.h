// What the commands of `forelog kv DIR` share: how the store is opened and closed, and the functions
// that register them.
//
// Threading: main thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/command.h"
#include "forelog/kv.h"

namespace forelog::cli {

// Of `forelog kv` itself. Lives as long as the parser.
struct KvPlace {
  std::string dir;
};

// Changes nothing, takes no lock, works beside a writer.
Result<Kv> open_kv_to_read(const KvPlace& place);
// Where there is no store: made by what puts something into it; not_found to what does not, so that a
// mistyped name is not taken for one that is empty.
enum class Missing : std::uint8_t { is_made, is_an_error };
// Tells on standard error what recovery found, if anything was wrong, and shows how far it is, if that
// takes long.
// Where nothing else is asked for, a snapshot is compressed if the newest one is: so that a program which
// brings no codec can open what it could open before.
Result<Kv> open_kv_to_write(const KvPlace& place, Missing missing, CompressNew compress_new);

// Opens the store to write, runs `work` and closes the store: the first error of these is told.
ExitCode with_kv(const KvPlace& place, Missing missing,
                 const std::function<Result<ExitCode>(Kv&)>& work,
                 CompressNew compress_new = CompressNew::as_newest);

void add_kv_readers(CLI::App& kv, Context& context, const KvPlace& place);  // get scan stats dump
void add_kv_writers(CLI::App& kv, Context& context, const KvPlace& place);  // put del checkpoint
void add_kv_streams(CLI::App& kv, Context& context, const KvPlace& place);  // batch load

}  // namespace forelog::cli
