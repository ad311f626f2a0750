// concat("LSN ", 7, " at ", offset): builds the text of messages and names.
#pragma once

#include <concepts>
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

}  // namespace forelog::base
