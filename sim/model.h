// Model: all that a simulated run appended, and what it was told of it; and the promises, checked
// against what a log holds. Knows no disk, no threads and no time.
//
// What is checked (docs/durability.md): the records of a log are a gap-free run of LSNs; each has
// the bytes of one append, and no append has two; an append that returned has the LSN it was given,
// and one that began after another returned has a later one; batches are whole; what was
// acknowledged is there; what a crash took away never comes back.
//
// Threading: none. A broken promise calls `fail`, which does not return.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "forelog/lsn.h"

namespace forelog::sim {

class Model {
 public:
  using Fail = std::function<void(const std::string&)>;
  explicit Model(Fail fail) : fail_(std::move(fail)) {}

  // The payload of an append to come, and its number; `bytes` of them at least.
  struct Payload {
    std::uint64_t id = 0;
    std::string bytes;
  };
  std::vector<Payload> begin_append(std::size_t records, std::size_t bytes);
  void end_append(std::uint64_t first_id, std::size_t records, Lsn first);

  void refuse_append(std::uint64_t first_id, std::size_t records);  // It is certainly not there.

  void acknowledge(Lsn last);          // All up to here is synced, somebody was told.
  void acknowledge_written(Lsn last);  // … written.
  void begin_keep_from(Lsn first);
  void end_keep_from(Lsn first_lsn);
  void begin_keep_through(Lsn last);
  void end_keep_through(Lsn last);
  Lsn last_known() const { return last_; }  // The highest LSN that an append returned.
  Lsn acknowledged() const { return acknowledged_; }
  Lsn keep_from() const { return keep_from_; }

  // A record that a cursor gave.
  void check_record(Lsn lsn, std::string_view payload) const;
  // The number of the append that these are the bytes of.
  std::uint64_t id_of(Lsn lsn, std::string_view payload) const;

  // What the log holds after a life; what it does not hold is gone for good. After a power cut only
  // what was synced had to survive.
  void recover(const std::vector<std::pair<Lsn, std::string>>& records, Lsn first, Lsn last,
               bool power_cut);

 private:
  struct Attempt {
    std::string payload;
    std::uint64_t batch_first = 0, batch_last = 0;  // Numbers of the appends it lives with.
    Lsn after;                                      // The highest LSN returned before it began.
    Lsn lsn;                                        // Lsn{}: it has not returned.
    bool gone = false;
  };

  void check(bool promise, const std::string& what) const;

  Fail fail_;
  std::map<std::uint64_t, Attempt> attempts_;
  std::uint64_t next_id_ = 1;
  Lsn last_, acknowledged_, written_;
  Lsn keep_from_{1};    // Everything from here on must be there.
  Lsn first_floor_{1};  // Everything before is gone for good.
  std::optional<Lsn> truncating_;
};

}  // namespace forelog::sim
