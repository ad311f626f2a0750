// Options whose text a function of units.h turns into a value: what it refuses is wrong usage,
// told with its own message.
//
// Threading: main thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>

#include "forelog/status.h"

namespace forelog::cli {

// `target` is a T, or an optional<T> for an option without a default. It must live as long as the
// command does. `type` is shown in the help: "LSN", "BYTES".
template <typename T, typename Target>
CLI::Option* add_parsed(CLI::App& command, const std::string& name, const std::string& type,
                        Result<T> (*parse)(std::string_view), Target& target,
                        const std::string& description) {
  const auto store = [&target, parse, name](const std::string& text) {
    Result<T> value = parse(text);
    if (!value) throw CLI::ValidationError(name, std::string(value.error().message()));
    target = *std::move(value);
  };
  return command.add_option_function<std::string>(name, store, description)->type_name(type);
}

inline CLI::Option* add_directory(CLI::App& command, std::string& target) {
  return command
      .add_option(
          "DIR", target,
          "Directory of the log itself: a symbolic link is refused, one among its parents is not")
      ->type_name("")
      ->required();
}

}  // namespace forelog::cli
