#include "forelog/batch.h"

#include <algorithm>

#include "format/record.h"

namespace forelog {

Batch& Batch::add(ByteView record) {
  const std::size_t size = encoded_.size();
  encoded_.resize(size + static_cast<std::size_t>(format::record_bytes(record.size())));
  format::put_record(encoded_.data() + size, record);
  ++count_;
  payload_bytes_ += record.size();
  record_bytes_max_ = std::max<std::uint64_t>(record_bytes_max_, record.size());
  return *this;
}

void Batch::clear() noexcept {
  encoded_.clear();
  count_ = 0;
  payload_bytes_ = 0;
  record_bytes_max_ = 0;
}

}  // namespace forelog
