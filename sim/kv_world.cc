// A key-value store: threads write to it in every way there is, at every level, with times to live on a
// clock that jumps; they read it, keep views of it, and make snapshots. What everybody was told and saw
// is compared with what a plain map says, command by command, when the log shows the commands.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/thread.h"
#include "forelog/kv.h"
#include "sim/kv_book.h"
#include "sim/stage.h"

namespace forelog::sim {
namespace {

using kv::OperationKind;
using std::chrono::microseconds;
using std::chrono::milliseconds;

const std::filesystem::path kDir = "/store";
// Few, so that they meet; one is a prefix of another.
constexpr std::array<const char*, 9> kKeys = {"", "a", "aa", "ab", "b", "b\xff", "c", "d", "\xff"};

class KvWorld final : public Stage {
 public:
  KvWorld(std::uint64_t seed, Tally& tally)
      : Stage("kv", seed, tally), book_([this](const std::string& what) { fail(what); }) {}

 private:
  // ── Opening ────────────────────────────────────────────────────────────────

  KvOptions options() {
    KvOptions options;
    options.housekeeping = chance(2);
    DurableOptions& durable = options.durable;
    durable.log = log_options();
    durable.snapshots.keep = 1 + roll(3);
    durable.checkpoints.automatic = chance(2);
    static constexpr std::uint64_t kBytes[] = {0, 2'000, 50'000};
    durable.checkpoints.log_bytes_max = kBytes[roll(std::size(kBytes))];
    // Why not: the commands are played again, from the first one on. Worlds of states trim.
    durable.checkpoints.trim = false;
    durable.recovery.threads = roll(4);
    return options;
  }

  bool open_and_check() override {
    auto opened = Kv::open(kDir, options());
    if (!opened) return done(opened.error(), "open");
    store_.emplace(*std::move(opened));
    const Lsn applied = store_->recovered().applied;
    book_.reopen(applied, power_cut_);
    power_cut_ = false;
    const auto log = read_log(applied);
    if (!log) return false;
    check((log->empty() ? Lsn() : log->back().first) == applied,
          "the store is of LSN " + std::to_string(applied.value) + ", and its log is not");
    book_.check(*log);
    look();
    return !crashed_;
  }

  // As far as the store came. Nullopt: the process ended meanwhile.
  std::optional<std::vector<std::pair<Lsn, std::string>>> read_log(Lsn through) {
    Options options;
    options.file_system = &disk_;
    options.recovery = RecoveryPolicy::read_only;
    std::vector<std::pair<Lsn, std::string>> log;
    const auto reader = Log::open(kDir / "log", options);
    if (crashed_) return std::nullopt;
    if (!reader) {
      done(reader.error(), "open the log to read");
      return std::nullopt;
    }
    Cursor cursor = reader->read();
    while (log.empty() ? through != Lsn() : log.back().first < through) {
      const auto entry = cursor.next();
      if (crashed_) return std::nullopt;
      if (!entry) {
        done(entry.error(), "read the log");
        return std::nullopt;
      }
      if (!*entry) break;
      log.emplace_back((*entry)->lsn, (*entry)->payload.text());
    }
    return log;
  }

  // ── A life ─────────────────────────────────────────────────────────────────

  void play() override {
    std::vector<base::Thread> readers, writers;
    start(readers, 1, [this] { keep_clock(); });
    start(readers, roll(3), [this] { read_views(); });
    start(readers, roll(2), [this] { read_values(); });
    start(writers, 1 + roll(4), [this] { write_some(roll(40)); });
    start(writers, roll(2), [this] { make_snapshots(); });
    start(writers, chance(5), [this] { fill_disk(); });
    for (base::Thread& writer : writers) writer.join();
    stop_.request_stop();
    for (base::Thread& reader : readers) reader.join();
    end_life();
  }

  void end_life() {
    if (!crashed_ && !failed_call_) {
      // Space has returned, nothing has failed.
      empty_disk();
      write_once(Durability::synced, std::nullopt);
      if (chance(2)) checkpoint();
    }
    if (!crashed_ && chance(2)) {
      done(store_->close(), "close");
    } else if (!crashed_ && chance(2)) {
      crash();
    }
  }

  void drop() override {
    store_.reset();
    // Views outlive their store.
    for (const auto& [view, contents] : kept_) {
      check(scan(view, KvOrder::descending) == contents,
            "a view changed with the end of its store");
    }
    kept_.clear();
  }

  // The clock of the disk goes as that of the threads does, and is set now and then.
  void keep_clock() {
    while (!life_ending()) {
      if (chance(20)) clock_offset_ += microseconds(roll(200'000)) - milliseconds(100);
      disk_.set_now(clock());
      base::sleep_for(microseconds(100 + roll(3000)));
    }
  }
  Timestamp clock() const {
    constexpr Timestamp kStart{std::chrono::hours(24 * 365 * 56)};
    return kStart + base::now().time_since_epoch() + clock_offset_;
  }

  // ── Those who write ────────────────────────────────────────────────────────

  void write_some(std::uint64_t count) {
    for (; count > 0 && !crashed_; --count) {
      static constexpr Durability kLevels[] = {Durability::synced, Durability::synced,
                                               Durability::written, Durability::buffered};
      std::optional<Deadline> deadline;
      if (chance(5)) deadline = base::now() + microseconds(roll(3000));
      write_once(kLevels[roll(std::size(kLevels))], deadline);
      if (chance(10)) base::sleep_for(milliseconds(roll(50)));
    }
  }

  std::string any_key() { return kKeys[roll(kKeys.size())]; }
  KvStep put_step() {
    KvStep step{.kind = OperationKind::put, .key = any_key()};
    if (chance(3)) {
      step.kind = OperationKind::put_until;
      if (chance(2)) {
        step.time_to_live = microseconds(1 + roll(40'000));
      } else {
        step.expires = clock() + microseconds(roll(40'000)) - milliseconds(5);
      }
    }
    static constexpr std::size_t kBytes[] = {0, 20, 30, 100, 500, 2000, 9000};
    step.value = book_.value(step, kBytes[roll(std::size(kBytes))]);
    return step;
  }
  KvStep require_step(std::string key) {
    KvStep step{.kind = OperationKind::require, .key = std::move(key)};
    if (chance(8)) {
      step.version = Lsn(roll(book_.applied().value + 20));
    } else if (const auto value = get(step.key)) {
      step.version = value->version;
    }
    return step;
  }
  KvSteps any_steps() {
    switch (roll(6)) {
      case 0:
      case 1: return {put_step()};
      case 2: return {{.kind = OperationKind::erase, .key = any_key()}};
      case 3: {
        KvStep put = put_step();
        KvStep require = require_step(put.key);
        return {std::move(require), std::move(put)};
      }
      case 4: {
        const std::string key = any_key();
        return {require_step(key), {.kind = OperationKind::erase, .key = key}};
      }
      default: return batch_steps();
    }
  }
  KvSteps batch_steps() {
    KvSteps steps;
    for (std::uint64_t left = roll(3); left > 0; --left) steps.push_back(require_step(any_key()));
    for (std::uint64_t left = roll(5); left > 0; --left) {
      if (chance(4)) {
        steps.push_back({.kind = OperationKind::erase, .key = any_key()});
      } else {
        steps.push_back(put_step());
      }
    }
    return steps;
  }

  void write_once(Durability level, std::optional<Deadline> deadline) {
    const KvSteps steps = any_steps();
    if (crashed_) return;
    const std::string write = book_.begin(steps);
    const auto outcome = ask(steps, {.level = level, .deadline = deadline});
    if (!outcome) return refused(outcome.error(), write, deadline.has_value());
    ++tally_.appends;
    ++tally_.acknowledged;
    book_.end(write, *outcome, level);
  }

  static Result<KvOutcome> whole(const Result<Lsn>& lsn) {
    if (!lsn) return lsn.error();
    KvOutcome outcome;
    outcome.lsn = *lsn;
    return outcome;
  }
  // By the call that is made for it, where there is one.
  Result<KvOutcome> ask(const KvSteps& steps, const KvWriteOptions& how) {
    const KvStep first = steps.empty() ? KvStep() : steps.front();
    const KvStep last = steps.empty() ? KvStep() : steps.back();
    if (steps.size() == 1 && last.kind == OperationKind::put) {
      return whole(store_->put(last.key, last.value, how));
    }
    if (steps.size() == 1 && last.kind == OperationKind::erase) {
      return whole(store_->erase(last.key, how));
    }
    if (steps.size() == 1 && last.time_to_live.count() > 0) {
      return whole(store_->put(last.key, last.value, last.time_to_live, how));
    }
    if (steps.size() == 2 && first.kind == OperationKind::require && first.key == last.key) {
      if (last.kind == OperationKind::put) {
        return store_->compare_and_set(last.key, first.version, last.value, how);
      }
      if (last.kind == OperationKind::erase) {
        return store_->compare_and_erase(last.key, first.version, how);
      }
    }
    return store_->write(batch_of(steps), how);
  }
  static KvBatch batch_of(const KvSteps& steps) {
    KvBatch batch;
    for (const KvStep& step : steps) {
      switch (step.kind) {
        case OperationKind::put: batch.put(step.key, step.value); break;
        case OperationKind::put_until:
          if (step.time_to_live.count() > 0) {
            batch.put(step.key, step.value, step.time_to_live);
          } else {
            batch.put_until(step.key, step.value, step.expires);
          }
          break;
        case OperationKind::erase: batch.erase(step.key); break;
        case OperationKind::require: batch.require(step.key, step.version); break;
      }
    }
    return batch;
  }

  void refused(const Status& status, const std::string& write, bool may_time_out) {
    if (status.code() == Code::timed_out && may_time_out) return;
    if (status.code() != Code::busy) done(status, "write");
    if (status.code() != Code::outcome_unknown) book_.refuse(write);
  }

  void make_snapshots() {
    for (std::uint64_t left = roll(5); left > 0 && !crashed_; --left) {
      base::sleep_for(milliseconds(roll(20)));
      if (!crashed_) checkpoint();
    }
  }
  void checkpoint() {
    const auto before = store_->view();
    check(before.has_value(), "a view");
    const auto made = store_->checkpoint();
    if (!made) {
      if (before->lsn() != Lsn()) done(made.error(), "checkpoint");
      return;
    }
    ++tally_.checkpoints;
    check(*made >= before->lsn(), "a snapshot is older than what was seen before it");
    book_.acknowledge(*made);
  }

  // ── Those who read ─────────────────────────────────────────────────────────

  std::optional<KvValue> get(const std::string& key) {
    auto value = store_->get(key);
    check(value.has_value(), "get");
    if (*value) {
      book_.see(key, {(*value)->value, (*value)->version, (*value)->expires.value_or(kv::kNever)});
    }
    return *std::move(value);
  }

  KvContents scan(const KvView& view, KvOrder order) {
    KvContents contents;
    auto cursor = view.scan({}, order);
    check(cursor.has_value(), "a cursor");
    std::optional<std::string> before;
    while (true) {
      const auto entry = cursor->next();
      check(entry.has_value(), "a scan");
      if (!*entry) return contents;
      const KvEntry& each = **entry;
      std::string key(each.key.text());
      check(!before || (order == KvOrder::ascending ? *before < key : key < *before),
            "a scan is out of order");
      before = key;
      contents[std::move(key)] = {std::string(each.value.text()), each.version,
                                  each.expires.value_or(kv::kNever)};
    }
  }

  // A view, now, and what it sees.
  std::pair<KvView, KvContents> look() {
    auto view = store_->view();
    check(view.has_value(), "a view");
    KvContents contents = scan(*view, KvOrder::ascending);
    book_.see(view->lsn(), view->time(), contents);
    return {*std::move(view), std::move(contents)};
  }

  // Each is the same however long it is looked at; one that is made later is of no earlier moment.
  void read_views() {
    Lsn newest;
    Timestamp latest{};
    while (!life_ending()) {
      auto [view, contents] = look();
      check(view.lsn() >= newest && view.time() >= latest, "a view is older than one before it");
      newest = view.lsn();
      latest = view.time();
      base::sleep_for(microseconds(roll(4000)));
      check(scan(view, chance(2) ? KvOrder::descending : KvOrder::ascending) == contents,
            "a view changed");
      const std::string key = any_key();
      const auto value = view.get(key);
      check(value.has_value() && value->has_value() == contents.contains(key) &&
                (!*value || (*value)->value == contents[key].value),
            "a view gives another value than its scan");
      if (chance(4)) kept_.emplace_back(std::move(view), std::move(contents));
    }
  }

  // What one reader has seen of a key does not go back.
  void read_values() {
    std::map<std::string, Lsn> newest;
    while (!life_ending()) {
      const std::string key = any_key();
      if (const auto value = get(key)) {
        check(value->version >= newest[key], "a key has an earlier version than before");
        newest[key] = value->version;
      }
      base::sleep_for(microseconds(roll(2000)));
    }
  }

  // ── The end ────────────────────────────────────────────────────────────────

  void end_well() override {
    last_life();
    check(open_and_check(), "the last open");
    for (int i = 0; i < 10; ++i) write_once(Durability::synced, std::nullopt);
    if (chance(2)) checkpoint();
    look();
    check(done(store_->close(), "the last close"), "the last close");
    const auto stats = store_->stats();
    check(stats.has_value() && stats->views == 0 && stats->versions_kept == 0,
          "values are kept for views that are gone");
    drop();
    check(open_and_check(), "the very last open");
    drop();
  }

  KvBook book_;
  std::chrono::nanoseconds clock_offset_{0};
  std::vector<std::pair<KvView, KvContents>> kept_;
  std::optional<Kv> store_;
};

}  // namespace

void run_kv_world(std::uint64_t seed, Tally& tally) { KvWorld(seed, tally).run(); }

}  // namespace forelog::sim
