// What a table gives out, and how it is filled at once.
#include <algorithm>
#include <iterator>

#include "base/check.h"
#include "base/simulation.h"
#include "kv/table.h"

namespace forelog::kv {

namespace {

// Of one turn with the lock: how many keys are looked at, and about how many bytes are copied.
constexpr std::size_t kLooksMax = base::sized_for(256, 3);
constexpr std::size_t kChunkBytes = base::sized_for(64 * 1024, 4096);

}  // namespace

bool Contents::add(std::string key, ByteView value, Lsn version, Timestamp expires) {
  if (!keys_.empty() && keys_.rbegin()->first >= key) return false;
  const auto place = keys_.try_emplace(keys_.end(), std::move(key));
  Version* const fresh = Version::make(value, expires);
  place->second.newest = fresh;
  fresh->lsn = version;
  if (expires != kNever) expiries_.emplace(expires, place->first);
  return true;
}

void Table::replace(Contents contents) {
  const base::ExclusiveLock lock(mutex_);
  FORELOG_CHECK(pins_.empty());
  keys_.swap(contents.keys_);
  expiries_.swap(contents.expiries_);
  applied_ = contents.applied;
  time_ = contents.time;
  expiring_.store(expiries_.size(), std::memory_order_relaxed);
  stats_ = {};
  for (const auto& [key, slot] : keys_) {
    stats_.memory_bytes += key_memory_bytes(key) + slot.newest->memory_bytes();
    count(key, *slot.newest);
  }
}

Chunk::Entry Chunk::operator[](std::size_t index) const {
  const Place& place = places_[index];
  const ByteView bytes(bytes_);
  return {.key = bytes.subspan(place.offset, place.key_bytes),
          .value = bytes.subspan(place.offset + place.key_bytes, place.value_bytes),
          .version = place.version,
          .expires = place.expires};
}

void Table::read(Span& span, Lsn at, Timestamp time, Chunk& into) const {
  into.bytes_.clear();
  into.places_.clear();
  if (span.to && *span.to <= span.from) span.done = true;
  if (span.done) return;

  const base::SharedLock lock(mutex_);
  const auto begin = keys_.lower_bound(span.from);
  const auto end = span.to ? keys_.lower_bound(*span.to) : keys_.end();
  auto place = span.descending ? end : begin;
  const auto past = span.descending ? begin : end;
  for (std::size_t looks = 0; place != past; ++looks) {
    // The next turn goes on behind the last key of this one, whatever became of that key meanwhile.
    if (looks == kLooksMax || into.bytes_.size() >= kChunkBytes) {
      if (span.descending) {
        span.to = place->first;
      } else {
        span.from = place->first;
      }
      return;
    }
    if (span.descending) --place;
    const Version* const version = visible(place->second, at, time);
    if (version != nullptr) {
      const std::string& key = place->first;
      into.places_.push_back({.key_bytes = key.size(),
                              .value_bytes = version->value_bytes,
                              .offset = into.bytes_.size(),
                              .version = version->lsn,
                              .expires = version->expires});
      into.bytes_.append(key);
      into.bytes_.append(version->value().text());
    }
    if (!span.descending) ++place;
  }
  span.done = true;
}

std::optional<Timestamp> Table::next_expiry() const {
  const base::SharedLock lock(mutex_);
  if (expiries_.empty()) return std::nullopt;
  return expiries_.begin()->first;
}

TableStats Table::stats() const {
  const base::SharedLock lock(mutex_);
  TableStats stats = stats_;
  stats.applied = applied_;
  stats.time = time_;
  stats.expiring = expiries_.size();
  stats.pins = pins_.size();
  if (!pins_.empty()) stats.oldest_pin = pins_.begin()->first;
  return stats;
}

}  // namespace forelog::kv
