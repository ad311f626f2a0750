// Random work on a store, on a disk whose calls fail and whose power goes, compared with a model: a map
// for each command that was logged. What was acknowledged must be there after a crash; what was not may
// be, as far as it came, and nothing behind what is missing.
#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kv/test_store.h"

namespace forelog::kv {
namespace {

using namespace forelog::kv::testing;
using namespace std::chrono_literals;

struct ModelValue {
  std::string value;
  Lsn version;
  Timestamp expires = kNever;
  bool operator==(const ModelValue&) const = default;
  friend std::ostream& operator<<(std::ostream& out, const ModelValue& seen) {
    return out << seen.value.size() << " bytes of " << seen.value.substr(0, 1) << ", version "
               << seen.version.value << ", until " << seen.expires.time_since_epoch() / 1ms;
  }
};
// The store as of one LSN. What has expired is absent, as it is to whoever looks.
struct ModelState {
  std::map<std::string, ModelValue> values;
  Timestamp time{};

  void expire() {
    std::erase_if(values, [this](const auto& each) { return each.second.expires <= time; });
  }
  Lsn version(const std::string& key) const {
    const auto found = values.find(key);
    return found == values.end() ? Lsn() : found->second.version;
  }
};

// A write in words: what a batch is made of.
struct Step {
  OperationKind kind;
  std::string key, value;
  std::chrono::milliseconds time_to_live{0};
  Lsn version;
};

class World : public StoreDriver {
 public:
  World() {
    options.housekeeping = false;  // Else nobody knows which LSN a write gets.
    states_[Lsn()] = ModelState();
  }

  // One more thing happens.
  void act() {
    switch (*rc::gen::weightedElement<int>(
        {{40, 0}, {10, 1}, {8, 2}, {5, 3}, {5, 4}, {3, 5}, {3, 6}, {2, 7}, {2, 8}})) {
      case 0: return write();
      case 1: return look();
      case 2: return pass_time();
      case 3: return keep_view();
      case 4: return look_at_views();
      case 5: return checkpoint();
      case 6: return crash();
      case 7: return crash_in_the_middle();
      case 8: return scan_a_range();
    }
  }

  void open() {
    StoreDriver::open();
    RC_ASSERT(store.has_value());
    // Which of what was not acknowledged is there? A prefix of it.
    const Lsn applied = store->stats()->applied;
    RC_ASSERT(applied >= acknowledged_);
    RC_ASSERT(applied <= last());
    states_.erase(states_.upper_bound(applied), states_.end());
    acknowledged_ = applied;
    // A new process knows of the time what it reads itself, and what the commands that are there told.
    seen_clock_ = std::max(clock, now().time);
    compare(view());
  }
  void look() { compare(view()); }

 private:
  Lsn last() const { return states_.rbegin()->first; }
  const ModelState& now() const { return states_.rbegin()->second; }

  static std::string any_key() {
    // Few, so that they meet; of several lengths, so that one is a prefix of another.
    return *rc::gen::element<std::string>("", "a", "aa", "ab", "b", "b\xff", "c", "\xff",
                                          std::string(30, 'k'));
  }
  Step any_step() {
    const auto kind = *rc::gen::weightedElement<OperationKind>({{8, OperationKind::put},
                                                                {3, OperationKind::put_until},
                                                                {4, OperationKind::erase},
                                                                {3, OperationKind::require}});
    Step step{.kind = kind, .key = any_key(), .value = {}, .version = {}};
    step.value = std::string(*rc::gen::element<std::size_t>(0, 3, 100, 5000),
                             static_cast<char>('a' + last().value % 26));
    // Time passes in seconds, but for the microseconds by which each look at the clock moves it.
    step.time_to_live = std::chrono::seconds(*rc::gen::element(1, 5, 60)) + 500ms;
    // Mostly the right one.
    step.version = *rc::gen::weightedElement<bool>({{4, true}, {1, false}})
                       ? visible_now().version(step.key)
                       : Lsn(*rc::gen::inRange<std::uint64_t>(0, last().value + 2));
    return step;
  }

  ModelState visible_now() const {
    ModelState state = now();
    state.time = std::max(state.time, seen_clock_);
    state.expire();
    return state;
  }

  // What the store is to do with it, by the rules of kv.h.
  ModelState after(const std::vector<Step>& steps, Lsn lsn, KvOutcome& outcome) const {
    ModelState state = visible_now();
    outcome = KvOutcome();
    outcome.lsn = lsn;
    std::size_t index = 0;
    for (const Step& step : steps) {
      if (step.kind != OperationKind::require) continue;
      const Lsn found = state.version(step.key);
      if (found != step.version) {
        outcome.applied = false;
        outcome.unmet = index;
        outcome.found = found;
        return state;
      }
      ++index;
    }
    for (const Step& step : steps) {
      if (step.kind == OperationKind::erase) state.values.erase(step.key);
      if (step.kind == OperationKind::put) state.values[step.key] = {step.value, lsn, kNever};
      if (step.kind == OperationKind::put_until) {
        state.values[step.key] = {step.value, lsn, seen_clock_ + step.time_to_live};
      }
    }
    return state;
  }

  // So that a failure says what led to it.
  static void tell(Lsn lsn, const std::vector<Step>& steps, Durability level) {
    RC_LOG() << "LSN " << lsn.value << ", " << to_string(level) << ":";
    for (const Step& step : steps) {
      RC_LOG() << " " << static_cast<int>(step.kind) << " '" << step.key.substr(0, 3) << "' "
               << step.value.size() << " bytes, " << step.time_to_live.count() << " ms, version "
               << step.version.value << ";";
    }
    RC_LOG() << "\n";
  }

  void write() {
    std::vector<Step> steps;
    const int count = *rc::gen::weightedElement<int>({{6, 1}, {3, 2}, {2, 5}});
    for (int i = 0; i < count; ++i) steps.push_back(any_step());
    KvBatch batch;
    for (const Step& step : steps) {
      switch (step.kind) {
        case OperationKind::put: batch.put(step.key, step.value); break;
        case OperationKind::put_until: batch.put(step.key, step.value, step.time_to_live); break;
        case OperationKind::erase: batch.erase(step.key); break;
        case OperationKind::require: batch.require(step.key, step.version); break;
      }
    }
    const Lsn lsn = last().next();
    KvOutcome expected;
    states_[lsn] = after(steps, lsn, expected);
    const auto level =
        *rc::gen::element(Durability::buffered, Durability::written, Durability::synced);
    const auto outcome = store->write(batch, {.level = level});
    tell(lsn, steps, level);
    if (!outcome) {
      RC_LOG() << outcome.error().message() << "\n";
      RC_ASSERT(failing_);
      failed_ = true;
      return;
    }
    RC_ASSERT(outcome->lsn == lsn);
    RC_ASSERT(outcome->applied == expected.applied);
    RC_ASSERT(outcome->unmet == expected.unmet);
    RC_ASSERT(outcome->found == expected.found);
    if (level == Durability::synced) acknowledged_ = lsn;
    if (level >= Durability::written) written_ = lsn;
  }

  void compare(const KvView& seen) const {
    ModelState expected = visible_now();
    RC_ASSERT(seen.lsn() == last());
    compare(seen, expected);
  }
  static void compare(const KvView& seen, const ModelState& expected, const KvRange& range = {},
                      KvOrder order = KvOrder::ascending) {
    std::vector<std::pair<std::string, ModelValue>> found, wanted;
    auto cursor = seen.scan(range, order);
    RC_ASSERT(cursor.has_value());
    for (auto entry = cursor->next(); entry && *entry; entry = cursor->next()) {
      const KvEntry& each = **entry;
      found.emplace_back(each.key.text(), ModelValue{std::string(each.value.text()), each.version,
                                                     whole(each.expires.value_or(kNever))});
    }
    for (const auto& [key, value] : expected.values) {
      if (key < range.from || (range.to && key >= *range.to)) continue;
      wanted.emplace_back(key, value);
      wanted.back().second.expires = whole(value.expires);
      const auto one = seen.get(key);
      RC_ASSERT(one.has_value() && one->has_value());
      RC_ASSERT((*one)->value == value.value);
      RC_ASSERT((*one)->version == value.version);
    }
    if (order == KvOrder::descending) std::reverse(wanted.begin(), wanted.end());
    RC_ASSERT(found == wanted);
  }
  static Timestamp whole(Timestamp time) {
    return time == kNever ? time : std::chrono::floor<std::chrono::seconds>(time);
  }

  void pass_time() {
    // Also back: what has been seen to pass stays so.
    pass(std::chrono::seconds(*rc::gen::element(1, 3, 30, 120, -10)));
    (void)view();  // The store looks at the clock.
    seen_clock_ = std::max(seen_clock_, clock);
    RC_LOG() << "clock " << clock.time_since_epoch() / 1s << "\n";
  }

  void keep_view() {
    RC_LOG() << "view\n";
    views_.emplace_back(view(), visible_now());
    if (views_.size() > 6) {
      views_.erase(views_.begin() + *rc::gen::inRange<std::ptrdiff_t>(0, 6));
    }
  }
  void look_at_views() {
    for (const auto& [seen, expected] : views_) {
      compare(seen, expected, {}, KvOrder::ascending);
      compare(seen, expected, {}, KvOrder::descending);
    }
    if (*rc::gen::arbitrary<bool>()) {
      views_.clear();
      RC_ASSERT(store->stats()->versions_kept == 0u);
    }
  }

  void scan_a_range() {
    KvRange range{.from = any_key()};
    if (*rc::gen::arbitrary<bool>()) range.to = any_key();
    if (*rc::gen::arbitrary<bool>()) range = KvRange::prefix(any_key());
    compare(view(), visible_now(), range,
            *rc::gen::element(KvOrder::ascending, KvOrder::descending));
  }

  void checkpoint() {
    if (last() == Lsn()) return;  // There is nothing to make a snapshot of.
    const auto made = store->checkpoint();
    if (!made) {
      RC_LOG() << made.error().message() << "\n";
      RC_ASSERT(failing_);
      return;
    }
    RC_ASSERT(*made == last());
    acknowledged_ = last();
  }

  void crash() {
    const bool power = *rc::gen::arbitrary<bool>();
    RC_LOG() << (power ? "power cut" : "kill") << "\n";
    if (power) {
      std::uint64_t dice = *rc::gen::arbitrary<std::uint64_t>() | 1;
      disk.power_cut([dice](std::uint64_t n) mutable {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        return dice % n;
      });
    } else {
      acknowledged_ = std::max(acknowledged_, written_);
      disk.kill_process();
    }
    store.reset();
    calls.fail_nothing();
    failing_ = failed_ = false;
    written_ = Lsn();
    // Views of the store that is gone are read all the same.
    for (const auto& [seen, expected] : views_) compare(seen, expected);
    views_.clear();
    open();
  }

  // From some call on all of a kind fail, while work goes on as far as it can.
  void crash_in_the_middle() {
    const auto operation =
        *rc::gen::element(FileOperation::write, FileOperation::sync_data, FileOperation::rename,
                          FileOperation::open, FileOperation::sync_directory);
    calls.reset_counts();
    failing_ = true;
    calls.fail_from_nth(operation, *rc::gen::inRange<std::uint64_t>(1, 8),
                        Status(Code::io_error, "made to fail"));
    for (int i = 0; i < 8 && !failed_; ++i) {
      if (*rc::gen::weightedElement<bool>({{4, true}, {1, false}})) {
        write();
      } else {
        checkpoint();
      }
    }
    crash();
  }

  std::map<Lsn, ModelState> states_;  // As of each command that may be in the log.
  Lsn acknowledged_, written_;
  std::vector<std::pair<KvView, ModelState>> views_;
  Timestamp seen_clock_ = clock;  // The latest that the store has read, to the second.
  bool failing_ = false, failed_ = false;
};

RC_GTEST_PROP(KvModelTest, WhatIsSeenIsWhatTheModelSays, ()) {
  World world;
  world.open();
  const int actions = *rc::gen::inRange(1, 120);
  for (int i = 0; i < actions; ++i) world.act();
  world.look();
}

}  // namespace
}  // namespace forelog::kv
