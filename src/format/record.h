// Records inside a frame's body: each is its length as a varint, then its bytes.
// Implements docs/format.md, "Records". Bytes in, bytes out: no I/O, no clock, no threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "forelog/bytes.h"

namespace forelog::format {

// A length below 2^30 in 7-bit groups, least significant first, the high bit set on all but the
// last; always the shortest form, so that one body has one encoding.
inline constexpr std::size_t kVarintBytesMax = 5;
inline constexpr std::uint64_t kRecordBytesLimit = std::uint64_t{1} << 30;

constexpr std::size_t varint_bytes(std::uint64_t value) noexcept {
  std::size_t bytes = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++bytes;
  }
  return bytes;
}

inline std::byte* put_varint(std::byte* to, std::uint64_t value) noexcept {
  while (value >= 0x80) {
    *to++ = static_cast<std::byte>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<std::byte>(value);
  return to;
}

// Bytes that a record of `payload_bytes` takes in a body.
constexpr std::uint64_t record_bytes(std::uint64_t payload_bytes) noexcept {
  return varint_bytes(payload_bytes) + payload_bytes;
}

inline std::byte* put_record(std::byte* to, ByteView payload) noexcept {
  to = put_varint(to, payload.size());
  if (!payload.empty()) std::memcpy(to, payload.data(), payload.size());
  return to + payload.size();
}

// Takes records off the front of a body whose checksum has been verified.
//
// Records that follow one another tend to be of one size. It is guessed that the next one has the
// length of the last, and checked: a processor goes on with a guess while the length is still on its
// way from memory, where it must wait for what it computes with.
class RecordReader {
 public:
  RecordReader() = default;
  explicit RecordReader(ByteView body) : at_(body.data()), end_(body.data() + body.size()) {}

  bool done() const noexcept { return at_ == end_; }

  // False when the body is not well-formed here; nothing is read past its end.
  bool next(ByteView& payload) noexcept {
    if (static_cast<std::size_t>(end_ - at_) >= guess_bytes_ && guess_fits()) [[likely]] {
      payload = ByteView(at_ + guess_prefix_, guess_bytes_ - guess_prefix_);
      at_ += guess_bytes_;
      return true;
    }
    return next_of_any_length(payload);
  }

  // Steps over all that are left, and says how many they were.
  std::uint64_t count() noexcept {
    std::uint64_t found = 0;
    ByteView payload;
    while (next(payload)) ++found;
    return found;
  }

 private:
  static constexpr std::size_t kGuessPrefixMax = 2;  // Lengths below 16 KiB.

  bool guess_fits() const noexcept {
    std::uint16_t prefix;
    std::memcpy(&prefix, at_, sizeof prefix);
    return (prefix & guess_mask_) == guess_value_;
  }

  bool next_of_any_length(ByteView& payload) noexcept {
    if (at_ == end_) return false;
    std::uint64_t length = std::to_integer<std::uint64_t>(*at_);
    std::size_t prefix = 1;
    if (length >= 0x80 && !long_length(length, prefix)) return false;
    if (length > static_cast<std::size_t>(end_ - at_) - prefix) return false;
    payload = ByteView(at_ + prefix, length);
    const std::size_t bytes = prefix + length;
    if (prefix <= kGuessPrefixMax && bytes >= kGuessPrefixMax) guess(prefix, bytes);
    at_ += bytes;
    return true;
  }

  bool long_length(std::uint64_t& length, std::size_t& prefix) const noexcept {
    length &= 0x7f;
    for (unsigned shift = 7; prefix < kVarintBytesMax && at_ + prefix < end_; shift += 7) {
      const std::uint64_t byte = std::to_integer<std::uint64_t>(at_[prefix++]);
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) return byte != 0 && length < kRecordBytesLimit + 1;
    }
    return false;
  }

  // From now on for records that begin as the one at hand does.
  void guess(std::size_t prefix, std::size_t bytes) noexcept {
    std::byte mask[kGuessPrefixMax] = {std::byte{0xff},
                                       prefix == 1 ? std::byte{0} : std::byte{0xff}};
    std::memcpy(&guess_mask_, mask, sizeof guess_mask_);
    std::memcpy(&guess_value_, at_, sizeof guess_value_);
    guess_value_ &= guess_mask_;
    guess_prefix_ = prefix;
    guess_bytes_ = bytes;
  }

  const std::byte* at_ = nullptr;
  const std::byte* end_ = nullptr;
  // A record of guess_bytes_, prefix included, whose first bytes are guess_value_ below the mask. At
  // first one that nothing is.
  std::size_t guess_bytes_ = kGuessPrefixMax;
  std::size_t guess_prefix_ = 0;
  std::uint16_t guess_mask_ = 0;
  std::uint16_t guess_value_ = 1;
};

}  // namespace forelog::format
