#include "log/watermark_file.h"

#include <array>
#include <vector>

#include "forelog/try.h"
#include "log/survey.h"

namespace forelog::log {

namespace {

// Of the record in a block; 0 when it does not verify.
Result<std::uint64_t> sequence_in(const File& file, std::uint64_t block) {
  std::array<std::byte, format::kWatermarkRecordBytes> bytes{};
  format::WatermarkRecord record;
  const std::uint64_t offset = block * format::kWatermarkBlockBytes;
  const bool valid = FORELOG_TRY(file.read_at(offset, bytes)) == bytes.size() &&
                     format::decode_watermark(bytes, record);
  return valid ? record.sequence : 0;
}

}  // namespace

Result<WatermarkFile> WatermarkFile::open(Directory& dir, std::uint64_t last_sequence) {
  constexpr std::uint64_t kBytes = format::kWatermarkBlocks * format::kWatermarkBlockBytes;
  auto file = dir.open(kWatermarkName, OpenMode::read_write);
  if (!file && file.error().code() != Code::not_found) return file.error();
  if (file && FORELOG_TRY((*file)->size()) >= kBytes) {
    // The newer of the two saved records stays until the next one is durable.
    const std::uint64_t first = FORELOG_TRY(sequence_in(**file, 1));
    const std::uint64_t second = FORELOG_TRY(sequence_in(**file, 2));
    return WatermarkFile(*std::move(file), last_sequence, first > second ? 2 : 1);
  }
  std::unique_ptr<File> fresh =
      file ? *std::move(file) : FORELOG_TRY(dir.open(kWatermarkName, OpenMode::create_new));
  const std::uint64_t size = FORELOG_TRY(fresh->size());
  FORELOG_TRY(fresh->allocate(kBytes));
  // Only what is new: a block that was there may be the only witness of what had been synced.
  const std::vector<std::byte> zeros(static_cast<std::size_t>(kBytes - size));
  FORELOG_TRY(fresh->write_at(size, ByteView(std::span<const std::byte>(zeros))));
  FORELOG_TRY(fresh->sync_data());
  FORELOG_TRY(dir.sync());
  return WatermarkFile(std::move(fresh), last_sequence, 1);
}

Status WatermarkFile::write_block(std::uint64_t block, format::WatermarkRecord& record) {
  std::array<std::byte, format::kWatermarkRecordBytes> bytes;
  format::encode_watermark(record, bytes);
  return file_->write_at(block * format::kWatermarkBlockBytes,
                         ByteView(std::span<const std::byte>(bytes)));
}

Status WatermarkFile::publish(format::WatermarkRecord& record) {
  record.sequence = ++sequence_;
  FORELOG_TRY(write_block(0, record));
  file_->wake_watchers(format::kWatermarkSequenceOffset);
  return {};
}

Status WatermarkFile::stage(format::WatermarkRecord& record) {
  FORELOG_TRY(publish(record));
  const std::uint64_t block = next_saved_;
  next_saved_ = 3 - next_saved_;
  return write_block(block, record);
}

}  // namespace forelog::log
