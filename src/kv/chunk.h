// What a scan of a table has yet to look at, and what one turn of it found.
// Threading: owned by one thread at a time.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "forelog/bytes.h"
#include "forelog/lsn.h"

namespace forelog::kv {

// Entries of a scan, in one block of memory that is used again and again.
class Chunk {
 public:
  struct Entry {
    ByteView key, value;  // Live until the chunk is filled anew.
    Lsn version;
    Timestamp expires;
  };
  bool empty() const { return places_.empty(); }
  std::size_t size() const { return places_.size(); }
  Entry operator[](std::size_t index) const;

 private:
  friend class Table;
  struct Place {
    std::size_t key_bytes, value_bytes, offset;
    Lsn version;
    Timestamp expires;
  };
  std::string bytes_;
  std::vector<Place> places_;
};

// What a scan has yet to look at. `from` is inclusive, `to` is not.
struct Span {
  std::string from = {};
  std::optional<std::string> to = {};
  bool descending = false;
  bool done = false;
};

}  // namespace forelog::kv
