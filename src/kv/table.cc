#include "kv/table.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"
#include "base/simulation.h"

namespace forelog::kv {

// What a command is to leave behind, in memory that is all taken before the lock is: nodes that only
// change their tree. A key without a version is to be erased.
struct Table::Change {
  explicit Change(const Command& command);

  Keys keys;
  Expiries expiries;  // As many nodes as may be needed; what they say is written over.
  Garbage garbage;
};

Table::Change::Change(const Command& command) {
  for (const Operation& operation : command.operations) {
    if (operation.kind == OperationKind::require) continue;
    const auto [place, fresh] = keys.try_emplace(std::string(operation.key.text()));
    Slot& slot = place->second;
    if (Version* const before = std::exchange(slot.newest, nullptr)) Version::remove(before);
    if (operation.kind == OperationKind::erase) continue;
    slot.newest = Version::make(operation.value, operation.expires);
    if (operation.expires != kNever) expiries.emplace(operation.expires, place->first);
  }
}

Outcome Table::apply(Lsn lsn, const Command& command) {
  Change change(command);
  Outcome outcome;
  const base::ExclusiveLock lock(mutex_);
  FORELOG_CHECK(lsn > applied_);
  applied_ = lsn;
  // Why the latest of all times: the clock of a writer may be set back, and what has expired stays so.
  time_ = std::max(time_, command.time);
  // First, so that a key of this command is never expired by it: what is put with a point in time that
  // has passed is there until the next command, unseen.
  expire(lsn, command.kind == CommandKind::tick ? kExpirePerTick : kExpirePerWrite, change.garbage);
  if (meets(command, outcome)) {
    for (auto staged = change.keys.begin(); staged != change.keys.end();) {
      const auto next = std::next(staged);
      put(change, staged, lsn);
      if (base::makes(base::Mistake::split_batch)) break;
      staged = next;
    }
  }
  expiring_.store(expiries_.size(), std::memory_order_relaxed);
  return outcome;
}

bool Table::meets(const Command& command, Outcome& outcome) const {
  const Timestamp meeting = base::makes(base::Mistake::require_unseen) ? Timestamp::min() : time_;
  std::size_t index = 0;
  for (const Operation& operation : command.operations) {
    if (operation.kind != OperationKind::require) continue;
    const auto place = keys_.find(operation.key.text());
    const Version* const version =
        place == keys_.end() ? nullptr : visible(place->second, applied_, meeting);
    const Lsn found = version == nullptr ? Lsn() : version->lsn;
    if (found != operation.version) {
      outcome = {.applied = false, .unmet = index, .found = found};
      return false;
    }
    ++index;
  }
  return true;
}

void Table::put(Change& change, Keys::iterator staged, Lsn lsn) {
  Version* const fresh = std::exchange(staged->second.newest, nullptr);
  auto place = keys_.lower_bound(staged->first);
  const bool there = place != keys_.end() && place->first == staged->first;
  if (there) end_newest(place, lsn, change.garbage);
  if (fresh == nullptr) {
    if (there) drop_if_empty(place, change.garbage);
    return;
  }
  if (!there) {
    place = keys_.insert(place, change.keys.extract(staged));
    stats_.memory_bytes += key_memory_bytes(place->first);
  }
  fresh->lsn = lsn;
  fresh->older = place->second.newest;
  place->second.newest = fresh;
  stats_.memory_bytes += fresh->memory_bytes();
  count(place->first, *fresh);
  if (fresh->expires == kNever) return;
  auto node = change.expiries.extract(change.expiries.begin());
  node.value() = {fresh->expires, place->first};
  expiries_.insert(std::move(node));
}

void Table::count(const std::string& key, const Version& version) {
  ++stats_.keys;
  stats_.key_bytes += key.size();
  stats_.value_bytes += version.value_bytes;
  if (version.expires != kNever) stats_.memory_bytes += kExpiryMemoryBytes;
}

void Table::expire(Lsn lsn, std::size_t limit, Garbage& garbage) {
  for (; limit > 0 && !expiries_.empty() && expiries_.begin()->first <= time_; --limit) {
    const auto place = keys_.find(expiries_.begin()->second);
    end_newest(place, lsn, garbage);
    drop_if_empty(place, garbage);
  }
}

// What is live under this key, if anything, is no more. Its slot stays.
void Table::end_newest(Keys::iterator place, Lsn lsn, Garbage& garbage) {
  Version* const version = place->second.newest;
  if (version == nullptr || !version->live()) return;
  version->until = lsn;
  --stats_.keys;
  stats_.key_bytes -= place->first.size();
  stats_.value_bytes -= version->value_bytes;
  if (version->expires != kNever) {
    expiries_.erase({version->expires, place->first});
    stats_.memory_bytes -= kExpiryMemoryBytes;
  }
  ++stats_.versions_kept;
  version->place = place;
  if (base::makes(base::Mistake::drop_viewed)) return drop(version, garbage);
  if (pins_.empty() || pins_.rbegin()->first < version->lsn) return drop(version, garbage);
  Pinned& pin = pins_.rbegin()->second;
  version->next_kept = pin.kept;
  pin.kept = version;
}

void Table::drop(Version* version, Garbage& garbage) noexcept {
  Version** link = &version->place->second.newest;
  while (*link != version) link = &(*link)->older;
  *link = version->older;
  stats_.memory_bytes -= version->memory_bytes();
  --stats_.versions_kept;
  garbage.add(version);
}

void Table::drop_if_empty(Keys::iterator place, Garbage& garbage) noexcept {
  if (place->second.newest != nullptr) return;
  stats_.memory_bytes -= key_memory_bytes(place->first);
  garbage.keys.insert(keys_.extract(place));
}

Lsn Table::pin(Timestamp& time) {
  std::map<Lsn, Pinned> fresh;
  fresh.try_emplace(Lsn());
  const base::ExclusiveLock lock(mutex_);
  time = std::max(time, time_);
  auto pin = pins_.find(applied_);
  if (pin == pins_.end()) {
    auto node = fresh.extract(fresh.begin());
    node.key() = applied_;
    pin = pins_.insert(std::move(node)).position;
  }
  ++pin->second.users;
  return applied_;
}

void Table::release(Lsn at) noexcept {
  constexpr std::size_t kAtOnce = base::sized_for(256, 3);
  std::map<Lsn, Pinned>::node_type pin;
  {
    const base::ExclusiveLock lock(mutex_);
    const auto place = pins_.find(at);
    FORELOG_CHECK(place != pins_.end());
    if (--place->second.users > 0) return;
    pin = pins_.extract(place);
  }
  // In parts, so that commands get in between. Pins that come meanwhile are behind all of these
  // versions; pins that go find that those versions are in no list of theirs.
  for (Version* left = pin.mapped().kept; left != nullptr;) {
    Garbage garbage;
    const base::ExclusiveLock lock(mutex_);
    for (std::size_t i = 0; i < kAtOnce && left != nullptr; ++i) {
      Version* const version = std::exchange(left, left->next_kept);
      const auto newer = pins_.upper_bound(at);
      if (newer != pins_.begin() && std::prev(newer)->first >= version->lsn) {
        Pinned& older = std::prev(newer)->second;
        version->next_kept = older.kept;
        older.kept = version;
        continue;
      }
      const Keys::iterator place = version->place;
      drop(version, garbage);
      drop_if_empty(place, garbage);
    }
  }
}

}  // namespace forelog::kv
