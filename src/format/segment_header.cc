#include "format/segment_header.h"

#include <algorithm>
#include <cstring>

#include "base/checksum.h"
#include "base/endian.h"
#include "base/simulation.h"
#include "format/frame.h"

namespace forelog::format {

using base::load_le;
using base::store_le;

namespace {

constexpr std::uint32_t kPredecessorSealed = 1;
constexpr std::string_view kDigits = "0123456789abcdef";

}  // namespace

std::string to_string(const LogId& id) {
  std::string text;
  for (const std::byte byte : id.bytes) {
    text += kDigits[std::to_integer<unsigned>(byte) >> 4];
    text += kDigits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

std::optional<LogId> parse_log_id(std::string_view text) {
  LogId id;
  if (text.size() != 2 * id.bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    const std::size_t high = kDigits.find(text[2 * i]);
    const std::size_t low = kDigits.find(text[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    id.bytes[i] = static_cast<std::byte>(high << 4 | low);
  }
  return id;
}

void encode_segment_header(const SegmentHeader& header,
                           std::span<std::byte, kSegmentHeaderBytes> to) {
  std::fill(to.begin(), to.end(), std::byte{0});
  std::byte* at = to.data();
  std::memcpy(at, kSegmentMagic.data(), kSegmentMagic.size());
  store_le<std::uint32_t>(at + 8, kFormatVersion);
  store_le<std::uint32_t>(at + 12, static_cast<std::uint32_t>(kSegmentHeaderBytes));
  std::memcpy(at + 16, header.log_id.bytes.data(), header.log_id.bytes.size());
  store_le<std::uint64_t>(at + 32, header.number);
  store_le<std::uint64_t>(at + 40, header.salt);
  store_le<std::uint64_t>(at + 48, header.first_lsn.value);
  store_le<std::uint64_t>(at + 56, header.created);
  store_le<std::uint64_t>(at + 64, header.predecessor.number);
  store_le<std::uint64_t>(at + 72, header.predecessor.salt);
  store_le<std::uint64_t>(at + 80, header.predecessor.offset);
  store_le<std::uint64_t>(at + 88, header.predecessor.digest);
  store_le<std::uint32_t>(at + 96, header.predecessor.sealed ? kPredecessorSealed : 0);
  store_le<std::uint32_t>(at + 100, header.epoch.number);
  store_le<std::uint64_t>(at + 104, header.epoch.branch);
  store_le<std::uint64_t>(at + 112, header.epoch.parent);
  store_le<std::uint64_t>(at + 120, header.epoch.first_lsn.value);
  const std::size_t covered = kSegmentHeaderBytes - 8;
  store_le<std::uint64_t>(at + covered, base::checksum(to.first(covered), 0));
}

HeaderCheck decode_segment_header(std::span<const std::byte, kSegmentHeaderBytes> from,
                                  SegmentHeader& header, std::uint32_t& version) {
  const std::byte* at = from.data();
  const std::size_t covered = kSegmentHeaderBytes - 8;
  if (std::memcmp(at, kSegmentMagic.data(), kSegmentMagic.size()) != 0 ||
      load_le<std::uint64_t>(at + covered) != base::checksum(from.first(covered), 0)) {
    return HeaderCheck::damaged;
  }
  version = load_le<std::uint32_t>(at + 8);
  if (version != kFormatVersion) return HeaderCheck::unsupported;
  std::memcpy(header.log_id.bytes.data(), at + 16, header.log_id.bytes.size());
  header.number = load_le<std::uint64_t>(at + 32);
  header.salt = load_le<std::uint64_t>(at + 40);
  header.first_lsn = Lsn(load_le<std::uint64_t>(at + 48));
  header.created = load_le<std::uint64_t>(at + 56);
  header.predecessor.number = load_le<std::uint64_t>(at + 64);
  header.predecessor.salt = load_le<std::uint64_t>(at + 72);
  header.predecessor.offset = load_le<std::uint64_t>(at + 80);
  header.predecessor.digest = load_le<std::uint64_t>(at + 88);
  header.predecessor.sealed = (load_le<std::uint32_t>(at + 96) & kPredecessorSealed) != 0;
  header.epoch.number = load_le<std::uint32_t>(at + 100);
  header.epoch.branch = load_le<std::uint64_t>(at + 104);
  header.epoch.parent = load_le<std::uint64_t>(at + 112);
  header.epoch.first_lsn = Lsn(load_le<std::uint64_t>(at + 120));
  const bool sane = header.number != 0 && header.first_lsn.value != 0 &&
                    header.first_lsn.value < kLsnLimit && header.predecessor.number < header.number;
  return sane ? HeaderCheck::valid : HeaderCheck::damaged;
}

std::uint64_t segment_key(const LogId& log_id, std::uint64_t number, std::uint64_t salt) noexcept {
  if (base::makes(base::Mistake::unbound_checksums)) number = salt = 0;
  std::array<std::byte, 32> identity;
  std::memcpy(identity.data(), log_id.bytes.data(), log_id.bytes.size());
  store_le<std::uint64_t>(identity.data() + 16, number);
  store_le<std::uint64_t>(identity.data() + 24, salt);
  return base::checksum(identity, 0);
}

std::uint64_t segment_key(const SegmentHeader& header) noexcept {
  return segment_key(header.log_id, header.number, header.salt);
}

std::uint64_t fold_digest(std::uint64_t digest, std::span<const std::byte> frame_header) noexcept {
  return base::checksum(frame_header, digest);
}

}  // namespace forelog::format
