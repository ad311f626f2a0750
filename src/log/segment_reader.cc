#include "forelog/segment_reader.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/guarded.h"
#include "base/text.h"
#include "forelog/try.h"
#include "segment/frame_scanner.h"
#include "segment/segment_file.h"
#include "segment/segment_name.h"

namespace forelog {

using base::concat;
using base::guarded;
using segment::FrameScanner;
using segment::ScannedFrame;
using segment::ScanStep;

namespace {

Timestamp to_timestamp(std::uint64_t nanoseconds) {
  return Timestamp(std::chrono::nanoseconds(static_cast<std::int64_t>(nanoseconds)));
}

}  // namespace

struct SegmentReader::Impl {
  std::unique_ptr<Directory> dir;
  SegmentInfo info;
  std::shared_ptr<segment::SegmentFile> segment;
  std::uint64_t file_bytes = 0;
  std::optional<FrameScanner> scanner;
  SegmentPosition position;
  Lsn through;
  bool whole = false;   // The seal and the index are to be read, where there are some.
  bool footer = false;  // The data frames are read; the scanner is behind them.
  std::array<std::byte, format::kSegmentHeaderBytes> header{};
  std::uint64_t first_time = 0, last_time = 0, records = 0;

  Status open(FileSystem& file_system, const std::filesystem::path& path) {
    dir = FORELOG_TRY(file_system.open_directory(path, false));
    auto opened = segment::open_segment(*dir, info.file, OpenMode::read_only);
    if (!opened && opened.error().code() == Code::not_found) {
      return {Code::trimmed, concat(path.string(), "/", info.file, " was dropped meanwhile")};
    }
    if (!opened) return opened.error();
    if (opened->segment == nullptr) return {Code::corrupt, concat(name(), ": ", opened->damage)};
    segment = std::move(opened->segment);
    file_bytes = opened->file_bytes;
    if (segment->header.number != info.number || segment->header.salt != info.salt) {
      return {Code::not_found, concat(name(), ": another segment has taken its place")};
    }
    const std::uint64_t end = std::min(info.data_bytes, file_bytes);
    if (position.offset == 0) position.next = segment->header.first_lsn;
    const std::uint64_t begin = std::max<std::uint64_t>(position.offset, header.size());
    scanner.emplace(*segment->file, segment->key, begin, std::max(begin, end));
    whole = info.state != SegmentState::active && through >= info.last_lsn;
    return {};
  }

  std::string name() const { return (dir->path() / info.file).string(); }
  Status damage(std::string_view what) const {
    return {Code::corrupt, concat(name(), ": at offset ", scanner->offset(), ", LSN ",
                                  position.next.value, ": ", what, "; see `forelog verify`")};
  }

  Result<ByteView> next() {
    if (position.offset == 0) return read_header();
    ScannedFrame frame;
    const ScanStep step = FORELOG_TRY(scanner->next(frame));
    if (step == ScanStep::unsupported) {
      return Status(Code::unsupported, concat(name(), ": the frame at offset ", scanner->offset(),
                                              " needs a newer version of this program"));
    }
    if (step == ScanStep::frame) return take(frame);
    if (step == ScanStep::limit) return end_of_frames();
    if (info.state == SegmentState::active && step == ScanStep::zeros) return ByteView();
    return damage(step == ScanStep::zeros ? "frames are missing" : scanner->reason());
  }

  Result<ByteView> read_header() {
    if (FORELOG_TRY(segment->file->read_at(0, header)) != header.size()) {
      return Status(Code::io_error, concat(name(), ": changed while it was read"));
    }
    // What was verified at open, and not what may have come in its place since.
    std::array<std::byte, format::kSegmentHeaderBytes> expected;
    format::encode_segment_header(segment->header, expected);
    if (expected != header) return damage("the header changed while it was read");
    position.offset = header.size();
    return ByteView(std::span<const std::byte>(header));
  }

  Result<ByteView> take(const ScannedFrame& frame) {
    if (frame.header.kind == format::FrameKind::data) {
      if (frame.header.first_lsn != position.next) {
        scanner->seek(frame.offset);
        return damage("frame is out of sequence");
      }
      if (frame.header.next_lsn() > through.next()) {
        scanner->seek(frame.offset);
        return ByteView();
      }
      if (first_time == 0) first_time = frame.header.time;
      last_time = frame.header.time;
      records += frame.header.record_count;
      position.next = frame.header.next_lsn();
    } else if (!footer && frame.header.first_lsn.value > through.value + 1) {
      scanner->seek(frame.offset);
      return ByteView();
    }
    position.offset = frame.end();
    // Header, body and padding lie behind one another, and the checksums cover all three.
    return ByteView(frame.header_bytes.data(),
                    static_cast<std::size_t>(frame.end() - frame.offset));
  }

  // Of a sealed segment the seal and the index follow. They are a help: where one is damaged it is left
  // out, and what is behind it with it.
  Result<ByteView> end_of_frames() {
    if (footer || !whole) return ByteView();
    if (position.offset != info.data_bytes) return damage("the segment was shortened");
    footer = true;
    if (info.state != SegmentState::sealed) return ByteView();
    const auto seal = FORELOG_TRY(segment::read_seal(*segment, info.data_bytes));
    if (!seal) return ByteView();
    scanner->set_limit(std::min(
        file_bytes,
        info.data_bytes + format::frame_bytes(format::kSealBodyBytes) + seal->index_bytes));
    ScannedFrame frame;
    const ScanStep step = FORELOG_TRY(scanner->next(frame));
    return step == ScanStep::frame ? take(frame) : ByteView();
  }
};

SegmentReader::SegmentReader(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
SegmentReader::SegmentReader(SegmentReader&&) noexcept = default;
SegmentReader& SegmentReader::operator=(SegmentReader&&) noexcept = default;
SegmentReader::~SegmentReader() = default;

Result<SegmentReader> SegmentReader::open(const std::filesystem::path& dir,
                                          const SegmentInfo& segment, SegmentPosition from,
                                          Lsn through, FileSystem* file_system) {
  return guarded([&]() -> Result<SegmentReader> {
    auto impl = std::make_unique<Impl>();
    impl->info = segment;
    impl->position = from;
    impl->through = through;
    FORELOG_TRY(impl->open(file_system != nullptr ? *file_system : posix_file_system(), dir));
    return SegmentReader(std::move(impl));
  });
}

Result<ByteView> SegmentReader::next() {
  return guarded([&] { return impl_->next(); });
}

SegmentPosition SegmentReader::position() const { return impl_->position; }
Timestamp SegmentReader::first_time() const { return to_timestamp(impl_->first_time); }
Timestamp SegmentReader::last_time() const { return to_timestamp(impl_->last_time); }
std::uint64_t SegmentReader::records() const { return impl_->records; }

}  // namespace forelog
