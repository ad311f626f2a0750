// The payload of the records in the golden directories. Never to be changed.
#pragma once

#include <cstdint>
#include <string>

namespace forelog {

inline std::string golden_record(std::uint64_t lsn, std::size_t bytes) {
  std::string text = "golden " + std::to_string(lsn) + '\n';
  while (text.size() < bytes) text += static_cast<char>((text.size() * 31 + lsn * 7) % 251);
  text.resize(bytes);
  return text;
}

}  // namespace forelog
