// Compression: how blocks are made smaller. An interface, so that the library needs no codec: zstd
// comes with the target forelog::zstd (zstd.h).
//
// Threading: every method may be called from several threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "forelog/bytes.h"
#include "forelog/export.h"
#include "forelog/status.h"

namespace forelog {

class FORELOG_EXPORT Compression {
 public:
  virtual ~Compression() = default;

  virtual std::uint8_t id()
      const noexcept = 0;  // Stored with what it made: 1 zstd; 128 to 255 yours.
  virtual std::string_view name() const noexcept = 0;  // For messages: "zstd".

  // Of what compress makes of `bytes`, at the most.
  virtual std::size_t bound(std::size_t bytes) const noexcept = 0;
  // `to` has bound(from.size()) bytes; returns how many it filled. Errors: no_space (memory).
  virtual Result<std::size_t> compress(ByteView from, std::span<std::byte> to) const = 0;
  // Fills `to` exactly, or returns `corrupt`; never writes behind it, and needs memory by its size
  // alone, whatever `from` says.
  virtual Status decompress(ByteView from, std::span<std::byte> to) const = 0;
};

}  // namespace forelog
