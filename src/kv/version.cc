#include "kv/version.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/simulation.h"

namespace forelog::kv {

namespace {

// glibc's malloc: a word of its own, rounded up to 16.
constexpr std::size_t block_bytes(std::size_t bytes) { return (bytes + 8 + 15) / 16 * 16; }

void remove_all(Version* version) noexcept {
  while (version != nullptr) Version::remove(std::exchange(version, version->older));
}

}  // namespace

Slot::~Slot() { remove_all(newest); }
Garbage::~Garbage() { remove_all(versions); }

Version* Version::make(ByteView value, Timestamp expires) {
  void* const memory = ::operator new(sizeof(Version) + value.size());
  auto* const version = new (memory) Version();
  version->expires = expires;
  version->value_bytes = value.size();
  if (!value.empty()) std::memcpy(version + 1, value.data(), value.size());
  return version;
}

void Version::remove(Version* version) noexcept {
  version->~Version();
  ::operator delete(version);
}

std::size_t Version::memory_bytes() const noexcept {
  return block_bytes(sizeof(Version) + value_bytes);
}

const Version* visible(const Slot& slot, Lsn at, Timestamp time) noexcept {
  const Version* version = slot.newest;
  if (base::makes(base::Mistake::show_later_writes)) at = std::max(at, Lsn(kOpen.value - 1));
  while (version != nullptr && version->lsn > at) version = version->older;
  if (version == nullptr || at >= version->until || version->expires <= time) return nullptr;
  return version;
}

std::size_t key_memory_bytes(const std::string& key) noexcept {
  constexpr std::size_t kTreeLinks = 32;
  const std::size_t node = block_bytes(kTreeLinks + sizeof(Keys::value_type));
  const bool inside = key.capacity() <= std::string().capacity();
  return inside ? node : node + block_bytes(key.capacity() + 1);
}

}  // namespace forelog::kv
