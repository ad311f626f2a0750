// Commands of intents: their bytes, as docs/format.md has them, and what is refused.
#include "intents/command.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "support/hex_examples.h"

namespace forelog::intents {
namespace {

Timestamp at(std::uint64_t seconds) { return Timestamp(std::chrono::seconds(seconds)); }

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = ByteView(text);
  return {bytes.begin(), bytes.end()};
}

Command an_order() {
  Command command;
  command.time = at(1);
  command.plan = {.kind = "order",
                  .payload = "soup",
                  .steps = {"charge", "cook"},
                  .pivot = 1,
                  .timeout = std::chrono::milliseconds(5000),
                  .key = "o1"};
  return command;
}

Command of(CommandKind kind) {
  Command command;
  command.kind = kind;
  command.time = at(2);
  command.id = IntentId(7);
  return command;
}

std::vector<std::pair<std::string, Command>> documented_commands() {
  Command done = of(CommandKind::step_done);
  done.step = 1;
  done.text = "ok";
  Command failed = of(CommandKind::step_failed);
  failed.step = 1;
  failed.text = "no";
  failed.next = at(3);
  failed.seen = Lsn(9);
  Command aborting = of(CommandKind::aborting);
  aborting.text = "no";
  aborting.pivot_had_no_effect = true;
  Command compensated = of(CommandKind::compensated);
  compensated.text = "ok";
  Command parked = of(CommandKind::parked);
  parked.text = "no";
  parked.seen = Lsn(9);
  Command dropped = of(CommandKind::dropped);
  dropped.text = "no";
  return {{"intent-begun", an_order()},   {"intent-step-done", done},
          {"intent-step-failed", failed}, {"intent-completed", of(CommandKind::completed)},
          {"intent-aborting", aborting},  {"intent-compensated", compensated},
          {"intent-parked", parked},      {"intent-retried", of(CommandKind::retried)},
          {"intent-dropped", dropped}};
}

TEST(CommandTest, TheExamplesInTheFormatAreWhatIsWrittenAndRead) {
  const auto examples =
      format::read_hex_examples(std::string(FORELOG_SOURCE_DIR) + "/docs/format.md");
  for (const auto& [name, command] : documented_commands()) {
    const auto example =
        std::find_if(examples.begin(), examples.end(),
                     [&name = name](const auto& each) { return each.text("name") == name; });
    const std::string bytes = encode(command);
    ASSERT_NE(example, examples.end()) << name << "\n" << format::to_hex_lines(bytes);
    EXPECT_TRUE(bytes_of(bytes) == example->bytes) << name << "\n" << format::to_hex_lines(bytes);
    const auto decoded = decode_command(ByteView(std::span(example->bytes)));
    ASSERT_TRUE(decoded) << name << ": " << decoded.error().message();
    EXPECT_TRUE(*decoded == command) << name;
  }
}

TEST(CommandTest, CutShortOrLongerAtAnyByteIsNoCommand) {
  for (const auto& [name, command] : documented_commands()) {
    const std::string bytes = encode(command);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const auto decoded = decode_command(ByteView(std::string_view(bytes).substr(0, size)));
      ASSERT_FALSE(decoded) << name << " of " << size << " bytes";
      EXPECT_EQ(decoded.error().code(), Code::corrupt);
    }
    EXPECT_EQ(decode_command(bytes + '\0').error().code(), Code::corrupt) << name;
  }
}

TEST(CommandTest, ANewerVersionOrKindIsUnsupportedAndNamed) {
  std::string bytes = encode(of(CommandKind::completed));
  bytes[0] = 2;
  auto newer = decode_command(bytes);
  EXPECT_EQ(newer.error().code(), Code::unsupported);
  EXPECT_NE(newer.error().message().find("version is 2"), std::string_view::npos);
  bytes[0] = 1;
  bytes[1] = 10;
  newer = decode_command(bytes);
  EXPECT_EQ(newer.error().code(), Code::unsupported);
  EXPECT_NE(newer.error().message().find("kind 10"), std::string_view::npos);
}

TEST(CommandTest, APlanHasItsLimits) {
  const auto refused = [](auto change) {
    IntentPlan plan = an_order().plan;
    change(plan);
    return check_plan(plan).code() == Code::invalid_argument;
  };
  EXPECT_FALSE(refused([](IntentPlan&) {}));
  EXPECT_TRUE(refused([](IntentPlan& plan) { plan.kind = ""; }));
  EXPECT_TRUE(refused([](IntentPlan& plan) { plan.kind = "a b"; }));
  EXPECT_TRUE(refused([](IntentPlan& plan) { plan.kind = std::string(65, 'a'); }));
  EXPECT_TRUE(refused([](IntentPlan& plan) { plan.steps = {}; }));
  EXPECT_TRUE(refused([](IntentPlan& plan) { plan.steps[1] = "a\n"; }));
  EXPECT_TRUE(refused([](IntentPlan& plan) { plan.steps.assign(256, "a"); }));
  EXPECT_FALSE(refused([](IntentPlan& plan) { plan.steps.assign(255, "a"); }));
  EXPECT_TRUE(refused([](IntentPlan& plan) { plan.pivot = 2; }));
  EXPECT_TRUE(refused([](IntentPlan& plan) { plan.timeout = std::chrono::milliseconds(-1); }));
  EXPECT_TRUE(refused([](IntentPlan& plan) { plan.timeout = std::chrono::milliseconds::max(); }));
  EXPECT_TRUE(refused([](IntentPlan& plan) { plan.key = std::string(256, 'a'); }));
}

TEST(CommandTest, AReasonIsCutBetweenCharacters) {
  EXPECT_EQ(short_reason("why"), "why");
  EXPECT_EQ(short_reason(std::string(2000, 'a')), std::string(1024, 'a'));
  const std::string odd = std::string(1023, 'a') + "\xc3\xa9 and more";
  EXPECT_EQ(short_reason(odd), std::string(1023, 'a'));
}

RC_GTEST_PROP(CommandTest, WhatDecodesEncodesBackToTheSameBytes,
              (std::vector<std::uint8_t> noise)) {
  // Of bytes by chance none is a command; of a command with some bytes changed, some are.
  const auto commands = documented_commands();
  std::string bytes = encode(commands[*rc::gen::inRange<std::size_t>(0, commands.size())].second);
  for (std::size_t i = 0; i + 1 < noise.size() && i < 6; i += 2) {
    bytes[noise[i] % bytes.size()] = static_cast<char>(noise[i + 1]);
  }
  const auto decoded = decode_command(bytes);
  if (decoded) {
    RC_ASSERT(encode(*decoded) == bytes);
  } else {
    RC_ASSERT(decoded.error().code() == Code::corrupt ||
              decoded.error().code() == Code::unsupported);
  }
}

}  // namespace
}  // namespace forelog::intents
