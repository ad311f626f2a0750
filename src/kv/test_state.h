// The vocabulary of tests of KvState: commands made of a few words, applied one after the other, and
// what is then seen; states written to memory and read back.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kv/pin.h"
#include "kv/state.h"

namespace forelog::kv::testing {

inline Timestamp at_second(std::int64_t seconds) {
  return Timestamp(std::chrono::seconds(seconds));
}

inline Operation put(std::string_view key, std::string_view value) {
  return {.kind = OperationKind::put, .key = key, .value = value};
}
inline Operation put_until(std::string_view key, std::string_view value, Timestamp expires) {
  return {.kind = OperationKind::put_until, .key = key, .value = value, .expires = expires};
}
inline Operation erase(std::string_view key) { return {.kind = OperationKind::erase, .key = key}; }
inline Operation require(std::string_view key, Lsn version) {
  return {.kind = OperationKind::require, .key = key, .version = version};
}

inline std::string encode(CommandKind kind, Timestamp time,
                          const std::vector<Operation>& operations = {}) {
  std::string bytes;
  put_command_head(bytes, kind, time);
  for (const Operation& operation : operations) put_operation(bytes, operation);
  return bytes;
}

class MemorySink final : public Sink {
 public:
  Status write(ByteView more) override {
    if (bytes.size() + more.size() > limit) return {Code::no_space, "the sink is full"};
    bytes.append(more.text());
    return {};
  }
  std::string bytes;
  std::size_t limit = SIZE_MAX;
};

class MemorySource final : public Source {
 public:
  explicit MemorySource(std::string bytes) : bytes_(std::move(bytes)) {}
  Result<std::size_t> read(std::span<std::byte> to) override {
    const std::size_t part = std::min(to.size(), bytes_.size() - at_);
    std::memcpy(to.data(), bytes_.data() + at_, part);
    at_ += part;
    return part;
  }

 private:
  std::string bytes_;
  std::size_t at_ = 0;
};

using Seen = std::map<std::string, std::string>;

// Everything a pin sees, by a scan from the front; the one from the back is compared with it.
inline Seen all_of(const std::shared_ptr<const Pin>& pin, Span span = {}) {
  std::vector<std::pair<std::string, std::string>> forward, backward;
  for (const bool descending : {false, true}) {
    Span each = span;
    each.descending = descending;
    Scan scan(pin, each);
    auto& into = descending ? backward : forward;
    while (const auto entry = scan.next())
      into.emplace_back(entry->key.text(), entry->value.text());
  }
  EXPECT_TRUE(std::is_sorted(forward.begin(), forward.end()));
  std::reverse(backward.begin(), backward.end());
  EXPECT_EQ(forward, backward);
  return {forward.begin(), forward.end()};
}

class StateDriver {
 public:
  Lsn write(const std::vector<Operation>& operations) {
    const Status status = state.apply(++last, encode(CommandKind::write, clock, operations));
    EXPECT_TRUE(status.ok()) << status.message();
    return last.value_;
  }
  void tick() { EXPECT_TRUE(state.apply(++last, encode(CommandKind::tick, clock)).ok()); }
  std::optional<std::string> get(std::string_view key) const {
    return state.table()->look(key, std::nullopt, clock,
                               [](const Version& v) { return std::string(v.value().text()); });
  }
  Lsn version(std::string_view key) const {
    return state.table()
        ->look(key, std::nullopt, clock, [](const Version& v) { return v.lsn; })
        .value_or(Lsn());
  }
  std::shared_ptr<const Pin> pin() const {
    return std::make_shared<const Pin>(state.table(), clock);
  }
  TableStats stats() const { return state.table()->stats(); }
  std::string saved() const {
    MemorySink sink;
    EXPECT_TRUE(state.save(sink).ok());
    return sink.bytes;
  }
  Status load(std::string bytes) {
    MemorySource source(std::move(bytes));
    const Status status = state.load(source);
    if (status.ok()) last.value_ = state.table()->stats().applied;
    return status;
  }

  // Counts up, as a log does.
  struct Counter {
    Lsn value_;
    Lsn operator++() { return value_ = value_.next(); }
  };

  KvState state;
  Counter last;
  Timestamp clock = at_second(1000);
};

}  // namespace forelog::kv::testing
