// zstd as a Compression: one frame, with its size in its header, for each call. A library of its own, so
// that Forelog itself does not need libzstd.
#include "forelog/zstd.h"

#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>

#include "base/endian.h"
#include "base/text.h"

namespace forelog {

namespace {

constexpr int kLevelMin = 1;
constexpr int kLevelMax = 19;  // What is above needs much memory, also to decode.

struct Free {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// What a codec works in, some MiB to compress and less to decode. One for each thread that does so, for
// as long as the thread lives, since making it anew for each block costs a tenth of the time.
ZSTD_CCtx* compressor() {
  thread_local const std::unique_ptr<ZSTD_CCtx, Free> context(ZSTD_createCCtx());
  return context.get();
}
ZSTD_DCtx* decompressor() {
  thread_local const std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  return context.get();
}

Status failure(std::size_t code, Code otherwise) {
  if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation) return Status::out_of_memory();
  return {otherwise, base::concat("zstd: ", ZSTD_getErrorName(code))};
}

class Zstd final : public Compression {
 public:
  explicit Zstd(int level) : level_(level) {}

  std::uint8_t id() const noexcept override { return 1; }
  std::string_view name() const noexcept override { return "zstd"; }
  std::size_t bound(std::size_t bytes) const noexcept override { return ZSTD_compressBound(bytes); }

  Result<std::size_t> compress(ByteView from, std::span<std::byte> to) const override {
    ZSTD_CCtx* const context = compressor();
    if (context == nullptr) return Status::out_of_memory();
    const std::size_t bytes =
        ZSTD_compressCCtx(context, to.data(), to.size(), from.data(), from.size(), level_);
    if (ZSTD_isError(bytes) != 0) return failure(bytes, Code::invalid_argument);
    return bytes;
  }

  Status decompress(ByteView from, std::span<std::byte> to) const override {
    // One frame of today's format and of exactly that size: then libzstd decodes right into `to`, with
    // no window of its own, and none of its decoders for older formats is ever asked.
    if (from.size() < sizeof(std::uint32_t) ||
        base::load_le<std::uint32_t>(from.data()) != ZSTD_MAGICNUMBER) {
      return {Code::corrupt, "not a zstd frame"};
    }
    if (ZSTD_getFrameContentSize(from.data(), from.size()) != to.size() ||
        ZSTD_findFrameCompressedSize(from.data(), from.size()) != from.size()) {
      return {Code::corrupt, "a zstd frame of another size"};
    }
    ZSTD_DCtx* const context = decompressor();
    if (context == nullptr) return Status::out_of_memory();
    const std::size_t bytes =
        ZSTD_decompressDCtx(context, to.data(), to.size(), from.data(), from.size());
    if (ZSTD_isError(bytes) != 0) return failure(bytes, Code::corrupt);
    if (bytes != to.size()) return {Code::corrupt, "a zstd frame of another size"};
    return {};
  }

 private:
  int level_;
};

template <int... kSteps>
const Compression& at_level(int level, std::integer_sequence<int, kSteps...> /*steps*/) {
  // Never destroyed: a thread may still make a snapshot while the program ends.
  static const auto& all =
      *new const std::array<Zstd, sizeof...(kSteps)>{Zstd(kLevelMin + kSteps)...};
  return all[static_cast<std::size_t>(std::clamp(level, kLevelMin, kLevelMax) - kLevelMin)];
}

}  // namespace

const Compression& zstd(int level) {
  return at_level(level, std::make_integer_sequence<int, kLevelMax - kLevelMin + 1>());
}

}  // namespace forelog
