#include "format/holes.h"

#include <cstring>

#include "base/checksum.h"
#include "base/endian.h"

namespace forelog::format {

using base::load_le;
using base::store_le;

namespace {

constexpr std::uint64_t kMagic = 0x3153454c4f485246;  // "FRHOLES1" in the file.
constexpr std::size_t kHeadBytes = 32;                // Magic, log id, count.
constexpr std::size_t kHoleBytes = 40;

}  // namespace

std::vector<std::byte> encode_holes(const LogId& log_id, const std::vector<Hole>& holes) {
  std::vector<std::byte> file(kHeadBytes + holes.size() * kHoleBytes + 8);
  std::byte* at = file.data();
  store_le<std::uint64_t>(at, kMagic);
  std::memcpy(at + 8, log_id.bytes.data(), log_id.bytes.size());
  store_le<std::uint64_t>(at + 24, holes.size());
  at += kHeadBytes;
  for (const Hole& hole : holes) {
    store_le<std::uint64_t>(at, hole.segment);
    store_le<std::uint64_t>(at + 8, hole.begin);
    store_le<std::uint64_t>(at + 16, hole.end);
    store_le<std::uint64_t>(at + 24, hole.first_lsn.value);
    store_le<std::uint64_t>(at + 32, hole.next_lsn.value);
    at += kHoleBytes;
  }
  store_le<std::uint64_t>(at, base::checksum({file.data(), file.size() - 8}, 0));
  return file;
}

bool decode_holes(ByteView file, LogId& log_id, std::vector<Hole>& holes) {
  if (file.size() < kHeadBytes + 8 || (file.size() - kHeadBytes - 8) % kHoleBytes != 0)
    return false;
  const std::byte* at = file.data();
  if (load_le<std::uint64_t>(at) != kMagic || load_le<std::uint64_t>(at + file.size() - 8) !=
                                                  base::checksum(file.first(file.size() - 8), 0)) {
    return false;
  }
  const std::size_t count = (file.size() - kHeadBytes - 8) / kHoleBytes;
  if (load_le<std::uint64_t>(at + 24) != count) return false;
  std::memcpy(log_id.bytes.data(), at + 8, log_id.bytes.size());
  holes.clear();
  at += kHeadBytes;
  for (std::size_t i = 0; i < count; ++i, at += kHoleBytes) {
    holes.push_back({load_le<std::uint64_t>(at), load_le<std::uint64_t>(at + 8),
                     load_le<std::uint64_t>(at + 16), Lsn(load_le<std::uint64_t>(at + 24)),
                     Lsn(load_le<std::uint64_t>(at + 32))});
  }
  return true;
}

}  // namespace forelog::format
