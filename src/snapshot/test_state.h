// States for tests. Ledger keeps a sum for each name, and a digest of all that it was given, in order;
// a command is "NAME AMOUNT", and "bad" is one that it cannot understand.
// Threading: as StateMachine; Sums may be applied to from several threads.
#pragma once

#include <array>
#include <charconv>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/checksum.h"
#include "forelog/state_machine.h"
#include "forelog/try.h"

namespace forelog::testing {

struct Posting {
  std::string_view name;
  std::int64_t amount = 0;
};

inline Result<Posting> parse_posting(ByteView command) {
  const std::string_view text = command.text();
  const std::size_t space = text.find(' ');
  Posting posting{text.substr(0, space), 0};
  const char* const end = text.data() + text.size();
  if (space == std::string_view::npos ||
      std::from_chars(text.data() + space + 1, end, posting.amount).ptr != end) {
    return Status(Code::unsupported, "not a posting: '" + std::string(text) + "'");
  }
  return posting;
}

struct LedgerData {
  std::map<std::string, std::int64_t, std::less<>> sums;
  std::uint64_t commands = 0;
  std::uint64_t digest = 0;  // Of the commands and their LSNs, in order.
  friend bool operator==(const LedgerData&, const LedgerData&) = default;

  void take(Lsn lsn, const Posting& posting, ByteView command) {
    sums[std::string(posting.name)] += posting.amount;
    ++commands;
    digest = base::checksum(command, digest ^ lsn.value);
  }
  Status save(Sink& out) const {
    std::string text;
    for (const auto& [name, sum] : sums) text += name + " " + std::to_string(sum) + "\n";
    const std::array<std::uint64_t, 3> head{commands, digest, text.size()};
    FORELOG_TRY(out.write(std::as_bytes(std::span(head))));
    return out.write(text);
  }
  Status load(Source& in) {
    *this = {};
    std::array<std::uint64_t, 3> head{};
    FORELOG_TRY(in.read_exactly(std::as_writable_bytes(std::span(head))));
    commands = head[0];
    digest = head[1];
    std::string text(head[2], '\0');
    FORELOG_TRY(in.read_exactly(std::as_writable_bytes(std::span(text))));
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t line_end = text.find('\n', at);
      const Posting posting =
          FORELOG_TRY(parse_posting(ByteView(std::string_view(text).substr(at, line_end - at))));
      sums[std::string(posting.name)] = posting.amount;
      at = line_end + 1;
    }
    return {};
  }
};

// Without an image.
class PlainLedger : public StateMachine {
 public:
  Status apply(Lsn lsn, ByteView command) override {
    const Posting posting = FORELOG_TRY(parse_posting(command));
    data_.take(lsn, posting, command);
    return {};
  }
  Status save(Sink& out) const override { return data_.save(out); }
  Status load(Source& in) override { return data_.load(in); }

  const LedgerData& data() const { return data_; }
  std::int64_t sum(std::string_view name) const {
    const auto found = data_.sums.find(name);
    return found == data_.sums.end() ? 0 : found->second;
  }

 protected:
  LedgerData data_;
};

// With one, which is a copy.
class Ledger final : public PlainLedger {
 public:
  std::unique_ptr<Image> freeze() const override {
    struct Copy final : Image {
      explicit Copy(const LedgerData& from) : data(from) {}
      Status save(Sink& out) const override { return data.save(out); }
      const LedgerData data;
    };
    return std::make_unique<Copy>(data_);
  }
};

// Sums for 64 keys, each of which remembers the order of what it was given: "KEY AMOUNT" with a KEY of
// one letter. "* AMOUNT" goes to all of them.
class Sums final : public StateMachine {
 public:
  Status apply(Lsn lsn, ByteView command) override {
    const Posting posting = FORELOG_TRY(parse_posting(command));
    if (posting.name == "*") {
      for (std::uint64_t& digest : digests_) digest = base::checksum(command, digest ^ lsn.value);
    } else {
      std::uint64_t& digest = digests_[index_of(posting.name)];
      digest = base::checksum(command, digest ^ lsn.value);
    }
    return {};
  }
  Status save(Sink& out) const override { return out.write(std::as_bytes(std::span(digests_))); }
  Status load(Source& in) override {
    return in.read_exactly(std::as_writable_bytes(std::span(digests_)));
  }
  bool independent_keys() const override { return true; }
  std::optional<std::uint64_t> key_of(ByteView command) const override {
    const std::string_view name = command.text().substr(0, command.text().find(' '));
    if (name == "*" || name.empty()) return std::nullopt;
    return index_of(name);
  }

  const std::array<std::uint64_t, 64>& digests() const { return digests_; }

 private:
  static std::size_t index_of(std::string_view name) {
    return static_cast<unsigned char>(name.front()) % 64;
  }
  std::array<std::uint64_t, 64> digests_{};
};

}  // namespace forelog::testing
