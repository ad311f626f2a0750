// Fields of the records and snapshots of intents: written one behind the other, read back with every
// length checked before memory is taken for it. Implements docs/format.md, "Intent commands".
// Threading: none. Bytes in, bytes out: no clock, no I/O but that of the Source that is read.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "base/endian.h"
#include "forelog/bytes.h"
#include "forelog/lsn.h"
#include "forelog/state_machine.h"
#include "forelog/status.h"
#include "forelog/try.h"

namespace forelog::intents {

class FieldWriter {
 public:
  void number8(std::uint8_t value) { put(value); }
  void number16(std::uint16_t value) { put(value); }
  void number32(std::uint32_t value) { put(value); }
  void number64(std::uint64_t value) { put(value); }
  void time(Timestamp time) { put(static_cast<std::uint64_t>(time.time_since_epoch().count())); }
  // Its length, then its bytes. A longer one than its length can tell fits no record.
  void text(std::string_view text) {
    put(static_cast<std::uint32_t>(text.size()));
    bytes_.append(text);
  }

  std::string& bytes() { return bytes_; }

 private:
  template <typename T>
  void put(T value) {
    std::array<std::byte, sizeof value> le;
    base::store_le(le.data(), value);
    bytes_.append(reinterpret_cast<const char*>(le.data()), le.size());
  }

  std::string bytes_;
};

// Every read of a Source that ends too early is `corrupt`.
class FieldReader {
 public:
  explicit FieldReader(Source& from) : from_(from) {}

  template <typename T>
  Result<T> number() {
    std::array<std::byte, sizeof(T)> le;
    FORELOG_TRY(from_.read_exactly(le));
    return base::load_le<T>(le.data());
  }
  Result<Timestamp> time() {
    const std::uint64_t value = FORELOG_TRY(number<std::uint64_t>());
    return Timestamp(std::chrono::nanoseconds(static_cast<std::int64_t>(value)));
  }
  Result<std::string> text(std::uint64_t bytes_max) {
    std::uint64_t left = FORELOG_TRY(number<std::uint32_t>());
    if (left > bytes_max) return Status(Code::corrupt, "a field is longer than it may be");
    std::string text;
    // Why in pieces: memory follows what is there, not what a length says.
    while (left > 0) {
      const std::size_t piece = static_cast<std::size_t>(std::min<std::uint64_t>(left, 64 * KiB));
      const std::size_t at = text.size();
      text.resize(at + piece);
      FORELOG_TRY(from_.read_exactly(std::as_writable_bytes(std::span(text)).subspan(at)));
      left -= piece;
    }
    return text;
  }
  // `corrupt` where anything is left.
  Status end() {
    std::byte more;
    if (FORELOG_TRY(from_.read({&more, 1})) != 0) {
      return {Code::corrupt, "there are bytes behind the last field"};
    }
    return {};
  }

 private:
  Source& from_;
};

// A record as a Source.
class ByteSource : public Source {
 public:
  explicit ByteSource(ByteView bytes) : left_(bytes) {}
  Result<std::size_t> read(std::span<std::byte> to) override {
    const std::size_t bytes = std::min(to.size(), left_.size());
    if (bytes > 0) std::memcpy(to.data(), left_.data(), bytes);
    left_ = ByteView(left_.subspan(bytes));
    return bytes;
  }

 private:
  ByteView left_;
};

}  // namespace forelog::intents
