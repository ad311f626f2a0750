#include "snapshot/snapshot_writer.h"

#include <algorithm>
#include <array>

#include "base/guarded.h"
#include "base/thread.h"
#include "forelog/try.h"
#include "snapshot/snapshots.h"

namespace forelog::snapshot {

SnapshotWriter::SnapshotWriter(Directory& dir, const WriterOptions& options)
    : dir_(dir), options_(options), begun_(base::now()) {}

Result<std::unique_ptr<SnapshotWriter>> SnapshotWriter::begin(Directory& dir,
                                                              format::SnapshotHeader header,
                                                              const WriterOptions& options) {
  return base::guarded([&]() -> Result<std::unique_ptr<SnapshotWriter>> {
    std::unique_ptr<SnapshotWriter> writer(new SnapshotWriter(dir, options));
    FORELOG_TRY(writer->start(std::move(header)));
    return writer;
  });
}

Status SnapshotWriter::start(format::SnapshotHeader header) {
  header.compression = options_.compression != nullptr ? options_.compression->id() : 0;
  header.block_bytes = options_.block_bytes;
  lsn_ = header.lsn;
  raw_.reserve(options_.block_bytes);
  if (options_.compression != nullptr)
    compressed_.resize(options_.compression->bound(options_.block_bytes));
  auto file = dir_.open(kNextName, OpenMode::read_write);
  if (!file && file.error().code() == Code::not_found) {
    file = dir_.open(kNextName, OpenMode::create_new);
  }
  file_ = FORELOG_TRY(std::move(file));
  (void)file_->writes_directly();  // Else each piece is written and then synced.
  piece_.reset(static_cast<std::byte*>(::operator new(options_.piece_bytes, kAlignment)));
  std::array<std::byte, format::kSnapshotHeaderBytes> bytes;
  format::encode_snapshot_header(header, bytes);
  key_ = format::snapshot_key(bytes);
  seen_.digest = key_;
  return append(std::span<const std::byte>(bytes));
}

Status SnapshotWriter::write(ByteView bytes) {
  if (failed_.ok()) failed_ = base::guarded([&] { return take(bytes); });
  return failed_;
}

Status SnapshotWriter::take(ByteView bytes) {
  while (!bytes.empty()) {
    if (raw_.empty() && bytes.size() >= options_.block_bytes) {  // No need for a copy.
      FORELOG_TRY(put_block(bytes.first(options_.block_bytes)));
      bytes = bytes.subspan(options_.block_bytes);
      continue;
    }
    const std::size_t part = std::min(bytes.size(), options_.block_bytes - raw_.size());
    raw_.insert(raw_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(part));
    bytes = bytes.subspan(part);
    if (raw_.size() < options_.block_bytes) break;
    FORELOG_TRY(put_block(raw_));
    raw_.clear();
  }
  return {};
}

Status SnapshotWriter::put_block(ByteView raw) {
  format::SnapshotBlock block;
  block.raw_bytes = static_cast<std::uint32_t>(raw.size());
  ByteView body = raw;
  if (options_.compression != nullptr) {
    const std::size_t bytes = FORELOG_TRY(options_.compression->compress(raw, compressed_));
    block.compressed = bytes < raw.size();
    if (block.compressed) body = ByteView(compressed_.data(), bytes);
  }
  seen_.raw_bytes += raw.size();
  ++seen_.blocks;
  FORELOG_TRY(put(block, body));
  pace();
  return {};
}

Status SnapshotWriter::put(format::SnapshotBlock block, ByteView body) {
  block.stored_bytes = static_cast<std::uint32_t>(body.size());
  std::array<std::byte, format::kSnapshotBlockHeaderBytes> bytes;
  format::encode_snapshot_block(block, body, format::position_seed(key_, offset_), bytes);
  seen_.digest = format::fold_digest(seen_.digest, bytes);
  FORELOG_TRY(append(std::span<const std::byte>(bytes)));
  return append(body);
}

Status SnapshotWriter::append(ByteView bytes) {
  while (!bytes.empty()) {
    const std::size_t part = std::min(bytes.size(), options_.piece_bytes - pending_);
    std::copy_n(bytes.begin(), part, piece_.get() + pending_);
    bytes = bytes.subspan(part);
    offset_ += part;
    pending_ += part;
    if (pending_ < options_.piece_bytes) break;
    FORELOG_TRY(file_->write_synced(offset_ - pending_, ByteView(piece_.get(), pending_)));
    pending_ = 0;
  }
  return {};
}

Status SnapshotWriter::put_end() {
  if (!raw_.empty()) FORELOG_TRY(put_block(raw_));
  std::array<std::byte, format::kSnapshotEndBytes> body;
  format::encode_snapshot_end(seen_, body);
  format::SnapshotBlock end;
  end.kind = format::SnapshotBlockKind::end;
  end.raw_bytes = static_cast<std::uint32_t>(body.size());
  return put(end, ByteView(std::span<const std::byte>(body)));
}

// Waits until as much time has passed as what was written may take.
void SnapshotWriter::pace() const {
  if (options_.bytes_per_second_max == 0) return;
  // Some decades are as good as for ever, and fit in nanoseconds.
  const std::chrono::duration<double> due(std::min(
      1e9, static_cast<double>(offset_) / static_cast<double>(options_.bytes_per_second_max)));
  const auto early =
      std::chrono::duration_cast<std::chrono::nanoseconds>(due) - (base::now() - begun_);
  if (early > early.zero()) base::sleep_for(early);
}

Result<std::uint64_t> SnapshotWriter::publish() {
  return base::guarded([&]() -> Result<std::uint64_t> {
    FORELOG_TRY(Status(failed_));
    FORELOG_TRY(put_end());
    FORELOG_TRY(file_->write_at(offset_ - pending_, ByteView(piece_.get(), pending_)));
    // Room that was reserved and not needed.
    FORELOG_TRY(file_->truncate(offset_));
    if (!base::makes(base::Mistake::publish_before_sync)) FORELOG_TRY(file_->sync_data());
    FORELOG_TRY(dir_.rename(kNextName, snapshot_name(lsn_)));
    named_ = true;
    if (!base::makes(base::Mistake::skip_snapshot_directory_sync)) FORELOG_TRY(dir_.sync());
    return offset_;
  });
}

}  // namespace forelog::snapshot
