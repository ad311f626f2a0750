#include "snapshot/snapshot_reader.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/guarded.h"
#include "base/simulation.h"
#include "base/text.h"
#include "forelog/try.h"
#include "snapshot/snapshots.h"

namespace forelog::snapshot {

using base::concat;

Result<format::SnapshotHeader> read_header(Directory& dir, std::string_view name,
                                           std::optional<Damage>* damage) {
  auto reader = FORELOG_TRY(SnapshotReader::open_file(dir, name, damage));
  return std::move(reader->header_);
}

Result<std::unique_ptr<SnapshotReader>> SnapshotReader::open(Directory& dir, std::string_view name,
                                                             const Compression* compression,
                                                             std::optional<Damage>* damage) {
  return base::guarded([&]() -> Result<std::unique_ptr<SnapshotReader>> {
    auto reader = FORELOG_TRY(open_file(dir, name, damage));
    FORELOG_TRY(reader->prepare(compression));
    return reader;
  });
}

Result<std::unique_ptr<SnapshotReader>> SnapshotReader::open_file(Directory& dir,
                                                                  std::string_view name,
                                                                  std::optional<Damage>* damage) {
  std::unique_ptr<SnapshotReader> reader(
      new SnapshotReader(concat(dir.path().string(), "/", name), std::string(name), damage));
  reader->file_ = FORELOG_TRY(dir.open(name, OpenMode::read_only));
  reader->file_bytes_ = FORELOG_TRY(reader->file_->size());
  FORELOG_TRY(reader->take_header());
  return reader;
}

Status SnapshotReader::take_header() {
  std::array<std::byte, format::kSnapshotHeaderBytes> bytes;
  FORELOG_TRY(read_from_file(0, bytes, "its header"));
  std::uint32_t version = 0;
  switch (format::decode_snapshot_header(bytes, header_, version)) {
    case format::HeaderCheck::valid: break;
    case format::HeaderCheck::damaged: return corrupt(0, "its header does not verify");
    case format::HeaderCheck::unsupported:
      return {Code::unsupported,
              concat(path_, ": snapshot format version ", version,
                     ", or a feature of it, that this ", "program does not read (it reads version ",
                     format::kSnapshotVersion, "); use a newer one. Nothing was changed")};
  }
  if (name_ != snapshot_name(header_.lsn)) {
    return corrupt(
        0, concat("it is the snapshot of LSN ", header_.lsn.value, ", under the name of another"));
  }
  key_ = format::snapshot_key(bytes);
  seen_.digest = key_;
  offset_ = bytes.size();
  return {};
}

Status SnapshotReader::prepare(const Compression* compression) {
  if (header_.compression != 0) {
    if (compression == nullptr || compression->id() != header_.compression) {
      return {Code::unsupported,
              concat(path_, ": compressed by method ", header_.compression,
                     header_.compression == format::kZstdCompression
                         ? " (zstd), which was not given. Set SnapshotOptions::compression to "
                           "&forelog::zstd(), and link to forelog::zstd"
                         : ", which was not given. Set SnapshotOptions::compression to it",
                     ". Nothing was changed")};
    }
    compression_ = compression;
    stored_.resize(header_.block_bytes);
  }
  raw_.resize(header_.block_bytes);
  return {};
}

Result<std::size_t> SnapshotReader::read(std::span<std::byte> to) {
  std::size_t done = 0;
  while (done < to.size()) {
    if (block_.empty()) {
      if (at_end_) break;
      if (failed_.ok()) failed_ = base::guarded([&] { return next_block(); });
      FORELOG_TRY(Status(failed_));
      continue;
    }
    const std::size_t part = std::min(block_.size(), to.size() - done);
    std::memcpy(to.data() + done, block_.data(), part);
    block_ = block_.subspan(part);
    done += part;
  }
  return done;
}

Status SnapshotReader::finish() {
  while (failed_.ok() && !at_end_) {
    block_ = {};
    failed_ = base::guarded([&] { return next_block(); });
  }
  return failed_;
}

// Leaves the next block's state in block_, or none and at_end_ set.
Status SnapshotReader::next_block() {
  std::array<std::byte, format::kSnapshotBlockHeaderBytes> bytes;
  FORELOG_TRY(read_from_file(0, bytes, "a block's header"));
  const std::uint64_t seed = format::position_seed(key_, offset_);
  format::SnapshotBlock block;
  switch (format::decode_snapshot_block(bytes, seed, header_.block_bytes, block)) {
    case format::BlockCheck::valid: break;
    case format::BlockCheck::damaged: return corrupt(offset_, "a block's header does not verify");
    case format::BlockCheck::unsupported:
      return {Code::unsupported, concat(path_, ", offset ", offset_,
                                        ": a block of a newer format; use a newer program. Nothing "
                                        "was changed")};
  }
  if (block.compressed && compression_ == nullptr) {
    return corrupt(offset_, "a compressed block in a snapshot without compression");
  }
  if (block.kind == format::SnapshotBlockKind::end) return read_end(block, seed);
  FORELOG_TRY(read_body(block, seed));
  seen_.digest = format::fold_digest(seen_.digest, bytes);
  seen_.raw_bytes += block.raw_bytes;
  ++seen_.blocks;
  offset_ += bytes.size() + block.stored_bytes;
  block_ = ByteView(raw_.data(), block.raw_bytes);
  return {};
}

Status SnapshotReader::read_body(const format::SnapshotBlock& block, std::uint64_t seed) {
  const std::span raw = std::span(raw_).first(block.raw_bytes);
  const std::span stored = block.compressed ? std::span(stored_).first(block.stored_bytes) : raw;
  FORELOG_TRY(read_from_file(format::kSnapshotBlockHeaderBytes, stored, "a block's body"));
  // Before a decoder sees a byte of it.
  if (!format::snapshot_body_matches(block, stored, seed) &&
      !base::makes(base::Mistake::trust_damaged_snapshot)) {
    return corrupt(offset_, "a block does not match its checksum");
  }
  if (!block.compressed) return {};
  const Status inflated = compression_->decompress(stored, raw);
  if (inflated.code() != Code::corrupt)
    return inflated.ok() ? inflated : inflated.with_context(path_);
  return corrupt(offset_, concat("a block that ", compression_->name(),
                                 " does not understand: ", inflated.message()));
}

Status SnapshotReader::read_end(const format::SnapshotBlock& block, std::uint64_t seed) {
  std::array<std::byte, format::kSnapshotEndBytes> body;
  FORELOG_TRY(read_from_file(format::kSnapshotBlockHeaderBytes, body, "its end mark"));
  if (!format::snapshot_body_matches(block, body, seed)) {
    return corrupt(offset_, "the end mark does not match its checksum");
  }
  if (format::decode_snapshot_end(body) != seen_) {
    return corrupt(offset_, "the end mark speaks of other blocks than those before it");
  }
  offset_ += format::kSnapshotBlockHeaderBytes + body.size();
  if (offset_ != file_bytes_) return corrupt(offset_, "bytes behind the end mark");
  at_end_ = true;
  return {};
}

// Fills `to` from where the next block begins, and `skip` bytes on.
Status SnapshotReader::read_from_file(std::uint64_t skip, std::span<std::byte> to,
                                      std::string_view what) {
  const std::uint64_t at = offset_ + skip;
  const std::size_t got = FORELOG_TRY(file_->read_at(at, to));
  if (got < to.size()) return corrupt(at + got, concat("the file ends within ", what));
  return {};
}

Status SnapshotReader::corrupt(std::uint64_t offset, std::string_view what) {
  if (damage_ != nullptr) {
    Damage damage;
    damage.file = name_;
    damage.offset = offset;
    damage.bytes = file_bytes_ - std::min(offset, file_bytes_);
    damage.what = what;
    *damage_ = std::move(damage);
  }
  return {Code::corrupt,
          concat(path_, ", offset ", offset, ": the snapshot is damaged: ", what,
                 "; an older one and the log have the same state, if both are kept")};
}

}  // namespace forelog::snapshot
