// A participant's state, alone: its bytes, as docs/format.md has them, and what is refused of them.
#include "intents/participant_state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "intents/test_accounts.h"
#include "intents/test_state.h"
#include "support/hex_examples.h"

namespace forelog::intents {
namespace {

using Kind = ParticipantCommandKind;

std::vector<std::byte> bytes_of(const std::string& text) {
  const ByteView bytes(text);
  return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> example(const std::string& name) {
  const auto examples =
      format::read_hex_examples(std::string(FORELOG_SOURCE_DIR) + "/docs/format.md");
  const auto found = std::find_if(examples.begin(), examples.end(),
                                  [&](const auto& each) { return each.text("name") == name; });
  EXPECT_NE(found, examples.end()) << name;
  return found == examples.end() ? std::vector<std::byte>() : found->bytes;
}

std::unique_ptr<ParticipantState> make_state() {
  return std::make_unique<ParticipantState>(std::make_unique<forelog::testing::Accounts>());
}

class ParticipantStateTest : public ::testing::Test {
 protected:
  Code apply(Kind kind, std::string transaction, std::string change = {}) {
    const std::string bytes =
        encode(ParticipantCommand{kind, std::move(transaction), std::move(change)});
    EXPECT_TRUE(state_->apply(Lsn(++lsn_), bytes).ok());
    return state_->verdict().status.code();
  }
  std::string saved() const {
    TextSink sink;
    EXPECT_TRUE(state_->save(sink).ok());
    return sink.text;
  }
  static Status load(ParticipantState& state, std::string_view bytes) {
    ByteSource source{ByteView(bytes)};
    return state.load(source);
  }

  std::unique_ptr<ParticipantState> state_ = make_state();
  std::uint64_t lsn_ = 0;
};

TEST_F(ParticipantStateTest, TheExamplesInTheFormatAreWhatIsWrittenAndRead) {
  const std::vector<std::pair<std::string, ParticipantCommand>> commands = {
      {"participant-update", {Kind::update, "", "a +1"}},
      {"participant-prepare", {Kind::prepare, "t", "a +1"}},
      {"participant-commit", {Kind::commit, "t", ""}},
      {"participant-abort", {Kind::abort, "t", ""}}};
  for (const auto& [name, command] : commands) {
    const std::string bytes = encode(command);
    EXPECT_TRUE(bytes_of(bytes) == example(name)) << name << "\n" << format::to_hex_lines(bytes);
    const auto decoded = decode_participant_command(bytes);
    ASSERT_TRUE(decoded);
    EXPECT_TRUE(*decoded == command);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode_participant_command(ByteView(bytes).first(size)));
    }
  }
  apply(Kind::abort, "u");
  apply(Kind::prepare, "t", "a +1");
  EXPECT_TRUE(bytes_of(saved()) == example("participant-snapshot"))
      << format::to_hex_lines(saved());
}

TEST_F(ParticipantStateTest, ASnapshotThatIsCutOrChangedIsAnErrorOrAnotherState) {
  apply(Kind::abort, "u");
  apply(Kind::prepare, "t", "alice +1");
  const std::string bytes = saved();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(load(*make_state(), std::string_view(bytes).substr(0, size)).ok()) << size;
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    if (!load(*state_, flipped).ok()) continue;
    EXPECT_EQ(saved(), flipped) << "bit " << bit;
  }
}

TEST_F(ParticipantStateTest, ATransactionHasOneChange) {
  EXPECT_EQ(apply(Kind::prepare, "t", "alice +1"), Code::ok);
  EXPECT_EQ(apply(Kind::prepare, "t", "alice +2"), Code::invalid_argument);
  EXPECT_EQ(apply(Kind::prepare, "t", "alice +1"), Code::ok);
  EXPECT_EQ(apply(Kind::commit, "t"), Code::ok);
}

TEST_F(ParticipantStateTest, WhatWasLoadedIsLockedAndRemembered) {
  apply(Kind::abort, "u");
  apply(Kind::prepare, "t", "alice +1");
  auto other = make_state();
  const auto image = state_->freeze();
  apply(Kind::commit, "t");
  TextSink sink;
  ASSERT_TRUE(image->save(sink).ok());
  ASSERT_TRUE(load(*other, sink.text).ok());
  state_ = std::move(other);
  EXPECT_EQ(apply(Kind::update, "", "alice +1"), Code::busy);
  EXPECT_EQ(apply(Kind::commit, "u"), Code::not_found);
  EXPECT_EQ(apply(Kind::commit, "t"), Code::ok);
  EXPECT_EQ(apply(Kind::update, "", "alice +1"), Code::ok);
}

TEST_F(ParticipantStateTest, DecisionsAreForgottenInTheOrderInWhichTheyWereMade) {
  for (std::size_t i = 0; i <= kDecidedKept; ++i) apply(Kind::abort, "t" + std::to_string(i));
  EXPECT_EQ(apply(Kind::prepare, "t1", "alice +1"), Code::ok);
  EXPECT_FALSE(state_->verdict().vote.yes);
  EXPECT_EQ(apply(Kind::prepare, "t0", "alice +1"), Code::ok);
  EXPECT_TRUE(state_->verdict().vote.yes);
}

}  // namespace
}  // namespace forelog::intents
