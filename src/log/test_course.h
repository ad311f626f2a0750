// Course: a fixed way through everything that a log does, for tests in which calls fail. It carries
// on as far as it can, notes what it was promised, and compares that with what is there afterwards.
//
// What may fail in between is up to who runs it: a disk whose nth call fails, or memory that runs
// out. Each call of the library is made inside Library, which a test may use to fail only those.
// Threading: run() and check() on one thread; the log's threads call back under a lock.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <vector>

#include "log/test_disk.h"

namespace forelog::testing {

class Course {
 public:
  // Around a call of the library.
  struct Library {
    Library() { enter(); }
    ~Library() { leave(); }
    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;
    static inline void (*enter)() = [] {};
    static inline void (*leave)() = [] {};
  };

  struct Setting {
    std::filesystem::path dir = kLogDir;
    Options options;
    // Where a tail can be torn; null: none is.
    MemoryFileSystem* memory = nullptr;
    // What fails is a call to the disk, as those who wait are told: a write or sync that failed
    // closes the log. Else memory, and then the log may also be as good as before.
    bool disk_fails = true;
  };
  explicit Course(Setting setting) : setting_(std::move(setting)) {}

  template <typename Call>
  static auto called(Call call) {
    const Library inside;
    return call();
  }

  void run() {
    if (!open()) return;
    commit_some(3, 100);
    commit_some(14, 5000);  // Into a second segment.
    batch();
    read();
    if (called([&] { return log_->hold("reader", Lsn(2)); }).ok()) {
      holders();
      if (called([&] { return log_->release("reader"); }).ok()) trim(Lsn(14));
    }
    commit_some(13, 5000);  // And a third.
    notified();
    tail();
    truncate(3);
    commit_some(2, 100);
    close();
    look();
    if (!open()) return;
    commit_some(2, 100);
    if (tear() && !open()) return;
    read();
    trim(log_->watermarks().appended.next());
    commit_some(1, 100);
    patient();
    close();
  }

  // Without faults, on what is there now, in `file_system`.
  void check(FileSystem& file_system) {
    log_.reset();
    Options options = setting_.options;
    options.file_system = &file_system;
    Result<Log> log = Log::open(setting_.dir, options);
    ASSERT_TRUE(log) << log.error().message();
    EXPECT_NE(log->recovery().verdict, Verdict::rot);
    const Reading reading = read_from(*log);
    EXPECT_TRUE(reading.end.ok()) << reading.end.message();
    for (const auto& [lsn, record] : acknowledged_) {
      if (lsn < trimmed_) continue;
      if (truncating_ && lsn > *truncating_) continue;
      const auto found = reading.records.find(lsn);
      ASSERT_NE(found, reading.records.end()) << "LSN " << lsn << " was acknowledged";
      EXPECT_EQ(found->second, record) << "LSN " << lsn;
    }
    std::uint64_t next = log->first_lsn().value;
    for (const auto& [lsn, record] : reading.records) {
      EXPECT_EQ(lsn, next++) << "a hole";
      const auto wanted = appended_.find(lsn);
      if (wanted == appended_.end()) {
        EXPECT_TRUE(truncating_ && lsn > *truncating_) << "LSN " << lsn << " was refused";
      } else {
        EXPECT_EQ(wanted->second.count(record), 1u) << "LSN " << lsn;
      }
    }
    const auto lsn = log->commit("and on");
    ASSERT_TRUE(lsn) << lsn.error().message();
    EXPECT_EQ(lsn->value, next);
    EXPECT_TRUE(log->close().ok());
  }

 private:
  static bool expected(Code code) { return code == Code::io_error || code == Code::no_space; }

  bool open() {
    log_.reset();
    Result<Log> log = called([&] { return Log::open(setting_.dir, setting_.options); });
    if (!log) {
      EXPECT_TRUE(expected(log.error().code())) << log.error().message();
      return false;
    }
    log_.emplace(*std::move(log));
    // What was unacknowledged may be there or not; from here on it is known, and synced.
    const std::uint64_t last = log_->watermarks().appended.value;
    appended_.erase(appended_.upper_bound(last), appended_.end());
    acknowledge(last);
    return true;
  }

  void acknowledge(std::uint64_t last) {
    const auto end = unacknowledged_.upper_bound(last);
    for (auto each = unacknowledged_.begin(); each != end; ++each) {
      acknowledged_[each->first] = each->second;
    }
    unacknowledged_.clear();
  }

  void appended(Lsn lsn, const std::string& record) {
    appended_[lsn.value].insert(record);
    unacknowledged_[lsn.value] = record;
  }

  bool append(const std::string& record) {
    const Watermarks before = log_->watermarks();
    const auto lsn = called([&] { return log_->append(record); });
    if (!lsn) {
      EXPECT_TRUE(expected(lsn.error().code())) << lsn.error().message();
      EXPECT_EQ(log_->watermarks().appended, before.appended);
      return false;
    }
    EXPECT_EQ(*lsn, before.appended.next());
    appended(*lsn, record);
    return true;
  }

  void waited(Lsn last, const Status& status) {
    if (status.ok()) {
      EXPECT_GE(log_->watermarks().synced, last);
      return acknowledge(last.value);
    }
    EXPECT_EQ(status.code(), Code::outcome_unknown) << status.message();
    if (!setting_.disk_fails) return;
    EXPECT_LT(log_->watermarks().synced, last);
    // Closed to writes, and no later call makes a success of it.
    EXPECT_FALSE(log_->health().ok());
    EXPECT_EQ(log_->append("x").error().code(), Code::io_error);
    EXPECT_EQ(log_->wait(last).code(), Code::outcome_unknown);
    EXPECT_EQ(log_->keep_from(Lsn(1)).code(), Code::io_error);
    EXPECT_EQ(log_->keep_through(Lsn(0)).code(), Code::io_error);
  }

  void wait() {
    const Lsn last = log_->watermarks().appended;
    if (last != Lsn()) waited(last, called([&] { return log_->wait(last); }));
  }

  void commit_some(int count, std::size_t bytes) {
    for (int i = 0; i < count; ++i) {
      append(record_of(++made_, bytes));
      wait();
    }
  }

  void batch() {
    Batch batch;
    std::vector<std::string> records;
    for (int i = 0; i < 3; ++i) batch.add(records.emplace_back(record_of(++made_, 50)));
    const auto range = called([&] { return log_->append(batch); });
    if (!range) {
      EXPECT_TRUE(expected(range.error().code()));
      return;
    }
    for (std::uint64_t i = 0; i < 3; ++i) appended(Lsn(range->first.value + i), records[i]);
    wait();
  }

  // By the log's own thread; what was appended later is asked for first, and more often.
  void notified() {
    const Lsn first = log_->watermarks().appended.next();
    for (int i = 0; i < 2; ++i) append(record_of(++made_, 700));
    const Lsn last = log_->watermarks().appended;
    if (last < first) return;
    struct Shared {
      std::mutex mutex;
      std::condition_variable changed;
    } shared;
    struct Told {
      Lsn lsn;
      int times = 0;
      Status status;
    };
    std::vector<Told> all = {{last, 0, {}},  {first, 0, {}}, {last, 0, {}},
                             {first, 0, {}}, {last, 0, {}},  {last, 0, {}}};
    for (Told& each : all) {
      called([&] {
        log_->notify(each.lsn, Durability::synced, [&shared, &each](const Status& status) {
          const std::lock_guard lock(shared.mutex);
          ++each.times;
          each.status = status;
          shared.changed.notify_all();
        });
      });
    }
    {
      std::unique_lock lock(shared.mutex);
      const bool in_time = shared.changed.wait_for(lock, std::chrono::seconds(60), [&] {
        return std::all_of(all.begin(), all.end(), [](const Told& each) { return each.times > 0; });
      });
      ASSERT_TRUE(in_time) << "a callback was lost";
    }
    for (const Told& each : all) {
      EXPECT_EQ(each.times, 1);
      waited(each.lsn, each.status);
    }
  }

  // With a deadline far away, so that another thread syncs.
  void patient() {
    append(record_of(++made_, 700));
    const Lsn last = log_->watermarks().appended;
    if (last == Lsn()) return;
    const Deadline deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    waited(last, called([&] { return log_->wait(last, Durability::synced, deadline); }));
  }

  void compare(const Entry& entry) {
    EXPECT_EQ(appended_[entry.lsn.value].count(std::string(entry.payload.text())), 1u)
        << "LSN " << entry.lsn.value;
  }

  // Reads on after an error, as a cursor may be asked to; up to `last`.
  void follow(Cursor cursor, std::uint64_t last) {
    std::uint64_t next = 0;
    int errors = 0;
    while (next <= last && errors < 2) {
      const auto entry = called([&] { return cursor.next(); });
      if (!entry) {
        EXPECT_TRUE(expected(entry.error().code())) << entry.error().message();
        ++errors;
        continue;
      }
      if (!*entry) return;
      if (next != 0) {
        EXPECT_EQ((*entry)->lsn.value, next) << "passed over";
      }
      next = (*entry)->lsn.value + 1;
      compare(**entry);
    }
  }

  void read() {
    follow(called([&] { return log_->read(); }), UINT64_MAX - 1);
    const auto found = called([&] { return log_->find(Timestamp()); });
    if (!found) {
      EXPECT_TRUE(expected(found.error().code()) || found.error().code() == Code::not_found);
    }
  }

  void tail() {
    const Lsn synced = log_->watermarks().synced;
    if (synced.value < log_->first_lsn().value) return;
    std::stop_source stop;
    ReadOptions options;
    options.stop = stop.get_token();
    follow(called([&] { return log_->tail(options); }), synced.value);
    stop.request_stop();
    follow(called([&] { return log_->tail(options); }), UINT64_MAX - 1);
  }

  void holders() {
    const auto holders = called([&] { return log_->holders(); });
    if (!holders) {
      EXPECT_TRUE(expected(holders.error().code())) << holders.error().message();
    } else {
      EXPECT_EQ(holders->size(), 1u);
    }
  }

  // Without a writer.
  void look() {
    InspectOptions options;
    options.file_system = setting_.options.file_system;
    const auto info = called([&] { return inspect(setting_.dir, options); });
    if (!info) {
      EXPECT_TRUE(expected(info.error().code())) << info.error().message();
    }
    const auto report = called([&] { return verify(setting_.dir, options); });
    if (!report) {
      EXPECT_TRUE(expected(report.error().code())) << report.error().message();
    } else {
      EXPECT_NE(report->recovery.verdict, Verdict::rot) << report->recovery.to_string();
    }
    Options reading = setting_.options;
    reading.recovery = RecoveryPolicy::read_only;
    const auto log = called([&] { return Log::open(setting_.dir, reading); });
    if (!log) {
      EXPECT_TRUE(expected(log.error().code())) << log.error().message();
      return;
    }
    follow(called([&] { return log->read(); }), UINT64_MAX - 1);
  }

  void trim(Lsn from) {
    const Status status = called([&] { return log_->keep_from(from); });
    if (!status.ok()) {
      EXPECT_TRUE(expected(status.code()) || status.code() == Code::invalid_argument ||
                  (!setting_.disk_fails && status.code() == Code::outcome_unknown))
          << status.message();
    }
    trimmed_ = std::max(trimmed_, from.value);
  }

  void truncate(std::uint64_t drop) {
    const Lsn last = log_->watermarks().appended;
    if (last.value <= log_->first_lsn().value + drop) return;
    const Lsn kept(last.value - drop);
    const Status status = called([&] { return log_->keep_through(kept); });
    const Lsn now = log_->watermarks().appended;
    if (!status.ok()) {
      EXPECT_TRUE(expected(status.code())) << status.message();
    }
    if (!status.ok() && !log_->health().ok()) {
      truncating_ = kept.value;  // The old log or the new one.
    } else if (now == kept) {
      EXPECT_EQ(log_->watermarks().synced, kept);
      acknowledge(kept.value);
      acknowledged_.erase(acknowledged_.upper_bound(kept.value), acknowledged_.end());
      appended_.erase(appended_.upper_bound(kept.value), appended_.end());
    } else {
      EXPECT_FALSE(status.ok());
      EXPECT_EQ(now, last);
    }
  }

  // The process dies, and the power goes while the last record is being written. False: not now.
  bool tear() {
    if (setting_.memory == nullptr || !append(record_of(++made_, 300))) return false;
    const Lsn last = log_->watermarks().appended;
    if (!called([&] { return log_->wait(last, Durability::written); }).ok()) return false;
    if (log_->watermarks().synced >= last) return false;
    log_.reset();
    setting_.memory->kill_process();
    DiskDamage damage(*setting_.memory);
    std::uint64_t number = 0;
    for (const std::string& name : damage.files(".segment")) {
      number = std::max(number, segment::parse_segment_name(name).value_or(0));
    }
    const auto frames = damage.frames(number);
    if (frames.empty() || frames.back().header.first_lsn != last) return true;
    damage.flip(DiskDamage::segment(number), frames.back().offset + format::kFrameHeaderBytes + 20);
    return true;
  }

  void close() {
    const Lsn last = log_->watermarks().appended;
    const Status status = called([&] { return log_->close(); });
    if (status.ok()) {
      EXPECT_EQ(log_->watermarks().synced, last);
      acknowledge(last.value);
    } else {
      EXPECT_TRUE(expected(status.code())) << status.message();
    }
    if (setting_.disk_fails) {
      EXPECT_EQ(log_->append("x").error().code(), Code::cancelled);
      EXPECT_EQ(log_->close().code(), Code::cancelled);
    }
    log_.reset();
  }

  const Setting setting_;
  std::optional<Log> log_;
  std::uint64_t made_ = 0;
  std::map<std::uint64_t, std::set<std::string>> appended_;
  std::map<std::uint64_t, std::string> unacknowledged_, acknowledged_;
  std::uint64_t trimmed_ = 0;
  std::optional<std::uint64_t> truncating_;
};

}  // namespace forelog::testing
