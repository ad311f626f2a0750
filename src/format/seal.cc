#include "format/seal.h"

#include "base/endian.h"

namespace forelog::format {

using base::load_le;
using base::store_le;

void encode_seal(const Seal& seal, std::byte* to) {
  store_le<std::uint64_t>(to, seal.first_lsn.value);
  store_le<std::uint64_t>(to + 8, seal.last_lsn.value);
  store_le<std::uint64_t>(to + 16, seal.first_time);
  store_le<std::uint64_t>(to + 24, seal.last_time);
  store_le<std::uint64_t>(to + 32, seal.frame_count);
  store_le<std::uint64_t>(to + 40, seal.digest);
  store_le<std::uint64_t>(to + 48, seal.index_bytes);
}

bool decode_seal(ByteView body, Seal& seal) {
  if (body.size() != kSealBodyBytes) return false;
  const std::byte* at = body.data();
  seal.first_lsn = Lsn(load_le<std::uint64_t>(at));
  seal.last_lsn = Lsn(load_le<std::uint64_t>(at + 8));
  seal.first_time = load_le<std::uint64_t>(at + 16);
  seal.last_time = load_le<std::uint64_t>(at + 24);
  seal.frame_count = load_le<std::uint64_t>(at + 32);
  seal.digest = load_le<std::uint64_t>(at + 40);
  seal.index_bytes = load_le<std::uint64_t>(at + 48);
  return true;
}

void encode_index(const std::vector<IndexEntry>& index, std::byte* to) {
  for (const IndexEntry& entry : index) {
    store_le<std::uint64_t>(to, entry.lsn.value);
    store_le<std::uint64_t>(to + 8, entry.offset);
    store_le<std::uint64_t>(to + 16, entry.time);
    to += kIndexEntryBytes;
  }
}

bool decode_index(ByteView body, std::vector<IndexEntry>& index) {
  if (body.size() % kIndexEntryBytes != 0) return false;
  index.clear();
  index.reserve(body.size() / kIndexEntryBytes);
  for (std::size_t at = 0; at < body.size(); at += kIndexEntryBytes) {
    const IndexEntry entry{Lsn(load_le<std::uint64_t>(body.data() + at)),
                           load_le<std::uint64_t>(body.data() + at + 8),
                           load_le<std::uint64_t>(body.data() + at + 16)};
    if (!index.empty() && (entry.lsn <= index.back().lsn || entry.offset <= index.back().offset ||
                           entry.time < index.back().time)) {
      return false;
    }
    index.push_back(entry);
  }
  return true;
}

}  // namespace forelog::format
