#include "sim/kv_book.h"

#include <algorithm>

namespace forelog::sim {

using kv::OperationKind;

namespace {

std::string text(Lsn lsn) { return std::to_string(lsn.value); }
std::string text(Timestamp time) { return std::to_string(time.time_since_epoch().count()); }

// How a value begins whose expiry is counted from the time of its command.
constexpr char kFromNow = 't';

std::string words(OperationKind kind, std::string_view key, std::string_view value, Lsn version,
                  std::string_view time) {
  std::string words(1, static_cast<char>('0' + static_cast<int>(kind)));
  return words.append(key).append("=").append(value).append("@").append(text(version)).append(time);
}

std::string name_of(const KvSteps& steps) {
  std::string name;
  for (const KvStep& step : steps) {
    std::string time;
    if (step.kind == OperationKind::put_until) {
      time = step.time_to_live.count() > 0 ? std::to_string(step.time_to_live.count())
                                           : text(step.expires);
    }
    name += words(step.kind, step.key, step.value, step.version, time) + "\n";
  }
  return name;
}

std::string name_of(const kv::Command& command) {
  std::string name;
  for (const kv::Operation& operation : command.operations) {
    std::string time;
    if (operation.kind == OperationKind::put_until) {
      const bool from_now = operation.value.text().front() == kFromNow;
      time = from_now ? std::to_string((operation.expires - command.time).count())
                      : text(operation.expires);
    }
    name += words(operation.kind, operation.key.text(), operation.value.text(), operation.version,
                  time) +
            "\n";
  }
  return name;
}

bool puts(OperationKind kind) {
  return kind == OperationKind::put || kind == OperationKind::put_until;
}

std::string describe(const KvContents& contents) {
  std::string told;
  for (const auto& [key, content] : contents) {
    told += " " + key + "=" + content.value.substr(0, 8) + "@" + text(content.version);
  }
  return told;
}

}  // namespace

void KvBook::check(bool promise, const std::string& what) const {
  if (!promise) fail_(what);
}

std::string KvBook::value(const KvStep& of, std::size_t bytes) {
  std::string value(1, of.time_to_live.count() > 0 ? kFromNow : 'v');
  value += std::to_string(next_value_++) + ".";
  if (value.size() < bytes) value.resize(bytes, 'x');
  return value;
}

// ── What was asked, told and seen ────────────────────────────────────────────

std::string KvBook::begin(const KvSteps& steps) {
  std::string name = name_of(steps);
  const bool alike =
      std::none_of(steps.begin(), steps.end(), [](const KvStep& step) { return puts(step.kind); });
  if (alike) {
    others_.insert(name);
  } else {
    writes_.try_emplace(name);
  }
  return name;
}

void KvBook::refuse(const std::string& write) {
  const auto found = writes_.find(write);
  if (found != writes_.end()) found->second.gone = true;
}

void KvBook::end(const std::string& write, const KvOutcome& outcome, Durability level) {
  const bool fresh = told_.try_emplace(outcome.lsn, Told{write, outcome}).second;
  check(fresh, "LSN " + text(outcome.lsn) + " was given to two writes");
  if (const auto found = writes_.find(write); found != writes_.end()) {
    found->second.lsn = outcome.lsn;
  }
  if (level == Durability::synced) acknowledge(outcome.lsn);
  if (level >= Durability::written) written_ = std::max(written_, outcome.lsn);
}

void KvBook::see(Lsn at, Timestamp time, const KvContents& contents) {
  if (at == applied_) return check_view(at, {time, contents});
  check(at > applied_, "a view of LSN " + text(at) + " lacks what was recovered");
  views_.emplace(at, View{time, contents});
}

void KvBook::see(const std::string& key, const KvContent& content) {
  seen_[content.version].emplace_back(key, content);
}

// ── What the log holds ───────────────────────────────────────────────────────

void KvBook::reopen(Lsn applied, bool power_cut) {
  const Lsn must = power_cut ? acknowledged_ : std::max(acknowledged_, written_);
  check(applied >= must, "acknowledged up to " + text(must) + ", recovered up to " + text(applied));
  acknowledged_ = written_ = applied;
  // Their LSNs are given out anew, from now on.
  told_.erase(told_.upper_bound(applied), told_.end());
  views_.erase(views_.upper_bound(applied), views_.end());
  seen_.erase(seen_.upper_bound(applied), seen_.end());
  for (auto& [name, write] : writes_) {
    if (write.lsn > applied) write.gone = true;
  }
}

void KvBook::check(const std::vector<std::pair<Lsn, std::string>>& log) {
  contents_.clear();
  time_ = {};
  applied_ = Lsn();
  std::set<std::string> there;
  kv::Command command;
  for (const auto& [lsn, bytes] : log) {
    check(lsn == applied_.next(), "LSN " + text(applied_.next()) + " is not in the log");
    check(kv::decode_command(bytes, command) == kv::CommandCheck::valid,
          "LSN " + text(lsn) + " is no command");
    if (command.kind == kv::CommandKind::write) check_write(lsn, command, there);
    applied_ = lsn;
    check_told(lsn, apply(lsn, command));
    check_seen(lsn);
    for (auto [at, end] = views_.equal_range(lsn); at != end; ++at) check_view(lsn, at->second);
  }
  views_.clear();
  for (auto& [name, write] : writes_) {
    if (!there.contains(name)) write.gone = true;
  }
}

void KvBook::check_write(Lsn lsn, const kv::Command& command, std::set<std::string>& there) {
  const std::string name = name_of(command);
  const auto found = writes_.find(name);
  if (found == writes_.end()) {
    return check(others_.contains(name), "LSN " + text(lsn) + " holds what nobody wrote: " + name);
  }
  Write& write = found->second;
  check(!write.gone, "LSN " + text(lsn) + " holds a write that was refused, or lost: " + name);
  check(write.lsn == Lsn() || write.lsn == lsn,
        "LSN " + text(lsn) + " holds the write of LSN " + text(write.lsn));
  check(there.insert(name).second, "LSN " + text(lsn) + " doubles an earlier write");
  write.lsn = lsn;
}

KvOutcome KvBook::apply(Lsn lsn, const kv::Command& command) {
  time_ = std::max(time_, command.time);
  std::erase_if(contents_, [&](const auto& each) { return each.second.expires <= time_; });
  KvOutcome outcome;
  outcome.lsn = lsn;
  for (const kv::Operation& operation : command.operations) {
    if (operation.kind != OperationKind::require) continue;
    const auto found = contents_.find(std::string(operation.key.text()));
    outcome.found = found == contents_.end() ? Lsn() : found->second.version;
    if (outcome.found != operation.version) {
      outcome.applied = false;
      return outcome;
    }
    ++outcome.unmet;
  }
  outcome.unmet = 0;
  outcome.found = Lsn();
  for (const kv::Operation& operation : command.operations) {
    std::string key(operation.key.text());
    if (operation.kind == OperationKind::erase) contents_.erase(key);
    if (!puts(operation.kind)) continue;
    contents_[std::move(key)] = {std::string(operation.value.text()), lsn, operation.expires};
  }
  return outcome;
}

void KvBook::check_told(Lsn lsn, const KvOutcome& outcome) const {
  const auto found = told_.find(lsn);
  if (found == told_.end()) return;
  const KvOutcome& told = found->second.outcome;
  const std::string which = "the write at LSN " + text(lsn) + " was told ";
  check(told.applied == outcome.applied, which + (told.applied ? "it was applied" : "it was not"));
  check(told.unmet == outcome.unmet && told.found == outcome.found,
        which + "of LSN " + text(told.found) + ", not of LSN " + text(outcome.found));
}

void KvBook::check_seen(Lsn lsn) const {
  const auto found = seen_.find(lsn);
  if (found == seen_.end()) return;
  for (const auto& [key, content] : found->second) {
    const auto here = contents_.find(key);
    check(here != contents_.end() && here->second == content,
          "a reader saw a value of " + key + " that LSN " + text(lsn) + " did not give it");
  }
}

void KvBook::check_view(Lsn lsn, const View& view) const {
  check(view.time >= time_, "a view of LSN " + text(lsn) + " is of an earlier time");
  KvContents expected = contents_;
  std::erase_if(expected, [&](const auto& each) { return each.second.expires <= view.time; });
  check(view.contents == expected, "a view of LSN " + text(lsn) + " has" + describe(view.contents) +
                                       ", and not" + describe(expected));
}

}  // namespace forelog::sim
