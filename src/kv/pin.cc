#include "kv/pin.h"

namespace forelog::kv {

std::optional<Chunk::Entry> Scan::next() {
  while (given_ == chunk_.size()) {
    if (span_.done) return std::nullopt;
    given_ = 0;
    pin_->table().read(span_, pin_->lsn(), pin_->time(), chunk_);
  }
  return chunk_[given_++];
}

}  // namespace forelog::kv
