#include "io/memory_names.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace forelog::io {

MemoryNodePtr MemoryNames::find(std::string_view name) const {
  const auto found = cached_.find(name);
  return found == cached_.end() ? nullptr : found->second;
}

void MemoryNames::create(std::string_view name, MemoryNodePtr node) {
  FORELOG_CHECK(find(name) == nullptr);
  change("", std::string(name), std::move(node));
}

void MemoryNames::rename(std::string_view from, std::string_view to) {
  MemoryNodePtr node = find(from);
  FORELOG_CHECK(node != nullptr);
  if (from != to) change(std::string(from), std::string(to), std::move(node));
}

void MemoryNames::remove(std::string_view name) {
  MemoryNodePtr node = find(name);
  FORELOG_CHECK(node != nullptr);
  change(std::string(name), "", std::move(node));
}

void MemoryNames::change(std::string from, std::string to, MemoryNodePtr node) {
  MemoryNodePtr replaced = find(to);
  unsynced_.push_back({std::move(from), std::move(to), std::move(node), std::move(replaced)});
  apply(unsynced_.back(), cached_);
}

void MemoryNames::apply(const Change& change, Map& names) {
  const auto from = names.find(change.from);
  // A file that was created over a removed one may have survived without the removal.
  if (from != names.end() && from->second == change.node) names.erase(from);
  if (!change.to.empty()) names.insert_or_assign(change.to, change.node);
}

bool MemoryNames::builds_on(const Change& later, const Change& earlier) {
  const auto touches = [&earlier](const MemoryNodePtr& node) {
    return node != nullptr && (node == earlier.node || node == earlier.replaced);
  };
  const bool takes_vacated_name =
      !later.to.empty() && later.to == earlier.from && !earlier.to.empty();
  return touches(later.node) || touches(later.replaced) || takes_vacated_name;
}

void MemoryNames::sync() {
  for (const Change& change : unsynced_) apply(change, disk_);
  unsynced_.clear();
}

void MemoryNames::lose_power(const Dice& keep) {
  std::vector<const Change*> lost;
  for (const Change& change : unsynced_) {
    const bool possible = std::none_of(lost.begin(), lost.end(), [&](const Change* earlier) {
      return builds_on(change, *earlier);
    });
    if (possible && throw_dice(keep, 2) == 1) {
      apply(change, disk_);
    } else {
      lost.push_back(&change);
    }
  }
  cached_ = disk_;
  unsynced_.clear();
}

}  // namespace forelog::io
