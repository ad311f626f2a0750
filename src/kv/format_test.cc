// Replays what docs/format.md shows of key-value commands and snapshots.
#include <string>

#include "kv/test_state.h"
#include "support/hex_examples.h"

namespace forelog::kv {
namespace {

using namespace forelog::kv::testing;
using format::HexExample;
using format::split;

std::vector<HexExample> examples_of(const std::string& kind) {
  auto examples = format::read_hex_examples(std::string(FORELOG_SOURCE_DIR) + "/docs/format.md");
  std::erase_if(examples, [&](const HexExample& each) { return each.text("kind") != kind; });
  return examples;
}

Timestamp time_of(const std::string& nanoseconds) {
  return Timestamp(std::chrono::nanoseconds(std::stoll(nanoseconds)));
}

// The parts of an operation stand between colons, as does what they view.
Operation operation_of(const std::vector<std::string>& parts) {
  if (parts[0] == "put") return put(parts[1], parts[2]);
  if (parts[0] == "put_until") return put_until(parts[1], parts[2], time_of(parts[3]));
  if (parts[0] == "erase") return erase(parts[1]);
  EXPECT_EQ(parts[0], "require");
  return require(parts[1], Lsn(std::stoull(parts[2])));
}

void expect_bytes(const HexExample& example, const std::string& written) {
  EXPECT_TRUE(ByteView(written).text() == ByteView(std::span(example.bytes)).text())
      << example.text("name") << " is written as\n"
      << format::to_hex_lines(written);
}

TEST(KvFormatTest, CommandsAreAsTheDocumentShowsThem) {
  const auto examples = examples_of("kv_command");
  ASSERT_EQ(examples.size(), 2u);
  for (const HexExample& example : examples) {
    std::vector<std::vector<std::string>> parts;
    for (const std::string& each : split(example.text("operations"), ',')) {
      if (!each.empty()) parts.push_back(split(each, ':'));
    }
    std::vector<Operation> operations;
    for (const auto& each : parts) operations.push_back(operation_of(each));
    const auto kind = example.text("command") == "tick" ? CommandKind::tick : CommandKind::write;
    expect_bytes(example, encode(kind, time_of(example.text("time")), operations));

    Command decoded;
    ASSERT_EQ(decode_command(ByteView(std::span(example.bytes)), decoded), CommandCheck::valid);
    EXPECT_EQ(decoded.kind, kind);
    EXPECT_EQ(decoded.time, time_of(example.text("time")));
    ASSERT_EQ(decoded.operations.size(), operations.size());
    for (std::size_t i = 0; i < operations.size(); ++i) {
      EXPECT_EQ(decoded.operations[i].kind, operations[i].kind);
      EXPECT_EQ(decoded.operations[i].key.text(), operations[i].key.text());
      EXPECT_EQ(decoded.operations[i].value.text(), operations[i].value.text());
      EXPECT_EQ(decoded.operations[i].expires, operations[i].expires);
      EXPECT_EQ(decoded.operations[i].version, operations[i].version);
    }
  }
}

TEST(KvFormatTest, SnapshotsAreAsTheDocumentShowsThem) {
  const auto examples = examples_of("kv_snapshot");
  ASSERT_EQ(examples.size(), 1u);
  const HexExample& example = examples.front();
  StateDriver driver;
  Seen expected;
  driver.clock = time_of("0");
  ASSERT_TRUE(driver.load(std::string(ByteView(std::span(example.bytes)).text())).ok());
  for (const std::string& each : split(example.text("entries"), ',')) {
    const std::vector<std::string> parts = split(each, ':');
    expected[parts[0]] = parts[1];
    EXPECT_EQ(driver.version(parts[0]), Lsn(std::stoull(parts[2])));
  }
  EXPECT_EQ(all_of(driver.pin()), expected);
  EXPECT_EQ(driver.stats().applied, Lsn(example.number("lsn")));
  EXPECT_EQ(driver.stats().time, time_of(example.text("time")));
  EXPECT_EQ(driver.stats().expiring, 1u);
  expect_bytes(example, driver.saved());
}

// The state of the document, made by commands: the way to see its bytes when it is extended.
TEST(KvFormatTest, TheSnapshotShownIsWhatCommandsMake) {
  StateDriver driver;
  driver.clock = time_of("1000000000");
  driver.write({put("bread", "1")});
  driver.write({put_until("soup", "1", time_of("5000000000")), erase("bread")});
  driver.clock = time_of("2000000000");
  driver.write({put("pizza", "2")});
  expect_bytes(examples_of("kv_snapshot").front(), driver.saved());
}

// Every cut of every command, and every byte of it changed: an error, or another command.
TEST(KvFormatTest, WhatIsCutOrChangedIsDecodedWithoutHarm) {
  for (const HexExample& example : examples_of("kv_command")) {
    Command command;
    for (std::size_t size = 0; size < example.bytes.size(); ++size) {
      const auto check = decode_command(ByteView(std::span(example.bytes).first(size)), command);
      EXPECT_NE(check, CommandCheck::unknown);
    }
    for (std::size_t at = 0; at < example.bytes.size(); ++at) {
      for (int value = 0; value < 256; ++value) {
        auto bytes = example.bytes;
        bytes[at] = static_cast<std::byte>(value);
        (void)decode_command(ByteView(std::span(bytes)), command);
      }
    }
  }
}

}  // namespace
}  // namespace forelog::kv
