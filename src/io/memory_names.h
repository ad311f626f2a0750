// MemoryNames: the names in one directory in memory, as the page cache has them and as the disk
// does, and the changes that lie between the two.
//
// What a power cut leaves: of the changes since the last sync, each survives or not, independently
// and whole (a rename never leaves both names or neither), but only if those survive that it builds
// on: earlier changes to the same file or to the file it replaces, and the rename that vacated the
// name it takes. So a later change can survive an earlier, unrelated one.
// Threading: none; the owner locks.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "io/memory_content.h"

namespace forelog::io {

struct MemoryNode;
using MemoryNodePtr = std::shared_ptr<MemoryNode>;

class MemoryNames {
 public:
  using Map = std::map<std::string, MemoryNodePtr, std::less<>>;

  // In order of name, as cached.
  const Map& all() const { return cached_; }
  MemoryNodePtr find(std::string_view name) const;  // Null when there is none.

  void create(std::string_view name, MemoryNodePtr node);   // `name` must be free,
  void rename(std::string_view from, std::string_view to);  // `from` must exist, and
  void remove(std::string_view name);                       // so must `name`.

  void sync();
  void lose_power(const Dice& keep);

  // The same names for other nodes: copy_of(node) is asked for each, possibly several times.
  template <typename CopyOf>
  MemoryNames copy(const CopyOf& copy_of) const;

 private:
  struct Change {
    std::string from, to;    // `from` empty: created; `to` empty: removed.
    MemoryNodePtr node;      // What was created, moved or removed.
    MemoryNodePtr replaced;  // What had the name `to`, if anything.
  };

  static void apply(const Change& change, Map& names);
  static bool builds_on(const Change& later, const Change& earlier);
  void change(std::string from, std::string to, MemoryNodePtr node);

  Map cached_;
  Map disk_;
  std::vector<Change> unsynced_;  // Oldest first; disk_ with all of them applied is cached_.
};

template <typename CopyOf>
MemoryNames MemoryNames::copy(const CopyOf& copy_of) const {
  MemoryNames result;
  for (const auto& [name, node] : cached_) result.cached_.emplace(name, copy_of(node));
  for (const auto& [name, node] : disk_) result.disk_.emplace(name, copy_of(node));
  for (const Change& change : unsynced_) {
    MemoryNodePtr replaced = change.replaced == nullptr ? nullptr : copy_of(change.replaced);
    result.unsynced_.push_back({change.from, change.to, copy_of(change.node), std::move(replaced)});
  }
  return result;
}

}  // namespace forelog::io
