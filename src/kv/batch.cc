#include <algorithm>

#include "forelog/kv.h"
#include "kv/command.h"

namespace forelog {

using kv::Operation;
using kv::OperationKind;

void KvBatch::add(const Operation& operation) {
  key_bytes_max_ = std::max<std::uint64_t>(key_bytes_max_, operation.key.size());
  value_bytes_max_ = std::max<std::uint64_t>(value_bytes_max_, operation.value.size());
  // What is too long to be encoded is not: the store refuses the batch by these lengths.
  if (key_bytes_max_ <= kv::kKeyBytesLimit && value_bytes_max_ <= kv::kValueBytesLimit) {
    encoded_.reserve(encoded_.size() + static_cast<std::size_t>(kv::operation_bytes(operation)));
    kv::put_operation(encoded_, operation);
  }
  ++operations_;
}

KvBatch& KvBatch::put(ByteView key, ByteView value) {
  add({.kind = OperationKind::put, .key = key, .value = value});
  return *this;
}

KvBatch& KvBatch::put(ByteView key, ByteView value, std::chrono::nanoseconds time_to_live) {
  expiries_.push_back(
      {.offset = encoded_.size() + kv::kOperationExpiryOffset, .time_to_live = time_to_live});
  add({.kind = OperationKind::put_until, .key = key, .value = value});
  return *this;
}

KvBatch& KvBatch::put_until(ByteView key, ByteView value, Timestamp expires) {
  soonest_expiry_ = std::min(soonest_expiry_, expires);
  add({.kind = OperationKind::put_until, .key = key, .value = value, .expires = expires});
  return *this;
}

KvBatch& KvBatch::erase(ByteView key) {
  add({.kind = OperationKind::erase, .key = key});
  return *this;
}

KvBatch& KvBatch::require(ByteView key, Lsn version) {
  add({.kind = OperationKind::require, .key = key, .version = version});
  return *this;
}

void KvBatch::clear() noexcept {
  encoded_.clear();
  expiries_.clear();
  soonest_expiry_ = Timestamp::max();
  operations_ = 0;
  key_bytes_max_ = 0;
  value_bytes_max_ = 0;
}

}  // namespace forelog
