// Each decoder of docs/format.md, over bytes from anywhere. What decodes satisfies the section's
// "valid if and only if", and encodes back to the same bytes; what does not decode does no harm.
//
// Input: which decoder (1 byte; its highest bit: put right the checksum and the magic first, so that
// the fields behind them are reached), then the structure. A frame has the seed of its place (8)
// before it, and its body behind.
#include <array>

#include <forelog/memory_file_system.h>

#include "base/checksum.h"
#include "base/endian.h"
#include "format/frame.h"
#include "format/holes.h"
#include "format/record.h"
#include "format/seal.h"
#include "format/segment_header.h"
#include "format/watermark.h"
#include "input.h"
#include "log/holders.h"

namespace {

using namespace forelog;
using namespace forelog::format;
using base::load_le;
using base::store_le;
using fuzz::Input;
using fuzz::require;

ByteView view(std::span<const std::byte> bytes) { return {bytes.data(), bytes.size()}; }
bool same(std::span<const std::byte> a, std::span<const std::byte> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}
bool zeros(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}
void put(std::vector<std::byte>& bytes, std::size_t at, std::string_view magic) {
  std::memcpy(bytes.data() + at, magic.data(), magic.size());
}
void put_checksum_at_end(std::vector<std::byte>& bytes) {
  const std::size_t covered = bytes.size() - 8;
  store_le<std::uint64_t>(bytes.data() + covered, base::checksum({bytes.data(), covered}, 0));
}

// Any body, since a reader believes it only after its checksum; still nothing outside it is read.
void records(ByteView body) {
  RecordReader reader(body);
  std::vector<std::byte> again(body.size() + kVarintBytesMax);
  std::byte* end = again.data();
  ByteView payload;
  while (reader.next(payload)) {
    require(payload.data() >= body.data() &&
                payload.data() + payload.size() <= body.data() + body.size(),
            "a record lies within its body");
    require(
        record_bytes(payload.size()) <= static_cast<std::size_t>(again.data() + body.size() - end),
        "records take no more than their body");
    end = put_record(end, payload);
  }
  const auto encoded = static_cast<std::size_t>(end - again.data());
  require(same({again.data(), encoded}, body.first(encoded)), "one body has one encoding");
  require(reader.done() == (encoded == body.size()), "done is the end of the body");
}

void frame(Input input, bool put_right) {
  const auto seed = input.number<std::uint64_t>();
  std::vector<std::byte> head = input.filled(kFrameHeaderBytes);
  const auto body = input.rest();
  std::vector<std::byte> padded(body.begin(), body.end());
  padded.resize(static_cast<std::size_t>(align_up(padded.size())));
  if (put_right) {
    store_le<std::uint32_t>(head.data() + 8, kFrameMagic);
    store_le<std::uint32_t>(head.data() + 12, static_cast<std::uint32_t>(body.size()));
    store_le<std::uint64_t>(head.data() + 16, base::checksum(view(padded), seed));
    store_le<std::uint64_t>(head.data(), base::checksum(view(std::span(head).subspan(8)), seed));
  }
  records(view(body));

  const std::span<const std::byte, kFrameHeaderBytes> bytes(head.data(), kFrameHeaderBytes);
  FrameHeader header;
  const FrameCheck check = decode_frame_header(bytes, seed, header);
  require((check == FrameCheck::zeros) == zeros(bytes), "zeros are zeros");
  if (check != FrameCheck::valid) return;
  const auto kind = static_cast<std::uint8_t>(header.kind);
  require(kind >= 1 && kind <= 4 && (header.flags & kFrameRequiredFlags) == 0, "it is known");
  require(header.body_bytes <= kFrameBodyLimit, "a body has a limit");
  require(header.first_lsn.value >= 1 && header.first_lsn.value < kLsnLimit, "LSNs have limits");
  require(header.synced < header.first_lsn, "what comes is not synced");
  if (!frame_body_matches(header, view(padded), seed)) return;
  std::array<std::byte, kFrameHeaderBytes> again;
  encode_frame_header(header, view(padded), seed, again);
  // Byte 53 is reserved: it is covered, and not looked at.
  if (head[53] == std::byte{0}) require(same(again, head), "a frame header encodes back");
}

void segment_header(Input input, bool put_right) {
  std::vector<std::byte> file = input.filled(kSegmentHeaderBytes);
  if (put_right) {
    put(file, 0, {kSegmentMagic.data(), kSegmentMagic.size()});
    put_checksum_at_end(file);
  }
  SegmentHeader header;
  std::uint32_t version = 0;
  const HeaderCheck check = decode_segment_header(
      std::span<const std::byte>(file).first<kSegmentHeaderBytes>(), header, version);
  const auto stored_version = load_le<std::uint32_t>(file.data() + 8);
  if (check == HeaderCheck::unsupported) {
    require(version == stored_version && version != kFormatVersion, "it is of another version");
  }
  if (check != HeaderCheck::valid) return;
  require(stored_version == kFormatVersion, "the version is known");
  require(header.number != 0 && header.predecessor.number < header.number, "numbers rise");
  require(header.first_lsn.value >= 1 && header.first_lsn.value < kLsnLimit, "LSNs have limits");
  std::vector<std::byte> again(kSegmentHeaderBytes);
  encode_segment_header(header, std::span(again).first<kSegmentHeaderBytes>());
  const bool as_written = load_le<std::uint32_t>(file.data() + 12) == kSegmentHeaderBytes &&
                          load_le<std::uint32_t>(file.data() + 96) <= 1 &&
                          zeros(std::span(file).subspan(100, kSegmentHeaderBytes - 8 - 100));
  if (as_written) require(again == file, "a segment header encodes back");
}

void seal(Input input) {
  const std::vector<std::byte> body(input.rest().begin(), input.rest().end());
  Seal seal;
  const bool decoded = decode_seal(view(body), seal);
  require(decoded == (body.size() == kSealBodyBytes), "a seal has one size");
  if (!decoded) return;
  std::array<std::byte, kSealBodyBytes> again;
  encode_seal(seal, again.data());
  require(same(again, body), "a seal encodes back");
}

void index(Input input) {
  const std::vector<std::byte> body(input.rest().begin(), input.rest().end());
  std::vector<IndexEntry> index;
  if (!decode_index(view(body), index)) return;
  for (std::size_t i = 1; i < index.size(); ++i) {
    require(index[i - 1].lsn < index[i].lsn && index[i - 1].offset < index[i].offset &&
                index[i - 1].time <= index[i].time,
            "an index rises");
  }
  require(index.size() * kIndexEntryBytes == body.size(),
          "an index has no more entries than bytes");
  std::vector<std::byte> again(body.size());
  encode_index(index, again.data());
  require(again == body, "an index encodes back");
}

void watermark(Input input, bool put_right) {
  std::vector<std::byte> record = input.filled(kWatermarkRecordBytes);
  if (put_right) {
    put(record, 0, "FRMARKW1");
    put_checksum_at_end(record);
  }
  WatermarkRecord mark;
  const bool valid =
      decode_watermark(std::span<const std::byte>(record).first<kWatermarkRecordBytes>(), mark);
  if (!valid) return;
  require(mark.sequence != 0, "a sequence is not 0");
  std::vector<std::byte> again(kWatermarkRecordBytes);
  encode_watermark(mark, std::span(again).first<kWatermarkRecordBytes>());
  if (zeros(std::span(record).subspan(112, 8))) require(again == record, "a mark encodes back");
}

void holes(Input input, bool put_right) {
  std::vector<std::byte> file(input.rest().begin(), input.rest().end());
  if (put_right) {
    file.resize(std::max<std::size_t>(file.size(), 40));
    put(file, 0, "FRHOLES1");
    store_le<std::uint64_t>(file.data() + 24, (file.size() - 40) / 40);
    put_checksum_at_end(file);
  }
  LogId log_id;
  std::vector<Hole> holes;
  if (!decode_holes(view(file), log_id, holes)) return;
  require(encode_holes(log_id, holes) == file, "holes encode back");
}

// Through the file, since it is read nowhere else.
void holder(Input input, bool put_right) {
  std::vector<std::byte> file(input.rest().begin(), input.rest().end());
  if (put_right) {
    file.resize(32);
    put(file, 0, "FORHOLD1");
    put_checksum_at_end(file);
  }
  MemoryFileSystem disk;
  auto dir = disk.open_directory("/log", true);
  require(dir && disk.write_file("/log/holders/h", view(file)).ok(), "there is a disk");
  const auto holders = log::read_holders(**dir);
  if (!holders) {
    require(holders.error().code() == Code::corrupt, "a holder that does not verify is an error");
    return;
  }
  require(holders->size() == 1 && holders->front().name == "h", "a holder has its file's name");
  require(log::put_holder(**dir, holders->front()).ok(), "a holder can be set anew");
  // What lies behind the 32 bytes is not looked at.
  file.resize(32);
  require(*disk.read_file("/log/holders/h") == file, "a holder encodes back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const auto chosen = input.number<std::uint8_t>();
  const bool put_right = (chosen & 0x80) != 0;
  switch (chosen & 0x7f) {
    case 0: frame(input, put_right); break;
    case 1: segment_header(input, put_right); break;
    case 2: seal(input); break;
    case 3: index(input); break;
    case 4: watermark(input, put_right); break;
    case 5: holes(input, put_right); break;
    case 6: holder(input, put_right); break;
    default: return -1;  // Not worth keeping.
  }
  return 0;
}
