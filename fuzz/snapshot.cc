// SnapshotReader over files from anywhere, beside a reader that has the whole file in memory and follows
// docs/format.md word by word. Both must come to the same end; nothing but bytes that verify may be
// handed out, and no memory be asked for but that of two blocks.
//
// Input: what to put right first (1 byte): 1 the header's magic and checksum, 2 those of each block, as
// far as their lengths lead, 4 what the end mark says of them; then the file.
#include <forelog/memory_file_system.h>
#include <forelog/zstd.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "base/endian.h"
#include "format/snapshot_block.h"
#include "format/snapshot_header.h"
#include "input.h"
#include "snapshot/snapshot_reader.h"
#include "snapshot/snapshots.h"

namespace {

using namespace forelog;
using namespace forelog::format;
using base::load_le;
using base::store_le;
using fuzz::Input;
using fuzz::require;

constexpr std::size_t kHead = kSnapshotBlockHeaderBytes;
constexpr std::uint32_t kBlockBytesMax = 64 * 1024;  // Where the header is put right: to stay fast.

using Bytes = std::vector<std::byte>;

ByteView view(std::span<const std::byte> bytes) { return {bytes.data(), bytes.size()}; }

void put_header_right(Bytes& file) {
  if (file.size() < kSnapshotHeaderBytes) file.resize(kSnapshotHeaderBytes);
  std::copy(kSnapshotMagic.begin(), kSnapshotMagic.end(), reinterpret_cast<char*>(file.data()));
  const auto block_bytes = load_le<std::uint32_t>(file.data() + 76);
  store_le<std::uint32_t>(file.data() + 76, block_bytes % (kBlockBytesMax + 1));
  store_le(file.data() + 248, base::checksum({file.data(), 248}, 0));
}

void put_blocks_right(Bytes& file, bool end_too) {
  if (file.size() < kSnapshotHeaderBytes) return;
  const std::uint64_t key = snapshot_key(std::span(file).first<kSnapshotHeaderBytes>());
  SnapshotEnd seen{0, 0, key};
  for (std::size_t at = kSnapshotHeaderBytes; file.size() - at >= kHead;) {
    std::byte* const block = file.data() + at;
    const auto stored = load_le<std::uint32_t>(block + 12);
    if (stored > file.size() - at - kHead) return;
    const bool is_end = load_le<std::uint8_t>(block + 20) == 2 && stored == kSnapshotEndBytes;
    if (is_end && end_too) {
      encode_snapshot_end(seen, std::span(file).subspan(at + kHead).first<kSnapshotEndBytes>());
    }
    const std::uint64_t seed = position_seed(key, at);
    store_le<std::uint32_t>(block + 8, kSnapshotBlockMagic);
    store_le(block + 24, base::checksum({block + kHead, stored}, seed));
    store_le(block, base::checksum({block + 8, kHead - 8}, seed));
    ++seen.blocks;
    seen.raw_bytes += load_le<std::uint32_t>(block + 16);
    seen.digest = fold_digest(seen.digest, {block, kHead});
    at += kHead + stored;
  }
}

enum class End : std::uint8_t { valid, damaged, unsupported };

// What the document says of the file, and the state as far as it verifies.
struct Reference {
  explicit Reference(const Bytes& bytes) : file(bytes) {}

  End run() {
    if (file.size() < kSnapshotHeaderBytes) return End::damaged;
    const std::byte* const at = file.data();
    const bool magic =
        std::equal(kSnapshotMagic.begin(), kSnapshotMagic.end(), reinterpret_cast<const char*>(at));
    if (!magic || load_le<std::uint64_t>(at + 248) != base::checksum({at, 248}, 0)) {
      return End::damaged;
    }
    if (load_le<std::uint32_t>(at + 8) != 1) return End::unsupported;
    if ((load_le<std::uint32_t>(at + 72) & 0xffff) != 0) return End::unsupported;
    const auto lsn = load_le<std::uint64_t>(at + 40);
    block_bytes = load_le<std::uint32_t>(at + 76);
    compression = load_le<std::uint8_t>(at + 80);
    const auto kind_bytes = load_le<std::uint8_t>(at + 81);
    if (lsn == 0 || lsn >> 63 != 0 || block_bytes == 0 || block_bytes > 16 * MiB ||
        kind_bytes > 32 || !is_snapshot_kind(view(file).text().substr(88, kind_bytes))) {
      return End::damaged;
    }
    if (compression > 1) return End::unsupported;
    key = base::checksum({at, kSnapshotHeaderBytes}, 0);
    seen.digest = key;
    std::size_t offset = kSnapshotHeaderBytes;
    while (true) {
      bool last = false;
      const End end = block(offset, last);
      if (end != End::valid) return end;
      if (last) return offset == file.size() ? End::valid : End::damaged;
    }
  }

  End block(std::size_t& offset, bool& last) {
    const std::byte* const at = file.data() + offset;
    if (file.size() - offset < kHead) return End::damaged;
    const std::uint64_t seed = key + offset;
    if (load_le<std::uint32_t>(at + 8) != kSnapshotBlockMagic ||
        load_le<std::uint64_t>(at) != base::checksum({at + 8, kHead - 8}, seed)) {
      return End::damaged;
    }
    const std::size_t stored = load_le<std::uint32_t>(at + 12);
    const std::size_t raw = load_le<std::uint32_t>(at + 16);
    const auto kind = load_le<std::uint8_t>(at + 20);
    const auto flags = load_le<std::uint8_t>(at + 21);
    if (kind < 1 || kind > 2 || flags > 1) return End::unsupported;
    last = kind == 2;
    if (last && (flags != 0 || stored != 24 || raw != 24)) return End::damaged;
    if (!last && (raw == 0 || raw > block_bytes)) return End::damaged;
    if (!last && (flags == 1 ? compression == 0 || stored >= raw : stored != raw)) {
      return End::damaged;
    }
    if (stored > file.size() - offset - kHead) return End::damaged;
    const ByteView body(at + kHead, stored);
    if (load_le<std::uint64_t>(at + 24) != base::checksum(body, seed)) return End::damaged;
    offset += kHead + stored;
    if (last) {
      return decode_snapshot_end(std::span(body).first<24>()) == seen ? End::valid : End::damaged;
    }
    Bytes inflated(body.begin(), body.end());
    if (flags == 1) {
      inflated.assign(raw, std::byte{0});
      if (!zstd().decompress(body, inflated).ok()) return End::damaged;
    }
    state.insert(state.end(), inflated.begin(), inflated.end());
    seen.digest = base::checksum({at, kHead}, seen.digest);
    seen.raw_bytes += raw;
    ++seen.blocks;
    return End::valid;
  }

  const Bytes& file;
  std::uint64_t key = 0;
  std::uint32_t block_bytes = 0;
  std::uint8_t compression = 0;
  SnapshotEnd seen;
  Bytes state;
};

struct Reading {
  Bytes state;
  Status status;
};

// Every byte, in parts of so many.
Reading read_all(Directory& dir, const std::string& name, std::size_t part,
                 std::optional<Damage>& damage) {
  Reading reading;
  auto reader = snapshot::SnapshotReader::open(dir, name, &zstd(), &damage);
  if (!reader) {
    reading.status = reader.error();
    return reading;
  }
  Bytes some(part);
  while (true) {
    const auto got = (*reader)->read(some);
    if (!got) {
      reading.status = got.error();
      break;
    }
    reading.state.insert(reading.state.end(), some.begin(),
                         some.begin() + static_cast<std::ptrdiff_t>(*got));
    if (*got < part) break;
  }
  const Status finished = (*reader)->finish();
  require(finished.code() == (reading.status.ok() ? finished.code() : reading.status.code()),
          "finish tells of what read has found");
  reading.status = finished;
  return reading;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const auto right = input.number<std::uint8_t>();
  if (right > 7) return -1;  // Not worth keeping.
  Bytes file(input.rest().begin(), input.rest().end());
  if ((right & 1) != 0) put_header_right(file);
  if ((right & 2) != 0) put_blocks_right(file, (right & 4) != 0);

  MemoryFileSystem disk;
  const auto dir = *disk.open_directory("/snapshots", true);
  const std::uint64_t lsn = file.size() < 48 ? 1 : load_le<std::uint64_t>(file.data() + 40);
  const std::string name = snapshot::snapshot_name(Lsn(lsn));
  require(disk.write_file("/snapshots/" + name, view(file)).ok(), "there is a disk");

  Reference reference(file);
  const End end = reference.run();
  for (const std::size_t part : {std::size_t{97}, std::size_t{1} << 20}) {
    std::optional<Damage> damage;
    const Reading reading = read_all(*dir, name, part, damage);
    const Code code = end == End::valid     ? Code::ok
                      : end == End::damaged ? Code::corrupt
                                            : Code::unsupported;
    require(reading.status.code() == code, "it ends as the document says");
    require(damage.has_value() == (code == Code::corrupt), "damage is told, and nothing else is");
    if (damage) require(damage->file == name && damage->offset <= file.size(), "and where it is");
    require(reading.state.size() <= reference.state.size() &&
                std::equal(reading.state.begin(), reading.state.end(), reference.state.begin()),
            "only what verifies is handed out");
    if (end == End::valid) require(reading.state == reference.state, "and all of it");
  }
  return 0;
}
