// ExpectedLog: what a log may and must hold after a crash, told by someone who saw only what went
// into `forelog append` and which LSNs came out of it.
//
// The promise (docs/durability.md): what was acknowledged is there with its bytes; what else is
// there is a gap-free prefix of what went in, batches whole; what was dropped does not come back.
// Threading: none.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace forelog::crash_test {

// How a life of the log ended: with the process alone, or with the power.
enum class End : std::uint8_t { process, power };

class ExpectedLog {
 public:
  // A new process begins to append behind what was found last.
  void begin_life();
  // A record of a batch goes in, and gets the next LSN if all is well.
  void sent(const std::string& record, std::uint64_t batch_records, std::uint64_t index_in_batch);
  std::uint64_t last_sent() const { return records_.empty() ? last_ : records_.rbegin()->first; }

  // An LSN came out, as safe against the process's end (`written`) or the power's too (`synced`).
  // "", or why that cannot be.
  std::string acknowledged(std::uint64_t lsn, bool written, bool synced);
  // All that went in is synced and the log is closed.
  void closed() { synced_ = written_ = last_sent(); }

  // A trim begins, and has said what it kept.
  void trimming(std::uint64_t keep_from) { keep_from_ = std::max(keep_from_, keep_from); }
  void trimmed(std::uint64_t first) { first_ = first; }

  // Compares with what `forelog cat` printed after the life's end: "", or the first thing that is
  // wrong. From then on, what was found is what is expected.
  std::string compare(std::string_view cat, End end);

  std::uint64_t last() const { return last_; }  // Found last; 0: none.

 private:
  struct Record {
    std::string bytes;
    std::uint64_t batch_last;
  };

  std::string take(std::uint64_t lsn, std::string_view bytes) const;

  std::map<std::uint64_t, Record> records_;  // All that may be there, by LSN.
  std::uint64_t last_ = 0;
  std::uint64_t written_ = 0, synced_ = 0;  // Must be there after either end: all up to here …
  std::uint64_t keep_from_ = 1;             // … from here on.
  std::uint64_t first_ = 1;                 // Nothing may be there before this.
};

}  // namespace forelog::crash_test
