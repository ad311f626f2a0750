// A log: threads append, wait, read, tail, trim and turn the clock. At the end acknowledged data is
// damaged, and the log must say so.
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/thread.h"
#include "forelog/log.h"
#include "forelog/maintain.h"
#include "sim/model.h"
#include "sim/stage.h"

namespace forelog::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

const std::filesystem::path kDir = "/log";

class LogWorld final : public Stage {
 public:
  LogWorld(std::uint64_t seed, Tally& tally)
      : Stage("log", seed, tally), model_([this](const std::string& what) { fail(what); }) {}

 private:
  void play() override {
    std::vector<base::Thread> readers, writers;
    start(readers, roll(3), [this] { tail(); });
    start(readers, roll(2), [this] { read_elsewhere(); });
    if (chance(3)) keep_through();
    start(writers, 1 + roll(4), [this] { append_records(); });
    start(writers, roll(2), [this] { trim(); });
    start(writers, roll(2), [this] { watch(); });
    start(writers, chance(5), [this] { fill_disk(); });
    for (base::Thread& writer : writers) writer.join();
    stop_.request_stop();
    for (base::Thread& reader : readers) reader.join();
    end_life();
  }
  void drop() override { log_.reset(); }

  bool open_and_check() override {
    truncations_ = 0;
    const Options options = log_options();
    report_when_full_ = options.when_buffer_full == WhenFull::report;
    auto opened = Log::open(kDir, options);
    if (!opened) return done(opened.error(), "open");
    log_.emplace(*std::move(opened));
    const RecoveryReport& report = log_->recovery();
    check(report.verdict != Verdict::rot, "honest damage was called rot: " + report.to_string());
    check(!closed_ || report.verdict == Verdict::clean,
          "a closed log has a torn tail: " + report.to_string());
    if (report.verdict == Verdict::torn_tail) ++tally_.torn_tails;
    std::vector<std::pair<Lsn, std::string>> records;
    Cursor cursor = log_->read();
    while (true) {
      const auto entry = cursor.next();
      if (!entry) return done(entry.error(), "read");
      if (!*entry) break;
      records.emplace_back((*entry)->lsn, (*entry)->payload.text());
    }
    if (crashed_) return false;
    model_.recover(records, log_->first_lsn(), log_->watermarks().synced, power_cut_);
    power_cut_ = closed_ = false;
    return true;
  }

  void end_life() {
    if (!crashed_ && !failed_call_) {
      // Space has returned, nothing has failed: the log goes on by itself.
      empty_disk();
      append_once(1, 100, Durability::synced, std::nullopt);
    }
    if (!crashed_ && chance(2)) {
      const Status closed = log_->close();
      if (done(closed, "close")) {
        observe();
        closed_ = !crashed_;
        check(log_->watermarks().synced == log_->watermarks().appended, "closed, and not synced");
      }
    } else if (!crashed_ && chance(2)) {
      crash();
    }
  }

  // ── What threads do ────────────────────────────────────────────────────────

  void append_records() {
    for (std::uint64_t left = roll(40); left > 0 && !crashed_; --left) {
      static constexpr std::size_t kBytes[] = {1, 30, 100, 128, 500, 2000, 9000};
      // Now and then one that no segment of the usual size holds.
      const std::size_t bytes = chance(100) ? 150'000 : kBytes[roll(std::size(kBytes))];
      const std::size_t records = chance(4) ? 2 + roll(5) : 1;
      std::optional<Durability> level;
      if (chance(2)) level = chance(3) ? Durability::written : Durability::synced;
      std::optional<Deadline> deadline;
      if (chance(5)) deadline = base::now() + microseconds(roll(3000));
      append_once(records, bytes, level, deadline);
      if (chance(10)) base::sleep_for(milliseconds(roll(50)));
      if (chance(10))
        disk_.set_now(disk_.now() + std::chrono::hours(24) - std::chrono::hours(roll(49)));
    }
  }

  void append_once(std::size_t records, std::size_t bytes, std::optional<Durability> level,
                   std::optional<Deadline> deadline) {
    const auto payloads = model_.begin_append(records, bytes);
    const std::uint64_t id = payloads.front().id;
    const bool commits = level == Durability::synced && !deadline && chance(2);
    LsnRange range;
    if (records == 1 && !chance(8)) {
      const ByteView record = payloads.front().bytes;
      const auto lsn = commits ? log_->commit(record) : log_->append(record);
      if (!lsn) return refused(lsn.error(), id, records);
      range = {*lsn, *lsn};
    } else {
      Batch batch;
      for (const Model::Payload& payload : payloads) batch.add(payload.bytes);
      const auto lsns = commits ? log_->commit(batch) : log_->append(batch);
      if (!lsns) return refused(lsns.error(), id, records);
      range = *lsns;
    }
    ++tally_.appends;
    model_.end_append(id, records, range.first);
    if (!level) return;
    if (commits) {
      told(Status(), range.last, *level, false);
    } else if (chance(5)) {
      log_->notify(range.last, *level, [this, last = range.last, wanted = *level](const Status& s) {
        told(s, last, wanted, false);
      });
    } else {
      told(log_->wait(range.last, *level, deadline), range.last, *level, deadline.has_value());
    }
  }

  void refused(const Status& status, std::uint64_t first_id, std::size_t records) {
    const bool busy = status.code() == Code::busy && report_when_full_;
    if (!busy) done(status, "append");
    // A commit may fail behind its append.
    if (status.code() == Code::outcome_unknown || status.code() == Code::not_found) return;
    model_.refuse_append(first_id, records);
  }

  void told(const Status& status, Lsn lsn, Durability level, bool may_time_out) {
    if (status.ok()) {
      ++tally_.acknowledged;
      level == Durability::synced ? model_.acknowledge(lsn) : model_.acknowledge_written(lsn);
      check(!log_ || log_->watermarks().at(level) >= lsn, "told before the watermark moved");
      return;
    }
    if (status.code() == Code::timed_out && may_time_out) return;
    if (status.code() == Code::cancelled && life_ending()) return;
    done(status, "wait");
  }

  void tail() {
    ReadOptions options;
    options.at_least = static_cast<Durability>(chance(3) ? roll(2) : 2);
    options.from = Lsn(1 + roll(model_.last_known().value + 2));
    options.stop = stop_.get_token();
    if (chance(3)) options.from = Lsn();
    follow(chance(4) ? log_->read(options) : log_->tail(options),
           options.at_least == Durability::synced, false);
  }

  void read_elsewhere() {
    Options options;
    options.file_system = &disk_;
    options.recovery = RecoveryPolicy::read_only;
    auto reader = Log::open(kDir, options);
    if (!reader) {
      done(reader.error(), "open to read");
      return;
    }
    check(reader->recovery().verdict != Verdict::rot,
          "a reader calls honest damage rot: " + reader->recovery().to_string());
    ReadOptions reading;
    reading.stop = stop_.get_token();
    if (chance(3)) {
      // Without a writer it shows what one would keep, which a power cut may still take.
      follow(reader->read(reading), false, true);
    } else {
      follow(reader->tail(reading), true, true);
    }
  }

  void follow(Cursor cursor, bool acknowledges, bool elsewhere) {
    std::optional<Lsn> before;
    Timestamp time{};
    while (true) {
      const std::uint64_t truncations = truncations_;
      const auto entry = cursor.next();
      // What was read while records were dropped may be one of them; and a reader in another process
      // learns of it a little later.
      const bool truncated =
          truncations != truncations_ || truncations % 2 != 0 || (elsewhere && truncations_ > 0);
      if (!entry) {
        const Code code = entry.error().code();
        check(code != Code::corrupt || excused_reader(), std::string(entry.error().message()));
        if (code == Code::trimmed && cursor.position() < model_.keep_from()) return;
        if (code == Code::not_found && truncations_ > 0) return;
        if (!crashed_) done(entry.error(), "tail");
        return;
      }
      if (!*entry) return;
      check(!before || (*entry)->lsn == before->next(), "a cursor left out a record");
      check((*entry)->time >= time, "time went back");
      before = (*entry)->lsn;
      time = (*entry)->time;
      if (truncated) continue;
      model_.check_record((*entry)->lsn, (*entry)->payload.text());
      if (acknowledges) model_.acknowledge((*entry)->lsn);
      if (crashed_ || chance(50)) return;
    }
  }
  // A power cut takes bytes away under those who read at that moment.
  bool excused_reader() const { return crashed_; }

  void trim() {
    for (std::uint64_t left = roll(5); left > 0 && !crashed_; --left) {
      base::sleep_for(milliseconds(roll(20)));
      if (crashed_) return;
      if (chance(4)) {
        hold();
      } else if (chance(4)) {
        held_from_.reset();
        const Status released = log_->release("sim");
        if (released.code() != Code::not_found) done(released, "release");
      }
      const std::uint64_t last = model_.last_known().value;
      const Lsn from(last < 1 ? 1 : 1 + roll(last + 1));
      model_.begin_keep_from(std::min(from, held_from_.value_or(from)));
      if (done(log_->keep_from(from), "keep_from")) model_.end_keep_from(log_->first_lsn());
    }
  }

  void hold() {
    const auto before = std::exchange(held_from_, std::nullopt);
    const Lsn from = log_->first_lsn();
    const Status held = log_->hold("sim", from);
    if (held.code() == Code::trimmed) {
      held_from_ = before;
    } else if (done(held, "hold")) {
      held_from_ = from;
    }
  }

  // While nothing is appended.
  void keep_through() {
    const std::uint64_t first = log_->first_lsn().value;
    const std::uint64_t last = log_->watermarks().appended.value;
    if (last < first) return;
    const Lsn through(first - 1 + roll(last - first + 2));
    ++truncations_;
    model_.begin_keep_through(through);
    if (done(log_->keep_through(through), "keep_through")) model_.end_keep_through(through);
    ++truncations_;
  }

  void watch() {
    for (std::uint64_t left = roll(20); left > 0 && !crashed_; --left) {
      observe();
      base::sleep_for(microseconds(roll(1000)));
    }
  }

  // What is told of as synced must survive, whoever is told.
  void observe() {
    const Watermarks marks = log_->watermarks();
    check(marks.synced <= marks.written && marks.written <= marks.appended, "watermarks crossed");
    model_.acknowledge(marks.synced);
    model_.acknowledge_written(marks.written);
  }

  // ── The end ────────────────────────────────────────────────────────────────

  void end_well() override {
    last_life();
    check(open_and_check(), "the last open");
    for (std::uint64_t i = 0; i < 10; ++i) append_once(1, 500, Durability::synced, std::nullopt);
    check(done(log_->close(), "the last close"), "the last close");
    observe();
    log_.reset();
    damage_acknowledged_data();
  }

  // Everything is proven to be synced now. One byte of it is changed.
  void damage_acknowledged_data() {
    ++tally_.damages;
    const Options strict = log_options();
    const InspectOptions looking{.file_system = &calls_};
    const auto info = inspect(kDir, looking);
    check(info.has_value() && !info->segments.empty(), "inspect");
    const SegmentInfo& segment = info->segments[roll(info->segments.size())];
    // Frames, but for the close mark at the end, which proves more than it is worth.
    constexpr std::uint64_t kHeaderBytes = 4096, kMarkBytes = 56;
    if (segment.data_bytes <= kHeaderBytes + kMarkBytes) return;
    auto bytes = disk_.read_file(kDir / segment.file);
    check(bytes.has_value(), "the file of a segment");
    const std::uint64_t at = kHeaderBytes + roll(segment.data_bytes - kMarkBytes - kHeaderBytes);
    bytes->at(at) ^= static_cast<std::byte>(1 + roll(255));
    check(disk_.write_file(kDir / segment.file, ByteView(std::span(*bytes))).ok(), "to damage it");
    const std::string where = segment.file + " at " + std::to_string(at);

    const auto verified = verify(kDir, looking);
    check(verified.has_value(), "verify");
    check(verified->recovery.verdict == Verdict::rot,
          "verify does not see damage in " + where + ": " + verified->recovery.to_string());
    auto opened = Log::open(kDir, strict);
    if (!opened) {
      check(opened.error().code() == Code::corrupt,
            "damage in " + where + " was told of as " + std::string(opened.error().message()));
      return;
    }
    check(opened->recovery().verdict == Verdict::clean,
          "rot was taken for a torn tail: " + opened->recovery().to_string());
    check(opened->watermarks().synced >= model_.acknowledged(), "rot was cut off");
    Cursor cursor = opened->read();
    while (true) {
      const auto entry = cursor.next();
      if (!entry) {
        check(entry.error().code() == Code::corrupt, std::string(entry.error().message()));
        return;
      }
      if (!entry->has_value()) {
        // A frame without records behind the last of its segment.
        check(cursor.position() > model_.acknowledged(), "damage in " + where + " was read over");
        return;
      }
      model_.check_record((*entry)->lsn, (*entry)->payload.text());
    }
  }

  Model model_;
  std::optional<Log> log_;
  bool report_when_full_ = false;
  std::uint64_t truncations_ = 0;  // Twice the number of keep_through; odd: one is under way.
  bool closed_ = false;            // Since the last look at the records.
  // Nothing from here on may be trimmed: the holder was durable when hold() returned.
  std::optional<Lsn> held_from_;
};

}  // namespace

void run_log_world(std::uint64_t seed, Tally& tally) { LogWorld(seed, tally).run(); }

}  // namespace forelog::sim
