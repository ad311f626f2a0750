#include "cli/record_splitter.h"

namespace forelog::cli {

Status RecordSplitter::check_size(std::uint64_t bytes) const {
  if (bytes <= record_bytes_max_) return {};
  return {Code::invalid_argument, std::string(separator_ == '\n' ? "line " : "record ") +
                                      std::to_string(records_ + 1) +
                                      " of the input is longer than the limit of " +
                                      std::to_string(record_bytes_max_) + " bytes for a record"};
}

}  // namespace forelog::cli
