// The key-value store over bytes from anywhere: commands, and the state inside a snapshot. Commands that
// are valid encode back to the same bytes, and do what a plain map does that is copied for each view;
// what is not valid does no harm. What is saved loads, and is then saved as the same bytes.
//
// Input: 0, then commands, each behind its length (1 byte; its highest bit: look at a view from here on);
// or another byte, and then a state to load.
#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "input.h"
#include "kv/pin.h"
#include "kv/state.h"

namespace {

using namespace forelog;
using namespace forelog::kv;
using fuzz::Input;
using fuzz::require;

class Bytes final : public Sink, public Source {
 public:
  Status write(ByteView more) override {
    all.append(more.text());
    return {};
  }
  Result<std::size_t> read(std::span<std::byte> to) override {
    const std::size_t part = std::min(to.size(), all.size() - at_);
    std::memcpy(to.data(), all.data() + at_, part);
    at_ += part;
    return part;
  }
  std::string all;

 private:
  std::size_t at_ = 0;
};

std::string saved(const KvState& state) {
  Bytes bytes;
  require(state.save(bytes).ok(), "a state can be saved");
  return std::move(bytes.all);
}

void reload(const std::string& bytes) {
  Bytes source;
  source.all = bytes;
  KvState again;
  require(again.load(source).ok(), "what was saved loads");
  require(saved(again) == bytes, "what was loaded is saved as the same bytes");
}

// Value, version, when it expires.
using Model = std::map<std::string, std::tuple<std::string, Lsn, Timestamp>>;

Model seen_by(const std::shared_ptr<const Pin>& pin, bool descending) {
  Model found;
  Span span;
  span.descending = descending;
  Scan scan(pin, span);
  std::string last;
  while (const auto entry = scan.next()) {
    const std::string key(entry->key.text());
    require(found.empty() || (descending ? key < last : key > last), "a scan is in order");
    last = key;
    found[key] = {std::string(entry->value.text()), entry->version, entry->expires};
  }
  return found;
}

class Both {
 public:
  void apply(ByteView bytes) {
    Command command;
    const CommandCheck check = decode_command(bytes, command);
    const Status status = state_.apply(lsn_.next(), bytes);
    require(status.ok() == (check == CommandCheck::valid), "what decodes is applied");
    if (!status.ok()) return;
    std::string again;
    put_command_head(again, command.kind, command.time);
    for (const Operation& operation : command.operations) put_operation(again, operation);
    require(again == bytes.text(), "a command encodes back");
    lsn_ = lsn_.next();
    apply_to_model(command);
  }
  void look() {
    views_.emplace_back(std::make_shared<const Pin>(state_.table(), Timestamp::min()), model_);
    if (views_.size() > 3)
      views_.erase(views_.begin() + static_cast<std::ptrdiff_t>(lsn_.value % 3));
  }
  void compare() {
    look();
    for (const auto& [pin, expected] : views_) {
      require(seen_by(pin, false) == expected, "a view sees what was there");
      require(seen_by(pin, true) == expected, "in both directions");
    }
    views_.clear();
    require(state_.table()->stats().versions_kept == 0, "what nobody sees is not kept");
    reload(saved(state_));
  }

 private:
  void apply_to_model(const Command& command) {
    time_ = std::max(time_, command.time);
    std::erase_if(model_, [&](const auto& each) { return std::get<2>(each.second) <= time_; });
    Model next = model_;
    for (const Operation& operation : command.operations) {
      const std::string key(operation.key.text());
      if (operation.kind == OperationKind::erase) {
        next.erase(key);
      } else if (operation.kind != OperationKind::require) {
        next[key] = {std::string(operation.value.text()), lsn_, operation.expires};
      } else {
        const auto there = model_.find(key);
        const Lsn version = there == model_.end() ? Lsn() : std::get<1>(there->second);
        if (version != operation.version) {
          require(!state_.last_outcome().applied, "what is required must be so");
          require(state_.last_outcome().found == version, "the outcome says what was found");
          return;
        }
      }
    }
    require(state_.last_outcome().applied, "what is required is so");
    model_ = std::move(next);
    // Put with a time that has passed: never seen.
    std::erase_if(model_, [&](const auto& each) { return std::get<2>(each.second) <= time_; });
  }

  KvState state_;
  Model model_;
  Lsn lsn_;
  Timestamp time_{};
  std::vector<std::pair<std::shared_ptr<const Pin>, Model>> views_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  if (input.number<std::uint8_t>() == 0) {
    Both both;
    while (!input.empty()) {
      const auto length = input.number<std::uint8_t>();
      if ((length & 0x80) != 0) both.look();
      const auto command = input.bytes(length & 0x7f);
      both.apply(ByteView(command));
    }
    both.compare();
    return 0;
  }
  Bytes source;
  source.all = std::string(input.text());
  KvState state;
  if (state.load(source).ok()) reload(saved(state));
  return 0;
}
