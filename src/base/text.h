// concat("LSN ", 7, " at ", offset): builds the text of messages and names.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace forelog::base {

inline void append_text(std::string& to, std::string_view text) { to.append(text); }
inline void append_text(std::string& to, std::integral auto number) {
  to.append(std::to_string(number));
}

template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::string text;
  (append_text(text, parts), ...);
  return text;
}

// "byte" where there is one of them, else "bytes".
inline std::string plural(std::uint64_t count, std::string_view thing) {
  return concat(thing, count == 1 ? "" : "s");
}

}  // namespace forelog::base
