#include "crash/expected_log.h"

#include <algorithm>
#include <charconv>

namespace forelog::crash_test {
namespace {

std::string about(std::uint64_t lsn, std::string_view what) {
  return "LSN " + std::to_string(lsn) + " " + std::string(what);
}

}  // namespace

void ExpectedLog::begin_life() { records_.erase(records_.upper_bound(last_), records_.end()); }

void ExpectedLog::sent(const std::string& record, std::uint64_t batch_records,
                       std::uint64_t index_in_batch) {
  const std::uint64_t lsn = last_sent() + 1;
  records_[lsn] = {record, lsn + batch_records - 1 - index_in_batch};
}

std::string ExpectedLog::acknowledged(std::uint64_t lsn, bool written, bool synced) {
  if (lsn <= last_ || lsn > last_sent()) return about(lsn, "acknowledged, but never sent");
  // The process has opened the log, and so synced what it found there.
  synced_ = std::max(synced_, synced ? lsn : last_);
  written_ = std::max({written_, synced_, written ? lsn : 0});
  return {};
}

std::string ExpectedLog::take(std::uint64_t lsn, std::string_view bytes) const {
  if (lsn < first_) return about(lsn, "was dropped and has come back");
  const auto wanted = records_.find(lsn);
  if (wanted == records_.end()) return about(lsn, "was never sent");
  return bytes == wanted->second.bytes ? "" : about(lsn, "has other bytes than were sent");
}

std::string ExpectedLog::compare(std::string_view cat, End end) {
  std::uint64_t first = 0, last = 0;
  while (!cat.empty()) {
    const std::string_view line = cat.substr(0, cat.find('\n'));
    cat.remove_prefix(std::min(cat.size(), line.size() + 1));
    const std::size_t tab = line.find('\t');
    std::uint64_t lsn = 0;
    std::from_chars(line.data(), line.data() + std::min(tab, line.size()), lsn);
    if (tab == std::string_view::npos || lsn == 0) return "no record: " + std::string(line);
    if (first == 0) first = lsn;
    if (last != 0 && lsn != last + 1) return about(lsn, "behind ") + std::to_string(last);
    last = lsn;
    std::string wrong = take(lsn, line.substr(tab + 1));
    if (!wrong.empty()) return wrong;
  }
  const std::uint64_t due = end == End::power ? synced_ : std::max(synced_, written_);
  if (last < due) {
    return about(due, "was acknowledged and is lost; the log ends at ") + std::to_string(last);
  }
  if (first > keep_from_) return about(keep_from_, "was to be kept and is lost");
  const auto found = records_.find(last);
  if (found != records_.end() && found->second.batch_last != last) {
    return about(last, "ends the log in the middle of a batch");
  }
  last_ = last;
  records_.erase(records_.upper_bound(last), records_.end());
  written_ = last;
  // What a disk holds after a cut, it holds.
  synced_ = end == End::power ? last : std::min(synced_, last);
  return {};
}

}  // namespace forelog::crash_test
