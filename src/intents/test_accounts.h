// Accounts: a state that takes part in decisions: names with sums, none of which may become negative.
// A command is "name +5" or "name -5"; of the name "broken" it can be prepared and not applied.
// Threading: as StateMachine.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "forelog/log_participant.h"
#include "forelog/state_machine.h"
#include "forelog/try.h"
#include "intents/wire.h"

namespace forelog::testing {

class Accounts : public TransactionalState {
 public:
  Status apply(Lsn, ByteView command) override {
    const auto [name, sum] = parse(command);
    sums_[name] += sum;
    if (name == "broken") return {Code::unsupported, "a command of a newer program"};
    return {};
  }
  std::vector<std::string> keys_of(ByteView command) const override {
    return {parse(command).first};
  }
  Status check(ByteView command) const override {
    const auto [name, change] = parse(command);
    if (sum(name) + change >= 0) return {};
    return {Code::invalid_argument, name + " has no more than " + std::to_string(sum(name))};
  }

  Status save(Sink& out) const override { return save(sums_, out); }
  Status load(Source& in) override {
    sums_.clear();
    intents::FieldReader from(in);
    for (auto left = FORELOG_TRY(from.number<std::uint64_t>()); left > 0; --left) {
      const std::string name = FORELOG_TRY(from.text(100));
      sums_[name] = static_cast<std::int64_t>(FORELOG_TRY(from.number<std::uint64_t>()));
    }
    return from.end();
  }
  std::unique_ptr<Image> freeze() const override { return std::make_unique<Frozen>(sums_); }

  std::int64_t sum(const std::string& name) const {
    const auto found = sums_.find(name);
    return found == sums_.end() ? 0 : found->second;
  }
  const std::map<std::string, std::int64_t>& sums() const { return sums_; }

 private:
  using Sums = std::map<std::string, std::int64_t>;

  static Status save(const Sums& sums, Sink& out) {
    intents::FieldWriter to;
    to.number64(sums.size());
    for (const auto& [name, sum] : sums) {
      to.text(name);
      to.number64(static_cast<std::uint64_t>(sum));
    }
    return out.write(to.bytes());
  }
  class Frozen : public Image {
   public:
    explicit Frozen(Sums sums) : sums_(std::move(sums)) {}
    Status save(Sink& out) const override { return Accounts::save(sums_, out); }

   private:
    Sums sums_;
  };
  static std::pair<std::string, std::int64_t> parse(ByteView command) {
    std::istringstream text{std::string(command.text())};
    std::pair<std::string, std::int64_t> parsed;
    text >> parsed.first >> parsed.second;
    return parsed;
  }

  Sums sums_;
};

}  // namespace forelog::testing
