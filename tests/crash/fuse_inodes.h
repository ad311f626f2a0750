// The files and directories of a FuseDisk that the kernel knows, by the numbers that it was given.
//
// Owned by the server of a FuseDisk. Threading: the thread that answers the kernel only.
// Invariant: a file whose name is gone stays for as long as the kernel has not forgotten it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "forelog/file_system.h"

namespace forelog::crash_test {

struct Inode {
  std::unique_ptr<Directory> directory;  // One of the two.
  std::unique_ptr<File> file;
  std::filesystem::path path;  // Where it was found.
  bool named = true;
  std::uint64_t lookups = 0;  // Times that the kernel was told of it and has not forgotten.
};

// By number and by name.
class Inodes {
 public:
  using Number = std::uint64_t;
  static constexpr Number kRoot = 1;  // As in FUSE.

  explicit Inodes(std::unique_ptr<Directory> root) {
    inodes_[kRoot].directory = std::move(root);
    inodes_[kRoot].path = "/";
  }

  Inode& at(Number number) { return inodes_.at(number); }

  std::optional<Number> find(Number parent, const std::string& name) const {
    const auto found = names_.find({parent, name});
    return found == names_.end() ? std::nullopt : std::optional(found->second);
  }
  Number add(Number parent, const std::string& name, Inode inode) {
    const Number number = ++last_;  // Never used twice.
    inodes_[number] = std::move(inode);
    names_[{parent, name}] = number;
    return number;
  }
  void take_name(Number parent, const std::string& name) {
    const auto found = names_.find({parent, name});
    if (found == names_.end()) return;
    at(found->second).named = false;
    names_.erase(found);
  }
  void rename(Number parent, const std::string& from, const std::string& to) {
    const std::optional<Number> number = find(parent, from);
    if (from == to || !number) return;
    take_name(parent, to);
    names_.erase({parent, from});
    names_[{parent, to}] = *number;
  }
  void forget(Number number, std::uint64_t lookups) {
    if (number == kRoot || (at(number).lookups -= lookups) > 0) return;
    std::erase_if(names_, [&](const auto& entry) { return entry.second == number; });
    inodes_.erase(number);
  }

 private:
  std::map<Number, Inode> inodes_;
  std::map<std::pair<Number, std::string>, Number> names_;
  Number last_ = kRoot;
};

}  // namespace forelog::crash_test
