#include "forelog/zstd.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace forelog {
namespace {

std::string text_of(std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += "key " + std::to_string(text.size() % 977) + ", value; ";
  text.resize(bytes);
  return text;
}

std::string compressed(const std::string& from, int level = 3) {
  const Compression& codec = zstd(level);
  std::string to(codec.bound(from.size()), '\0');
  const auto bytes = codec.compress(from, std::as_writable_bytes(std::span(to)));
  EXPECT_TRUE(bytes) << bytes.error().message();
  to.resize(bytes ? *bytes : 0);
  return to;
}

Status decompressed(const std::string& from, std::string& to) {
  return zstd().decompress(from, std::as_writable_bytes(std::span(to)));
}

TEST(ZstdTest, RoundTripAtEveryLevel) {
  EXPECT_EQ(zstd().id(), 1);
  EXPECT_EQ(zstd().name(), "zstd");
  for (int level = 1; level <= 19; ++level) {
    for (const std::size_t bytes : {1u, 100u, 100'000u}) {
      const std::string state = text_of(bytes);
      std::string back(bytes, '\0');
      const Status status = decompressed(compressed(state, level), back);
      ASSERT_TRUE(status.ok()) << status.message();
      EXPECT_TRUE(back == state);
    }
  }
  EXPECT_LT(compressed(text_of(100'000)).size(), 10'000u);
}

TEST(ZstdTest, OtherLevelsAreBroughtIntoRange) {
  EXPECT_EQ(&zstd(0), &zstd(1));
  EXPECT_EQ(&zstd(-5), &zstd(1));
  EXPECT_EQ(&zstd(20), &zstd(19));
  EXPECT_EQ(&zstd(1000), &zstd(19));
  EXPECT_NE(&zstd(1), &zstd(2));
}

TEST(ZstdTest, ExactlyTheSizeThatWasAskedFor) {
  const std::string frame = compressed(text_of(1000));
  for (const std::size_t bytes : {0u, 1u, 999u, 1001u, 100'000u}) {
    std::string back(bytes, '\0');
    EXPECT_EQ(decompressed(frame, back).code(), Code::corrupt) << bytes;
  }
  std::string back(1000, '\0');
  EXPECT_EQ(decompressed(frame + frame, back).code(), Code::corrupt) << "two frames";
  EXPECT_EQ(decompressed(frame + "x", back).code(), Code::corrupt) << "bytes behind it";
  EXPECT_EQ(decompressed("", back).code(), Code::corrupt);
}

// No flip, no cut and no garbage writes outside of what it was given, or hangs; most are noticed, and
// for the others there is the checksum over what is stored.
TEST(ZstdTest, HostileInputDoesNoHarm) {
  const std::string state = text_of(2000);
  const std::string frame = compressed(state);
  const auto attempt = [](const std::string& bytes) {
    std::vector<char> around(2000 + 64, 'g');
    const Status status =
        zstd().decompress(bytes, std::as_writable_bytes(std::span(around)).subspan(32, 2000));
    EXPECT_TRUE(status.ok() || status.code() == Code::corrupt) << status.message();
    const auto untouched = [](char c) { return c == 'g'; };
    EXPECT_TRUE(std::all_of(around.begin(), around.begin() + 32, untouched));
    EXPECT_TRUE(std::all_of(around.end() - 32, around.end(), untouched));
    return status.ok();
  };
  EXPECT_TRUE(attempt(frame));
  for (std::size_t bit = 0; bit < frame.size() * 8; ++bit) {
    std::string bytes = frame;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    attempt(bytes);
  }
  for (std::size_t bytes = 0; bytes < frame.size(); ++bytes) {
    EXPECT_FALSE(attempt(frame.substr(0, bytes)));
  }
  std::mt19937_64 dice(1);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = frame.substr(0, 8);
    while (bytes.size() < 300) bytes += static_cast<char>(dice());
    attempt(bytes);
  }
}

TEST(ZstdConcurrentTest, ThreadsDoNotDisturbEachOther) {
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 4; ++i) {
    threads.emplace_back([i] {
      for (std::size_t n = 0; n < 50; ++n) {
        const std::string state = text_of(10'000 + 997 * i + n);
        std::string back(state.size(), '\0');
        EXPECT_TRUE(decompressed(compressed(state, static_cast<int>(1 + i)), back).ok());
        EXPECT_TRUE(back == state);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace forelog
