#include "cli/text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace forelog::cli {
namespace {

using namespace std::string_view_literals;

std::string printable(std::string_view text) {
  std::string out;
  append_printable(out, text);
  return out;
}

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string base64(std::string_view bytes) {
  std::string out;
  append_base64(out, bytes);
  return out;
}

TEST(Utf8, AcceptsWhatRfc3629Allows) {
  for (const auto text : {""sv, "plain"sv, "\0"sv, "h\u00e9\u00e8\u20ac\U0001f600 and some more"sv,
                          "\x7f"sv, "\xc2\x80"sv, "\xdf\xbf"sv, "\xe0\xa0\x80"sv, "\xed\x9f\xbf"sv,
                          "\xee\x80\x80"sv, "\xf0\x90\x80\x80"sv, "\xf4\x8f\xbf\xbf"sv}) {
    EXPECT_TRUE(is_utf8(text)) << text;
  }
}

TEST(Utf8, RefusesTheRest) {
  for (const auto text : {"\x80"sv, "\xbf"sv, "\xc0\x80"sv, "\xc1\xbf"sv, "\xc2"sv, "\xc2\x41"sv,
                          "\xe0\x9f\xbf"sv, "\xe2\x82"sv, "\xed\xa0\x80"sv, "\xed\xbf\xbf"sv,
                          "\xf0\x8f\xbf\xbf"sv, "\xf4\x90\x80\x80"sv, "\xf5\x80\x80\x80"sv,
                          "\xff"sv, "a long text that ends badly \xe2"sv, "12345678\xff"sv}) {
    EXPECT_FALSE(is_utf8(text)) << text;
  }
}

TEST(Printable, LeavesTextAlone) {
  EXPECT_EQ(printable(""), "");
  EXPECT_EQ(printable("h\u00e9llo \\ \u20ac\U0001f600"), "h\u00e9llo \\ \u20ac\U0001f600");
}

TEST(Printable, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(printable("\x1b[31mred\x07"), "\\x1b[31mred\\x07");
  EXPECT_EQ(printable("a\tb\r\nc\0d"sv), "a\\tb\\r\\nc\\x00d");
  EXPECT_EQ(printable("\x7f"), "\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\u009b31m");  // C1: CSI in one character.
  EXPECT_EQ(printable("\u202egnp.exe"), "\\u202egnp.exe");
}

TEST(Printable, EscapesBytesThatAreNotText) {
  EXPECT_EQ(printable("\xff\x9b"
                      "a\xe2\x82"),
            "\\xff\\x9ba\\xe2\\x82");
}

TEST(JsonString, IsReadBackAsItWas) {
  for (const auto text : {""sv, "plain"sv, "\"quoted\" \\ and / more"sv, "\0\x01\x1f\x7f\n\t\r"sv,
                          "\xc2\x9b"sv, "h\u00e9\u20ac\U0001f600\u2028"sv}) {
    EXPECT_EQ(nlohmann::json::parse(json_string(text)).get<std::string>(), text);
  }
}

TEST(JsonString, IsSafeOnATerminal) {
  EXPECT_EQ(json_string("\x1b[0m"), "\"\\u001b[0m\"");
  EXPECT_EQ(json_string("\xc2\x9b\x7f"), "\"\\u009b\\u007f\"");
}

TEST(Base64, IsRfc4648) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

TEST(HexDump, ShowsSixteenBytesALine) {
  std::string out;
  append_hex_dump(out, "0123456789abcdef\n\xff"sv);
  EXPECT_EQ(out,
            "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n"
            "00000010  0a ff                                             |..|\n");
}

}  // namespace
}  // namespace forelog::cli
