// The worked examples of docs/format.md, for the tests that replay them. A block is
//   ```hex name=… kind=… field=value …
//   0000: 46 6f 72 65 …   # what it is
//   ```
// Bytes between two lines, and up to `size` if that is given, are zeros.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "forelog/bytes.h"

namespace forelog::format {

struct HexExample {
  std::map<std::string, std::string> fields;
  std::vector<std::byte> bytes;

  const std::string& text(const std::string& field) const {
    const auto found = fields.find(field);
    EXPECT_NE(found, fields.end()) << fields.at("name") << " has no field " << field;
    static const std::string kNone = "0";
    return found == fields.end() ? kNone : found->second;
  }
  // 0 when the field is not there.
  std::uint64_t number(const std::string& field) const {
    const auto found = fields.find(field);
    return found == fields.end() ? 0 : std::stoull(found->second, nullptr, 0);
  }
};

inline std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == at) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

inline std::vector<HexExample> read_hex_examples(const std::string& path) {
  std::vector<HexExample> examples;
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (!inside) {
      if (!line.starts_with("```hex ")) continue;
      HexExample example;
      for (const std::string& field : split(line.substr(7), ' ')) {
        const std::size_t equals = field.find('=');
        EXPECT_NE(equals, std::string::npos) << line;
        example.fields[field.substr(0, equals)] = field.substr(equals + 1);
      }
      examples.push_back(std::move(example));
      inside = true;
    } else if (line.starts_with("```")) {
      HexExample& example = examples.back();
      const std::uint64_t size = example.number("size");
      EXPECT_LE(example.bytes.size(), size == 0 ? SIZE_MAX : size);
      if (size != 0) example.bytes.resize(static_cast<std::size_t>(size));
      inside = false;
    } else {
      std::istringstream words(line.substr(0, line.find('#')));
      std::string word;
      words >> word;
      std::size_t at = std::stoull(word, nullptr, 16);
      while (words >> word) {
        std::vector<std::byte>& bytes = examples.back().bytes;
        if (bytes.size() <= at) bytes.resize(at + 1);
        bytes[at++] = static_cast<std::byte>(std::stoul(word, nullptr, 16));
      }
    }
  }
  return examples;
}

// As such a block shows it, for the message of a test that found other bytes.
inline std::string to_hex_lines(ByteView bytes) {
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 16) {
    const ByteView row(bytes.subspan(at, std::min<std::size_t>(16, bytes.size() - at)));
    bool zeros = true;
    for (const std::byte byte : row) zeros &= byte == std::byte{0};
    if (zeros && bytes.size() > 16) continue;
    char number[24];
    std::snprintf(number, sizeof number, "%04zx:", at);
    text += number;
    for (const std::byte byte : row) {
      std::snprintf(number, sizeof number, " %02x", std::to_integer<unsigned>(byte));
      text += number;
    }
    text += '\n';
  }
  return text;
}

}  // namespace forelog::format
