// A state: threads update it at every level and with deadlines, read it, and make snapshots of it,
// beside those that it makes by itself. Between two lives a snapshot is damaged now and then. What it
// holds is compared, record by record, with what its log and the model say.
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/thread.h"
#include "forelog/durable.h"
#include "sim/model.h"
#include "sim/notebook.h"
#include "sim/stage.h"

namespace forelog::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

const std::filesystem::path kDir = "/state";
const std::filesystem::path kSnapshotDir = kDir / "snapshots";

std::string text(Lsn lsn) { return std::to_string(lsn.value); }

class StateWorld final : public Stage {
 public:
  StateWorld(std::uint64_t seed, Tally& tally)
      : Stage("state", seed, tally), model_([this](const std::string& what) { fail(what); }) {
    nature_.freezes = chance(2);
    nature_.independent = chance(2);
    nature_.ballast_bytes = chance(4) ? roll(600'000) : 0;
    nature_.pauses = [this] { return chance(8); };
    nature_.fail = [this](const std::string& what) { fail(what); };
    nature_.applying = [this](const Notebook& book, Lsn lsn, std::string_view command) {
      before_apply(book, lsn, command);
    };
    keep_ = 1 + roll(3);
  }

 private:
  // ── Opening ────────────────────────────────────────────────────────────────

  DurableOptions options() {
    DurableOptions options;
    options.log = log_options();
    options.snapshots.kind = "notebook";
    options.snapshots.keep = keep_;
    options.snapshots.reserve = chance(2);
    if (chance(8)) options.snapshots.bytes_per_second_max = 1 * MiB;
    CheckpointPolicy& policy = options.checkpoints;
    policy.automatic = chance(2);
    static constexpr int kReopen[] = {0, 1, 5000};
    policy.reopen_within = milliseconds(kReopen[roll(std::size(kReopen))]);
    static constexpr std::uint64_t kBytes[] = {0, 2'000, 50'000};
    policy.log_bytes_max = kBytes[roll(std::size(kBytes))];
    if (chance(3)) policy.interval = milliseconds(1 + roll(100));
    policy.trim = !chance(4);
    options.recovery.threads = roll(4);
    return options;
  }

  Result<Durable<Notebook>> open() {
    live_ = nullptr;
    const auto files = snapshot_files();
    newest_is_damaged_ = !files.empty() && is_damaged(files.back());
    return Durable<Notebook>::open(kDir, options(),
                                   [this] { return std::make_unique<Notebook>(nature_); });
  }

  bool open_and_check() override {
    auto opened = open();
    if (!opened && last_good_) {
      // There was nothing to go back to.
      check(opened.error().code() == Code::corrupt || excused(),
            "without a good snapshot: " + std::string(opened.error().message()));
      mend(*last_good_);
      if (excused()) return false;
      opened = open();
    }
    if (!opened) return done(opened.error(), "open");
    last_good_.reset();  // From here on what was damaged is removed, and does not come back.
    bank_.emplace(*std::move(opened));
    live_ = &bank_->state();
    return check_recovered();
  }

  bool check_recovered() {
    const Recovered& how = bank_->recovered();
    check_told(how);
    check(how.snapshot >= promised_snapshot_ || !how.damaged.empty(),
          "there was a snapshot of LSN " + text(promised_snapshot_) + ", and state came from LSN " +
              text(how.snapshot));
    check(how.applied.value == how.snapshot.value + how.records, "records were left out");
    std::vector<std::pair<Lsn, std::string>> records;
    for (const auto& [lsn, command] : live_->records()) records.emplace_back(lsn, command);
    Cursor cursor = bank_->log().read();
    Lsn next;
    while (true) {
      const auto entry = cursor.next();
      if (!entry && entry.error().code() == Code::trimmed) {
        // By a snapshot that was made meanwhile.
        cursor = bank_->log().read();
        next = Lsn();
        continue;
      }
      if (!entry) return done(entry.error(), "read the log");
      if (!*entry) break;
      const auto found = live_->records().find((*entry)->lsn);
      check(found != live_->records().end() && found->second == (*entry)->payload.text(),
            "LSN " + text((*entry)->lsn) + " is not in the state as it is in the log");
      next = (*entry)->lsn.next();
    }
    if (crashed_) return false;
    if (next == Lsn()) next = bank_->log().first_lsn();
    check(how.applied.next() == next,
          "the log ends before LSN " + text(next) + ", the state is of LSN " + text(how.applied));
    model_.recover(records, Lsn(1), how.applied, power_cut_);
    power_cut_ = false;
    return true;
  }

  // ── Damage ─────────────────────────────────────────────────────────────────

  // Of snapshots, in order of LSN.
  std::vector<std::filesystem::path> snapshot_files() const {
    std::vector<std::filesystem::path> files;
    for (const std::filesystem::path& path : disk_.list_files()) {
      if (path.extension() == ".snapshot") files.push_back(path);
    }
    return files;
  }

  void before_life() override {
    if (chance(4)) damage_a_snapshot();
  }

  // The newest, mostly.
  void damage_a_snapshot() {
    const auto files = snapshot_files();
    if (files.empty()) return;
    const auto& path = files[chance(4) ? roll(files.size()) : files.size() - 1];
    const std::string name = path.filename();
    if (is_damaged(path)) return;
    auto bytes = disk_.read_file(path);
    check(bytes.has_value() && !bytes->empty(), "the bytes of a snapshot");
    const bool others = std::any_of(files.begin(), files.end(), [&](const auto& other) {
      return other != path && !is_damaged(other);
    });
    if (!others) last_good_ = {path, *bytes};
    bytes->at(roll(bytes->size())) ^= static_cast<std::byte>(1 + roll(255));
    put({path, *bytes});
    damaged_[name] = *std::move(bytes);
  }

  // A newer one may have taken its place.
  bool is_damaged(const std::filesystem::path& path) const {
    const auto damaged = damaged_.find(path.filename());
    const auto bytes = disk_.read_file(path);
    return damaged != damaged_.end() && bytes.has_value() && *bytes == damaged->second;
  }

  struct Content {
    std::filesystem::path path;
    std::vector<std::byte> bytes;
  };
  void put(const Content& content) {
    check(disk_.write_file(content.path, ByteView(std::span(content.bytes))).ok(),
          "write " + content.path.string());
  }
  void mend(const Content& good) {
    put(good);
    damaged_.erase(good.path.filename());
    last_good_.reset();
  }

  // Nothing but what was damaged, and the newest if that was.
  void check_told(const Recovered& how) {
    for (const Damage& told : how.damaged) {
      check(damaged_.contains(told.file), "honest damage to a snapshot: " + told.to_string());
    }
    if (!newest_is_damaged_) return;
    ++tally_.damages;
    check(!how.damaged.empty(), "a damaged snapshot was not told of");
  }

  // ── A life ─────────────────────────────────────────────────────────────────

  void play() override {
    std::vector<base::Thread> readers, writers;
    start(readers, roll(3), [this] { read_state(); });
    start(readers, roll(2), [this] { watch(); });
    start(writers, 1 + roll(4), [this] { update_some(roll(40)); });
    start(writers, roll(2), [this] { make_snapshots(); });
    start(writers, chance(5), [this] { fill_disk(); });
    for (base::Thread& writer : writers) writer.join();
    stop_.request_stop();
    for (base::Thread& reader : readers) reader.join();
    end_life();
  }
  void drop() override {
    live_ = nullptr;
    bank_.reset();
  }

  void end_life() {
    if (!crashed_ && !failed_call_) go_on_by_itself();
    if (!crashed_ && chance(2)) {
      if (done(bank_->close(), "close") && !crashed_) check_all_applied();
    } else if (!crashed_ && chance(2)) {
      crash();
    }
  }

  // Space has returned, nothing has failed.
  void go_on_by_itself() {
    empty_disk();
    if (chance(2)) {
      // Those whose callers have left are waited for by nobody. Some threads wake late.
      for (int i = 0; i < 50 && !crashed_ && bank_->applied() < appended(); ++i) {
        base::sleep_for(milliseconds(100));
        scheduler_.sleep_steps(400);
      }
      if (!crashed_) check_all_applied();
    }
    update_once(100, Durability::synced, std::nullopt);
    if (chance(2)) checkpoint();
  }
  Lsn appended() const { return bank_->log().watermarks().appended; }
  void check_all_applied() {
    check(bank_->applied() == appended(), "LSN " + text(appended()) + " is in the log, and only " +
                                              text(bank_->applied()) + " is applied");
  }

  // ── What threads do ────────────────────────────────────────────────────────

  void update_some(std::uint64_t count) {
    for (; count > 0 && !crashed_; --count) {
      static constexpr std::size_t kBytes[] = {20, 30, 100, 500, 2000, 9000};
      static constexpr Durability kLevels[] = {Durability::synced, Durability::synced,
                                               Durability::written, Durability::buffered};
      std::optional<Deadline> deadline;
      if (chance(5)) deadline = base::now() + microseconds(roll(3000));
      update_once(kBytes[roll(std::size(kBytes))], kLevels[roll(std::size(kLevels))], deadline);
      if (chance(10)) base::sleep_for(milliseconds(roll(50)));
    }
  }

  void update_once(std::size_t bytes, Durability level, std::optional<Deadline> deadline) {
    const Model::Payload command = model_.begin_append(1, bytes).front();
    levels_[command.id] = level;
    Lsn seen;
    const auto lsn = chance(2) ? bank_->update(command.bytes, level, deadline)
                               : bank_->update_then(
                                     command.bytes,
                                     [&](const Notebook& now) {
                                       now.check_quiet();
                                       seen = now.last();
                                       check(now.records().at(seen) == command.bytes,
                                             "update_then sees another command than its own");
                                     },
                                     level, deadline);
    if (!lsn) {
      check(seen == Lsn(), "an update that failed has called its `then`");
      return refused(lsn.error(), command.id, deadline.has_value());
    }
    ++tally_.appends;
    ++tally_.acknowledged;
    model_.end_append(command.id, 1, *lsn);
    acknowledge(*lsn, level);
    check(seen == Lsn() || seen == *lsn, "update_then was called at another LSN");
    check(bank_->applied() >= *lsn, "LSN " + text(*lsn) + " was told of before it was applied");
  }

  void refused(const Status& status, std::uint64_t id, bool may_time_out) {
    const Code code = status.code();
    if (code == Code::timed_out && may_time_out) return;
    if (poisoned_) return;
    if (code == Code::busy) {
      model_.refuse_append(id, 1);
      return;
    }
    done(status, "update");
    if (code != Code::outcome_unknown) model_.refuse_append(id, 1);
  }

  void acknowledge(Lsn lsn, Durability level) {
    if (level == Durability::synced) model_.acknowledge(lsn);
    if (level == Durability::written) model_.acknowledge_written(lsn);
  }

  // What is applied is seen, and so must have the level that it was given; a second state is made of
  // what is synced.
  void before_apply(const Notebook& book, Lsn lsn, std::string_view command) {
    if (!bank_ || live_ == nullptr) return;
    const std::uint64_t id = model_.id_of(lsn, command);
    const Durability level = &book == live_ ? levels_.at(id) : Durability::synced;
    check(bank_->log().watermarks().at(level) >= lsn,
          "LSN " + text(lsn) + " is applied before it is durable");
    acknowledge(lsn, level);
  }

  void read_state() {
    Lsn before;
    while (!life_ending()) {
      const Lsn applied = bank_->applied();
      before = bank_->read([&](const Notebook& now) {
        now.check_quiet();
        const Lsn last = now.last();
        check(last >= applied && last >= before, "the state went back");
        check(now.records().size() == last.value, "there is a hole in the state");
        for (auto at = now.records().upper_bound(before); at != now.records().end(); ++at) {
          model_.check_record(at->first, at->second);
        }
        if (chance(4)) base::yield();
        check(now.last() == last, "the state changed under a reader");
        now.check_quiet();
        return last;
      });
      base::sleep_for(microseconds(roll(2000)));
    }
  }

  void make_snapshots() {
    for (std::uint64_t left = roll(5); left > 0 && !crashed_; --left) {
      base::sleep_for(milliseconds(roll(20)));
      if (!crashed_) checkpoint();
    }
  }

  void checkpoint() {
    const Lsn before = bank_->applied();
    const auto made = bank_->checkpoint();
    if (!made) {
      if (before != Lsn()) done(made.error(), "checkpoint");
      return;
    }
    ++tally_.checkpoints;
    check(*made >= before,
          "a snapshot of LSN " + text(*made) + " was made behind LSN " + text(before));
    promised_snapshot_ = std::max(promised_snapshot_, *made);
    model_.acknowledge(*made);
  }

  void watch() {
    while (!life_ending()) {
      const DurableStats stats = bank_->stats();
      check(stats.applied <= appended(), "more is applied than appended");
      if (stats.applied > stats.snapshot) {
        check(stats.commands_behind == stats.applied.value - stats.snapshot.value,
              "the statistics do not add up");
      }
      check_log_reaches_back();
      base::sleep_for(microseconds(roll(2000)));
    }
  }

  // In this order: both only move on, and the snapshots first.
  void check_log_reaches_back() {
    const Lsn first = bank_->log().first_lsn();
    const auto kept = bank_->snapshots().list();
    if (!kept) return void(done(kept.error(), "list the snapshots"));
    if (crashed_) return;
    check(first == Lsn(1) || !kept->empty(), "the log was dropped, and there is no snapshot");
    if (kept->empty()) return;
    check(first <= kept->back().lsn.next(), "the log begins at LSN " + text(first) +
                                                ", and there is a snapshot of LSN " +
                                                text(kept->back().lsn));
  }

  // ── The end ────────────────────────────────────────────────────────────────

  void end_well() override {
    last_life();
    check(open_and_check(), "the last open");
    for (int i = 0; i < 10; ++i) update_once(500, Durability::synced, std::nullopt);
    checkpoint();
    const auto kept = bank_->snapshots().list();
    check(kept.has_value() && kept->front().lsn == promised_snapshot_, "the newest snapshot");
    check(kept->size() <= keep_ + damaged_.size(), "more snapshots are kept than were asked for");
    check_log_reaches_back();
    if (chance(2)) {
      check(done(bank_->close(), "the last close"), "the last close");
      drop();
      check(open_and_check(), "the very last open");
    }
    if (chance(2)) poison();
    drop();
  }

  // A command that no program understands: nothing behind it is applied, ever.
  void poison() {
    poisoned_ = true;
    std::vector<base::Thread> writers;
    start(writers, roll(4), [this] { update_some(roll(20)); });
    Lsn bad;
    {
      const auto lsn = bank_->update(Notebook::kBad);
      check(!lsn && lsn.error().code() == Code::unsupported, "a command that cannot be understood");
      bad = bank_->applied().next();
      check(lsn.error().message().find("LSN " + text(bad)) != std::string::npos,
            "which it is: " + std::string(lsn.error().message()));
    }
    for (base::Thread& writer : writers) writer.join();
    check(bank_->applied().next() == bad, "more was applied behind what cannot be");
    check(!bank_->health().ok() && !bank_->update("1."), "updates go on behind it");
    check(live_->last().next() == bad, "the state is not what it was before it");
    drop();
    const auto opened = open();
    check(!opened && opened.error().code() == Code::unsupported &&
              opened.error().message().find("LSN " + text(bad)) != std::string::npos,
          "reopened behind what cannot be applied");
  }

  Notebook::Nature nature_;
  Model model_;
  std::map<std::uint64_t, Durability> levels_;  // That each command was given.
  std::size_t keep_ = 2;
  Lsn promised_snapshot_;                                  // The newest that somebody was told of.
  std::map<std::string, std::vector<std::byte>> damaged_;  // Files, and what is in them.
  std::optional<Content> last_good_;  // The only good one, before it was damaged.
  bool newest_is_damaged_ = false;    // At this open.
  bool poisoned_ = false;
  std::optional<Durable<Notebook>> bank_;
  const Notebook* live_ = nullptr;  // The state of bank_.
};

}  // namespace

void run_state_world(std::uint64_t seed, Tally& tally) { StateWorld(seed, tally).run(); }

}  // namespace forelog::sim
