#include "segment/segment_writer.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/check.h"
#include "base/text.h"
#include "forelog/try.h"

namespace forelog::segment {

using format::frame_bytes;
using format::FrameHeader;
using format::FrameKind;
using format::kFrameHeaderBytes;

namespace {

constexpr std::size_t kBlockBytes = File::kBlockBytes;

constexpr std::uint64_t round_up(std::uint64_t bytes) {
  return (bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
}

}  // namespace

SegmentTail SegmentTail::of_empty(const format::SegmentHeader& header) {
  SegmentTail tail;
  tail.digest = format::segment_key(header);
  tail.next_lsn = header.first_lsn;
  return tail;
}

void SegmentTail::add(const FrameHeader& frame, std::span<const std::byte> header_bytes,
                      std::uint64_t frame_offset) {
  digest = format::fold_digest(digest, header_bytes);
  offset = frame_offset + frame_bytes(frame.body_bytes);
  next_lsn = frame.next_lsn();
  ++frame_count;
  closed = frame.kind == FrameKind::close;
  if (frame.kind == FrameKind::data) {
    if (first_time == 0) first_time = frame.time;
    last_time = frame.time;
  }
}

std::uint64_t footer_bytes(std::uint64_t capacity) {
  // One more entry than spacings fit, for the first frame, and one for a last frame that passes
  // the end.
  const std::uint64_t entries = capacity / LiveIndex::kSpacingBytes + 2;
  return frame_bytes(0) + frame_bytes(format::kSealBodyBytes) +
         frame_bytes(entries * format::kIndexEntryBytes);
}

SegmentWriter::SegmentWriter(std::shared_ptr<SegmentFile> segment, const SegmentTail& tail)
    : segment_(std::move(segment)), tail_(tail), directly_(segment_->file->writes_directly()) {}

void SegmentWriter::encode(std::span<std::byte> buffer, std::span<const PendingFrame> frames,
                           Lsn synced, std::uint64_t time) {
  FORELOG_CHECK(!frames.empty());
  const std::uint64_t file_offset = tail_.offset;
  const std::size_t begin = frames.front().begin;
  for (const PendingFrame& frame : frames) {
    FORELOG_CHECK(frame.first_lsn == tail_.next_lsn);
    const std::uint64_t offset = file_offset + (frame.begin - begin);
    FORELOG_CHECK(offset == tail_.offset);
    FrameHeader header;
    header.body_bytes = frame.body_bytes;
    header.first_lsn = frame.first_lsn;
    header.synced = synced;
    header.time = time;
    header.record_count = frame.record_count;
    const auto header_bytes = buffer.subspan(frame.begin).first<kFrameHeaderBytes>();
    const ByteView body(buffer.subspan(frame.begin + kFrameHeaderBytes,
                                       frame.end() - frame.begin - kFrameHeaderBytes));
    format::encode_frame_header(header, body, format::position_seed(segment_->key, offset),
                                header_bytes);
    tail_.add(header, header_bytes, offset);
    segment_->index.add({header.first_lsn, offset, time});
  }
}

Status SegmentWriter::write(std::span<std::byte> buffer, std::span<const PendingFrame> frames,
                            Lsn synced, std::uint64_t time) {
  const std::uint64_t file_offset = tail_.offset;
  encode(buffer, frames, synced, time);
  const std::size_t begin = frames.front().begin;
  return segment_->file->write_at(file_offset,
                                  ByteView(buffer.subspan(begin, frames.back().end() - begin)));
}

bool SegmentWriter::writes_directly(std::uint64_t bytes, std::uint64_t capacity) const {
  return directly_ && round_up(tail_.offset + bytes) <= capacity;
}

// Durability: the first block holds bytes that were acknowledged, and is written again. They are the
// same bytes in either version of each sector, so that a torn write cannot hurt them; the kernel does
// no different when it writes a page.
Status SegmentWriter::write_synced(std::span<std::byte> buffer,
                                   std::span<const PendingFrame> frames, Lsn synced,
                                   std::uint64_t time) {
  const std::uint64_t file_offset = tail_.offset;
  const auto lead = static_cast<std::size_t>(file_offset % kBlockBytes);
  const std::size_t begin = frames.front().begin - lead;
  const std::size_t end = frames.back().end();
  const std::size_t block_end = begin + static_cast<std::size_t>(round_up(end - begin));
  FORELOG_CHECK(begin % kBlockBytes == 0 && block_end <= buffer.size());
  const std::span<std::byte> before = buffer.subspan(begin, lead);
  if (last_block_end_ == file_offset) {
    std::copy_n(last_block_.begin(), lead, before.begin());
  } else if (FORELOG_TRY(segment_->file->read_at(file_offset - lead, before)) != lead) {
    return {Code::io_error, base::concat(segment_->name, ": ends before offset ", file_offset,
                                         ", though more was written; it was cut by another")};
  }
  encode(buffer, frames, synced, time);
  const std::span<std::byte> behind = buffer.subspan(end, block_end - end);
  std::fill(behind.begin(), behind.end(), std::byte{0});
  FORELOG_TRY(segment_->file->write_synced(file_offset - lead,
                                           ByteView(buffer.subspan(begin, block_end - begin))));
  const auto kept = buffer.subspan(begin, end - begin).last((end - begin) % kBlockBytes);
  std::copy(kept.begin(), kept.end(), last_block_.begin());
  last_block_end_ = tail_.offset;
  return {};
}

Status SegmentWriter::write_close_mark(std::uint64_t time) {
  FrameHeader header;
  header.first_lsn = tail_.next_lsn;
  header.synced = Lsn(tail_.next_lsn.value - 1);
  header.time = time;
  header.kind = FrameKind::close;
  std::array<std::byte, kFrameHeaderBytes> bytes;
  const std::uint64_t offset = tail_.offset;
  format::encode_frame_header(header, {}, format::position_seed(segment_->key, offset), bytes);
  tail_.add(header, bytes, offset);
  return segment_->file->write_at(offset, ByteView(std::span<const std::byte>(bytes)));
}

Status SegmentWriter::write_seal(Lsn synced) {
  const std::vector<format::IndexEntry> index = segment_->index.entries();
  const std::size_t index_body = index.size() * format::kIndexEntryBytes;
  const auto seal_bytes = static_cast<std::size_t>(frame_bytes(format::kSealBodyBytes));
  std::vector<std::byte> footer(seal_bytes + static_cast<std::size_t>(frame_bytes(index_body)));

  format::Seal seal;
  seal.first_lsn = segment_->header.first_lsn;
  seal.last_lsn = Lsn(tail_.next_lsn.value - 1);
  seal.first_time = tail_.first_time;
  seal.last_time = tail_.last_time;
  seal.frame_count = tail_.frame_count;
  seal.digest = tail_.digest;
  seal.index_bytes = footer.size() - seal_bytes;
  format::encode_seal(seal, footer.data() + kFrameHeaderBytes);
  format::encode_index(index, footer.data() + seal_bytes + kFrameHeaderBytes);

  const auto put_header = [&](FrameKind kind, std::size_t begin, std::size_t body_bytes,
                              std::size_t end) {
    FrameHeader header;
    header.body_bytes = static_cast<std::uint32_t>(body_bytes);
    header.first_lsn = tail_.next_lsn;
    header.synced = synced;
    header.time = tail_.last_time;
    header.kind = kind;
    const std::span<std::byte> frame(footer.data() + begin, end - begin);
    format::encode_frame_header(header, ByteView(frame.subspan(kFrameHeaderBytes)),
                                format::position_seed(segment_->key, tail_.offset + begin),
                                frame.first<kFrameHeaderBytes>());
  };
  put_header(FrameKind::seal, 0, format::kSealBodyBytes, seal_bytes);
  put_header(FrameKind::index, seal_bytes, index_body, footer.size());
  return segment_->file->write_at(tail_.offset, ByteView(std::span<const std::byte>(footer)));
}

format::SegmentEnd SegmentWriter::end(bool sealed) const {
  return {segment_->header.number, segment_->header.salt, tail_.offset, tail_.digest, sealed};
}

}  // namespace forelog::segment
