#include "log/watermark_file.h"

#include <array>
#include <vector>

#include "forelog/try.h"
#include "log/survey.h"

namespace forelog::log {

Result<WatermarkFile> WatermarkFile::open(Directory& dir, std::uint64_t last_sequence) {
  constexpr std::uint64_t kBytes = format::kWatermarkBlocks * format::kWatermarkBlockBytes;
  auto file = dir.open(kWatermarkName, OpenMode::read_write);
  if (!file && file.error().code() != Code::not_found) return file.error();
  if (file && FORELOG_TRY((*file)->size()) >= kBytes) {
    return WatermarkFile(*std::move(file), last_sequence);
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
  return WatermarkFile(std::move(fresh), last_sequence);
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
  return write_block(1 + stages_++ % 2, record);
}

}  // namespace forelog::log
