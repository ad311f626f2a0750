#include "cli/render.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace forelog::cli {
namespace {

using namespace std::string_view_literals;

std::string render(RenderOptions options, std::string_view payload, Lsn lsn = Lsn(7)) {
  const Timestamp time = Timestamp(std::chrono::nanoseconds(1'767'323'045'000'000'001));
  std::string out;
  Renderer(options).append(out, {lsn, time, ByteView(payload)});
  return out;
}

TEST(Render, TextGoesToAPipeAsItIs) {
  EXPECT_EQ(render({}, "a\x1b\xff\n"), "7\ta\x1b\xff\n\n");
  EXPECT_EQ(render({.terminator = '\0'}, "a"), "7\ta\0"sv);
}

TEST(Render, TextIsEscapedOnATerminal) {
  EXPECT_EQ(render({.for_terminal = true}, "a\x1b\xff\n"), "7\ta\\x1b\\xff\\n\n");
  EXPECT_EQ(render({.for_terminal = true, .colour = true}, "a"), "\x1b[36m7\x1b[0m\ta\n");
}

TEST(Render, RawIsThePayload) {
  EXPECT_EQ(render({.format = Format::raw}, "a\tb"), "a\tb\n");
  EXPECT_EQ(render({.format = Format::raw, .terminator = '\0'}, ""), "\0"sv);
}

TEST(Render, JsonTellsTextFromBytes) {
  EXPECT_EQ(render({.format = Format::json}, "h\u00e9"),
            "{\"lsn\":7,\"time\":\"2026-01-02T03:04:05.000000001Z\",\"size\":3,"
            "\"payload\":\"h\u00e9\"}\n");
  const auto bytes = nlohmann::json::parse(render({.format = Format::json}, "\xff"));
  EXPECT_EQ(bytes["payload_base64"], "/w==");
  EXPECT_FALSE(bytes.contains("payload"));
}

TEST(Render, JsonHoldsTheLargestLsn) {
  const auto json = nlohmann::json::parse(render({.format = Format::json}, "", Lsn(UINT64_MAX)));
  EXPECT_EQ(json["lsn"].get<std::uint64_t>(), UINT64_MAX);
}

TEST(Render, HexHasAHeading) {
  EXPECT_EQ(render({.format = Format::hex}, "a"),
            "LSN 7  2026-01-02T03:04:05.000000001Z  1 byte\n"
            "00000000  61                                                |a|\n");
  EXPECT_EQ(render({.format = Format::hex}, ""),
            "LSN 7  2026-01-02T03:04:05.000000001Z  0 bytes\n");
}

TEST(Format, HasFourNames) {
  EXPECT_EQ(parse_format("hex").value(), Format::hex);
  EXPECT_FALSE(parse_format("yaml"));
}

}  // namespace
}  // namespace forelog::cli
