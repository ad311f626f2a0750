// KvBook: all that was asked of a simulated store, what its callers were told, and what its readers saw;
// and the promises of kv.h, checked against the commands in its log once they are known. Knows no disk,
// no threads and no clock.
//
// What is checked: the log holds what was asked for, each at most once, and all that was acknowledged;
// every outcome, value and view is what a plain map says that is given the same commands, one by one.
//
// Threading: none. A broken promise calls `fail`, which does not return.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "forelog/kv.h"
#include "kv/command.h"

namespace forelog::sim {

// What a store holds, as far as somebody sees it.
struct KvContent {
  std::string value;
  Lsn version;
  Timestamp expires = kv::kNever;
  bool operator==(const KvContent&) const = default;
};
using KvContents = std::map<std::string, KvContent>;

// One of the operations that a write consists of.
struct KvStep {
  kv::OperationKind kind = kv::OperationKind::put;
  std::string key, value = {};
  std::chrono::nanoseconds time_to_live{0};  // Of put_until; 0: `expires` is given.
  Timestamp expires = kv::kNever;
  Lsn version = {};  // Of require.
};
using KvSteps = std::vector<KvStep>;

class KvBook {
 public:
  using Fail = std::function<void(const std::string&)>;
  explicit KvBook(Fail fail) : fail_(std::move(fail)) {}

  // Of a value: it says how it expires, and no other is like it.
  std::string value(const KvStep& of, std::size_t bytes);

  // Returns the name by which the book knows the write.
  std::string begin(const KvSteps& steps);
  void refuse(const std::string& write);  // It is certainly not there.
  void end(const std::string& write, const KvOutcome& outcome, Durability level);
  void acknowledge(Lsn last) { acknowledged_ = std::max(acknowledged_, last); }

  void see(Lsn at, Timestamp time, const KvContents& contents);
  void see(const std::string& key, const KvContent& content);

  // The store was opened again and is of this LSN; what is behind it is gone for good. After a power cut
  // only what was synced had to survive.
  void reopen(Lsn applied, bool power_cut);
  // Of a store that was just opened: what its log holds, from its first record on.
  void check(const std::vector<std::pair<Lsn, std::string>>& log);
  Lsn applied() const { return applied_; }

 private:
  struct Write {
    Lsn lsn;  // Lsn{}: nobody knows yet.
    bool gone = false;
  };
  struct Told {
    std::string write;
    KvOutcome outcome;
  };
  struct View {
    Timestamp time;
    KvContents contents;
  };

  void check(bool promise, const std::string& what) const;
  void check_write(Lsn lsn, const kv::Command& command, std::set<std::string>& there);
  KvOutcome apply(Lsn lsn, const kv::Command& command);
  void check_told(Lsn lsn, const KvOutcome& outcome) const;
  void check_view(Lsn lsn, const View& view) const;
  void check_seen(Lsn lsn) const;

  Fail fail_;
  std::uint64_t next_value_ = 1;
  std::map<std::string, Write>
      writes_;  // Those that put something, and so are each other's unlike.
  std::set<std::string> others_;
  std::map<Lsn, Told> told_;
  std::multimap<Lsn, View> views_;
  std::map<Lsn, std::vector<std::pair<std::string, KvContent>>> seen_;  // By version.
  Lsn acknowledged_, written_;

  // The model: as of applied_. What has expired may be in it.
  KvContents contents_;
  Timestamp time_{};
  Lsn applied_;
};

}  // namespace forelog::sim
