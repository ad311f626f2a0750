// A program outside of Forelog that compresses: links forelog::zstd, and what that needs.
#include <forelog/forelog.h>
#include <forelog/zstd.h>

#include <cstdio>
#include <string>

int main() {
  const forelog::Compression& codec = forelog::zstd(5);
  const std::string text(100'000, 'x');
  std::string small(codec.bound(text.size()), '\0'), back(text.size(), '\0');
  const auto bytes = codec.compress(text, std::as_writable_bytes(std::span(small)));
  if (!bytes) return 1;
  small.resize(*bytes);
  const auto status = codec.decompress(small, std::as_writable_bytes(std::span(back)));
  if (!status.ok() || back != text || small.size() > 1000) return 1;
  std::printf("forelog %s: three records\n", std::string(forelog::version()).c_str());
  return 0;
}
