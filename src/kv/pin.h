// Pin: a table as it was at one LSN, and one moment of the clock, for as long as it lives; and scans
// of it. Views, cursors and images of snapshots are made of it.
//
// Threading: a Pin from any thread; a Scan is used by one at a time.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "kv/table.h"

namespace forelog::kv {

class Pin {
 public:
  // As it is now, when it is `time`, or later where commands told of a later one. Throws bad_alloc.
  Pin(std::shared_ptr<Table> table, Timestamp time)
      : table_(std::move(table)), time_(time), lsn_(table_->pin(time_)) {}
  ~Pin() { table_->release(lsn_); }
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;

  Lsn lsn() const noexcept { return lsn_; }
  Timestamp time() const noexcept { return time_; }
  const Table& table() const noexcept { return *table_; }

 private:
  const std::shared_ptr<Table> table_;
  Timestamp time_;
  const Lsn lsn_;
};

class Scan {
 public:
  Scan(std::shared_ptr<const Pin> pin, Span span) : pin_(std::move(pin)), span_(std::move(span)) {}

  // Nullopt at the end. Lives until the next call. Throws bad_alloc, and may then be asked again.
  std::optional<Chunk::Entry> next();

 private:
  std::shared_ptr<const Pin> pin_;
  Span span_;
  Chunk chunk_;
  std::size_t given_ = 0;  // Of the chunk.
};

}  // namespace forelog::kv
