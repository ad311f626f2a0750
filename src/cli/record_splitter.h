// RecordSplitter: cuts a stream of bytes, given in blocks of any size, into records at a separator.
//
// A record that lies whole in a block is handed on without a copy; what is left of one at a block's
// end is kept until its separator comes. Memory is bounded by the limit on a record.
//
// Threading: owned by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "forelog/status.h"

namespace forelog::cli {

class RecordSplitter {
 public:
  RecordSplitter(char separator, std::uint64_t record_bytes_max)
      : separator_(separator), record_bytes_max_(record_bytes_max) {}

  // Calls `take(std::string_view) -> Status` for every record that `block` completes, in order.
  // Stops at the first error: of `take`, or `invalid_argument` for a record over the limit, which
  // names its number.
  template <typename Take>
  Status feed(std::string_view block, Take&& take);

  // At the end of the stream: what stands behind the last separator is a record too.
  template <typename Take>
  Status finish(Take&& take);

  std::uint64_t records() const noexcept { return records_; }  // Handed on so far.
  std::size_t partial_bytes() const noexcept { return partial_.size(); }

 private:
  template <typename Take>
  Status hand_on(std::string_view record, Take& take);
  Status check_size(std::uint64_t bytes) const;

  const char separator_;
  const std::uint64_t record_bytes_max_;
  std::string partial_;
  std::uint64_t records_ = 0;
};

template <typename Take>
Status RecordSplitter::feed(std::string_view block, Take&& take) {
  while (true) {
    const std::size_t end = block.find(separator_);
    const std::string_view part = block.substr(0, end);
    if (Status status = check_size(partial_.size() + part.size()); !status.ok()) return status;
    if (end == std::string_view::npos) {
      partial_ += part;
      return {};
    }
    Status status;
    if (partial_.empty()) {
      status = hand_on(part, take);
    } else {
      partial_ += part;
      status = hand_on(partial_, take);
      partial_.clear();
    }
    if (!status.ok()) return status;
    block.remove_prefix(end + 1);
  }
}

template <typename Take>
Status RecordSplitter::finish(Take&& take) {
  if (partial_.empty()) return {};
  Status status = hand_on(partial_, take);
  partial_.clear();
  return status;
}

template <typename Take>
Status RecordSplitter::hand_on(std::string_view record, Take& take) {
  Status status = take(record);
  if (status.ok()) ++records_;
  return status;
}

}  // namespace forelog::cli
