// FrameScanner over a file of frames, misplaced frames, damage, zeros and arbitrary bytes, beside a
// scanner that looks at every offset of the file in memory. Both must find the same frames, and
// nothing that the scanner reports may lie outside the file or beyond the limit.
//
// Input: the limit, as bytes to leave out at the end (1), then pieces of the file: what (1), a length
// or a count (1), and what that needs.
#include <forelog/memory_file_system.h>

#include "base/checksum.h"
#include "base/endian.h"
#include "format/segment_header.h"
#include "input.h"
#include "segment/frame_scanner.h"

namespace {

using namespace forelog;
using namespace forelog::format;
using forelog::segment::FrameScanner;
using forelog::segment::ScannedFrame;
using forelog::segment::ScanStep;
using fuzz::Input;
using fuzz::require;

constexpr std::uint64_t kKey = 0x0123456789abcdef;
constexpr std::size_t kFileBytesMax = 300 * 1024;  // A chunk, and then some.

void put_frame(std::vector<std::byte>& file, Input& input, std::size_t body_bytes) {
  FrameHeader header;
  header.kind = static_cast<FrameKind>(input.number<std::uint8_t>() % 6);
  header.flags = input.number<std::uint8_t>();
  header.first_lsn = Lsn(input.number<std::uint8_t>());
  header.synced = Lsn(input.number<std::uint8_t>());
  header.record_count = input.number<std::uint8_t>();
  header.body_bytes = static_cast<std::uint32_t>(body_bytes);
  std::vector<std::byte> body = input.filled(body_bytes);
  body.resize(static_cast<std::size_t>(align_up(body_bytes)));
  std::vector<std::byte> head(kFrameHeaderBytes);
  encode_frame_header(header, {body.data(), body.size()}, position_seed(kKey, file.size()),
                      std::span(head).first<kFrameHeaderBytes>());
  file.insert(file.end(), head.begin(), head.end());
  file.insert(file.end(), body.begin(), body.end());
}

std::vector<std::byte> file_of(Input& input) {
  std::vector<std::byte> file;
  while (!input.empty()) {
    const auto what = input.number<std::uint8_t>();
    const std::size_t count = input.number<std::uint8_t>();
    switch (what % 8) {
      case 0: put_frame(file, input, count); break;
      case 1: put_frame(file, input, count * 1024); break;
      case 2: file.resize(file.size() + count * 8); break;
      case 3: file.resize(file.size() + count * 2048); break;
      case 4: {
        const auto bytes = input.bytes(count);
        file.insert(file.end(), bytes.begin(), bytes.end());
        break;
      }
      case 5: {  // Bytes from before, at another place.
        const std::size_t from = std::min<std::size_t>(input.number<std::uint16_t>(), file.size());
        const std::vector<std::byte> copy(
            file.begin() + static_cast<std::ptrdiff_t>(from),
            file.begin() + static_cast<std::ptrdiff_t>(std::min(from + count * 8, file.size())));
        file.insert(file.end(), copy.begin(), copy.end());
        break;
      }
      case 6:  // A flipped bit.
        if (!file.empty()) file[count * 1021 % file.size()] ^= std::byte{1};
        break;
      default: file.resize(static_cast<std::size_t>(align_up(file.size()))); break;
    }
    if (file.size() > kFileBytesMax) file.resize(kFileBytesMax);
  }
  return file;
}

// What stands at `offset`, by looking at it and at nothing else.
ScanStep step_at(const std::vector<std::byte>& file, std::uint64_t offset, std::uint64_t limit,
                 std::uint64_t& end) {
  if (limit < offset || limit - offset < kFrameHeaderBytes) return ScanStep::limit;
  const auto at = std::span(file).subspan(static_cast<std::size_t>(offset));
  FrameHeader header;
  const std::uint64_t seed = position_seed(kKey, offset);
  switch (decode_frame_header(at.first<kFrameHeaderBytes>(), seed, header)) {
    case FrameCheck::zeros: return ScanStep::zeros;
    case FrameCheck::unsupported: return ScanStep::unsupported;
    case FrameCheck::bad_header: return ScanStep::damaged;
    case FrameCheck::valid: break;
  }
  const std::uint64_t bytes = frame_bytes(header.body_bytes);
  if (bytes > limit - offset) return ScanStep::damaged;
  const auto body = at.subspan(kFrameHeaderBytes, bytes - kFrameHeaderBytes);
  end = offset + bytes;
  return frame_body_matches(header, {body.data(), body.size()}, seed) ? ScanStep::frame
                                                                      : ScanStep::damaged;
}

void check_frame(const std::vector<std::byte>& file, const ScannedFrame& frame,
                 std::uint64_t limit) {
  require(frame.end() <= limit, "a frame lies below the limit");
  const auto at = std::span(file).subspan(static_cast<std::size_t>(frame.offset));
  require(std::equal(frame.header_bytes.begin(), frame.header_bytes.end(), at.begin()),
          "header_bytes are the file's");
  const auto body = at.subspan(kFrameHeaderBytes, frame.header.body_bytes);
  require(std::equal(frame.body.begin(), frame.body.end(), body.begin(), body.end()),
          "the body is the file's");
}

void check_resync(const std::vector<std::byte>& file, std::uint64_t begin, std::uint64_t limit,
                  const FrameScanner& scanner, const FrameScanner::Resync& resync) {
  const std::uint64_t stop = scanner.offset();
  require(stop >= begin && stop <= limit, "a scanner stays within its limit");
  std::uint64_t unused = 0;
  for (std::uint64_t at = align_up(begin + 1); at + 12 <= stop; at += kFrameAlignment) {
    if (base::load_le<std::uint32_t>(file.data() + at + 8) != kFrameMagic) continue;
    require(step_at(file, at, limit, unused) != ScanStep::frame, "no frame is passed over");
  }
  require(resync.found || stop == limit, "without a frame, resync goes to the limit");
  if (resync.found) {
    require(stop > begin && step_at(file, stop, limit, unused) == ScanStep::frame,
            "resync ends at a frame");
  }
  // Whole words between.
  bool bytes = false;
  for (std::uint64_t at = align_up(begin); at + 8 <= stop; at += 8) {
    if (base::load_le<std::uint64_t>(file.data() + at) == 0) continue;
    bytes = true;
    require(resync.last_byte_end >= at + 8, "the last byte is told");
  }
  require(!bytes || resync.saw_bytes, "bytes are told");
  require(resync.found || bytes || !resync.saw_bytes, "zeros are no bytes");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const auto left_out = input.number<std::uint8_t>();
  const std::vector<std::byte> file = file_of(input);
  const std::uint64_t limit = file.size() - std::min<std::size_t>(left_out, file.size());
  MemoryFileSystem disk;
  auto dir = disk.open_directory("/d", true);
  require(dir && disk.write_file("/d/f", {file.data(), file.size()}).ok(), "there is a disk");
  const auto handle = (*dir)->open("f", OpenMode::read_only);
  require(handle.has_value(), "there is a file");

  FrameScanner scanner(**handle, kKey, 0, limit);
  ScannedFrame frame;
  while (true) {
    const std::uint64_t offset = scanner.offset();
    std::uint64_t end = 0;
    const ScanStep wanted = step_at(file, offset, limit, end);
    const auto step = scanner.next(frame);
    require(step && *step == wanted, "both scanners agree");
    if (*step == ScanStep::limit) return 0;
    if (*step == ScanStep::frame) {
      require(frame.offset == offset && scanner.offset() == end, "the scanner stands behind it");
      check_frame(file, frame, limit);
      continue;
    }
    require(scanner.offset() == offset, "the scanner stays");
    const auto resync = scanner.resync();
    require(resync.has_value(), "the file can be read");
    check_resync(file, offset, limit, scanner, *resync);
    if (!resync->found) return 0;
  }
}
