// The promise, under random workloads and power cuts, between calls and in the middle of them: what
// was acknowledged as synced is there after any cut, with the same LSN and the same bytes; what else
// is there is a gap-free prefix of what was appended, whole batches only; and an honest power cut is
// never called rot.
//
// FORELOG_SEEDS (support/seeds.h) runs other seeds; a failure prints its own.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "log/test_disk.h"
#include "support/seeds.h"

namespace forelog::testing {
namespace {

// What a log is expected to hold.
struct Model {
  struct Record {
    std::string bytes;
    std::uint64_t batch_first = 0, batch_last = 0;  // LSNs of what it must survive with.
  };
  std::map<std::uint64_t, Record> records;  // All that may be there.
  std::uint64_t synced = 0;                 // All up to here must be there …
  std::uint64_t first = 1;  // … but for what was trimmed: at most all before this.
  // A keep_through that was cut short: the log may end here instead.
  std::optional<std::uint64_t> truncated;

  std::uint64_t last() const { return records.empty() ? first - 1 : records.rbegin()->first; }
};

class Workload {
 public:
  explicit Workload(std::uint64_t seed)
      : dice_(seed), disk_({.sector_bytes = seed % 3 == 0 ? 4096u : 512u, .seed = seed}) {}

  void run() {
    const std::uint64_t lives = 2 + roll(4);
    for (std::uint64_t life = 0; life < lives && !::testing::Test::HasFailure(); ++life) {
      if (roll(2) == 0) light_a_fuse();
      const bool opened = open_and_check();
      const std::uint64_t steps = opened ? roll(25) : 0;
      for (std::uint64_t i = 0; i < steps && going_on(); ++i) step();
      end_life();
      faults_.fail_nothing();
      was_cut_short_ = cut_short_;
      cut_short_ = false;
    }
    open_and_check();
  }

 private:
  std::uint64_t roll(std::uint64_t sides) { return dice_() % sides; }
  bool going_on() const { return !cut_short_ && !::testing::Test::HasFailure(); }

  // From some operation on, in the middle of it, nothing reaches the disk any more.
  void light_a_fuse() {
    faults_.set_hook(
        [this, left = 1 + roll(150), part = roll(3)](
            const FaultFileSystem::Call& call) mutable -> std::optional<FaultFileSystem::Fault> {
          if (left > 1) {
            --left;
            return std::nullopt;
          }
          const std::uint64_t partial = cut_short_ ? 0 : call.bytes * part / 2;
          cut_short_ = true;
          return FaultFileSystem::Fault{Status(Code::io_error, "cut short"), partial};
        });
  }

  // Ok, or failed because the end has come.
  bool done(const Status& status) {
    EXPECT_TRUE(status.ok() || cut_short_) << status.message();
    return status.ok();
  }

  std::string record() {
    static constexpr std::size_t kSizes[] = {0, 1, 30, 100, 127, 128, 500, 2000, 9000};
    std::string bytes(kSizes[roll(std::size(kSizes))], '\0');
    for (std::size_t i = 0; i < bytes.size(); i += 8) {
      const std::uint64_t random = dice_();
      std::memcpy(bytes.data() + i, &random, std::min<std::size_t>(8, bytes.size() - i));
    }
    return bytes;
  }

  bool open_and_check() {
    auto opened = Log::open(kLogDir, test_options(faults_));
    if (!opened) {
      done(opened.error());
      return false;
    }
    log_.emplace(*std::move(opened));
    const RecoveryReport& report = log_->recovery();
    EXPECT_NE(report.verdict, Verdict::rot) << report.to_string();
    if (cut_ == Cut::none && opened_before_ && !was_cut_short_) {
      EXPECT_EQ(report.verdict, Verdict::clean) << report.to_string();
    }
    const Reading reading = read_from(*log_);
    if (!done(reading.end)) return false;
    const std::uint64_t last = log_->watermarks().synced.value;
    EXPECT_TRUE(last >= model_.synced || (model_.truncated && last == *model_.truncated))
        << "acknowledged records are lost: " << last << " of " << model_.synced;
    EXPECT_LE(last, model_.last());
    EXPECT_LE(log_->first_lsn().value, std::max<std::uint64_t>(model_.first, 1));
    std::uint64_t next = log_->first_lsn().value;
    for (const auto& [lsn, bytes] : reading.records) {
      EXPECT_EQ(lsn, next++) << "a hole";
      const auto wanted = model_.records.find(lsn);
      if (wanted == model_.records.end()) {
        // Trimmed, but whole segments only.
        EXPECT_LT(lsn, model_.first);
        continue;
      }
      EXPECT_EQ(bytes, wanted->second.bytes) << "LSN " << lsn;
    }
    EXPECT_EQ(next, last + 1);
    const auto end = model_.records.find(last);
    if (end != model_.records.end() && model_.truncated != last) {
      EXPECT_EQ(end->second.batch_last, last) << "half a batch";
    }
    model_.records.erase(model_.records.upper_bound(last), model_.records.end());
    for (auto& entry : model_.records) {
      entry.second.batch_last = std::min(entry.second.batch_last, last);
    }
    model_.first = std::min(model_.first, last + 1);  // Trimmed before it was synced, and gone.
    model_.synced = last;
    model_.truncated.reset();
    opened_before_ = true;
    return !::testing::Test::HasFailure();
  }

  void step() {
    const std::uint64_t kind = roll(100);
    if (kind < 45) {
      append();
    } else if (kind < 60) {
      append_batch();
    } else if (kind < 72) {
      wait(Durability::written);
    } else if (kind < 88) {
      wait(Durability::synced);
    } else if (kind < 94) {
      keep_from();
    } else {
      keep_through();
    }
  }

  void append() {
    Model::Record made{record(), 0, 0};
    const auto lsn = log_->append(made.bytes);
    if (!lsn) {
      done(lsn.error());
      return;
    }
    ASSERT_EQ(lsn->value, model_.last() + 1);
    made.batch_first = made.batch_last = lsn->value;
    model_.records[lsn->value] = std::move(made);
  }

  void append_batch() {
    Batch batch;
    std::vector<std::string> bytes(1 + roll(6));
    for (std::string& each : bytes) batch.add(each = record());
    const auto range = log_->append(batch);
    if (!range) {
      done(range.error());
      return;
    }
    ASSERT_EQ(range->first.value, model_.last() + 1);
    ASSERT_EQ(range->count(), bytes.size());
    for (std::uint64_t i = 0; i < bytes.size(); ++i) {
      model_.records[range->first.value + i] = {std::move(bytes[i]), range->first.value,
                                                range->last.value};
    }
  }

  void wait(Durability level) {
    const std::uint64_t last = log_->watermarks().appended.value;
    if (last == 0 || last < model_.first) return;
    const Lsn lsn(std::max<std::uint64_t>(1, last - roll(2) * roll(2)));
    const Status status = log_->wait(lsn, level);
    if (done(status)) {
      EXPECT_LE(lsn, log_->watermarks().at(level));
    } else {
      EXPECT_EQ(status.code(), Code::outcome_unknown);
    }
    model_.synced = std::max(model_.synced, log_->watermarks().synced.value);
  }

  void keep_from() {
    const std::uint64_t last = model_.last();
    const std::uint64_t from = model_.first + roll(last - model_.first + 3);
    if (from > last + 1) {
      EXPECT_EQ(log_->keep_from(Lsn(from)).code(), Code::invalid_argument);
      return;
    }
    done(log_->keep_from(Lsn(from)));
    model_.first = std::max(model_.first, from);
    model_.records.erase(model_.records.begin(), model_.records.lower_bound(from));
    model_.synced = std::max(model_.synced, log_->watermarks().synced.value);
    EXPECT_LE(log_->first_lsn().value, model_.first);
  }

  void keep_through() {
    const std::uint64_t last = log_->watermarks().appended.value;
    const std::uint64_t first = log_->first_lsn().value;
    if (first < model_.first || last < first) return;  // The model has forgotten what is there.
    const std::uint64_t through = first - 1 + roll(last - first + 2);
    if (!done(log_->keep_through(Lsn(through)))) {
      model_.synced = std::max(model_.synced, log_->watermarks().synced.value);
      model_.truncated = through;
      return;
    }
    model_.records.erase(model_.records.upper_bound(through), model_.records.end());
    for (auto& [lsn, record] : model_.records) {
      record.batch_last = std::min(record.batch_last, through);
    }
    model_.synced = through;
    ASSERT_EQ(log_->watermarks().synced.value, through);
  }

  // Sometimes in the middle of something that waits for the disk.
  void end_life() {
    cut_ = static_cast<Cut>(roll(4));
    switch (cut_) {
      case Cut::none:
        if (log_ && done(log_->close())) {
          EXPECT_EQ(log_->watermarks().synced, log_->watermarks().appended);
          model_.synced = std::max(model_.synced, log_->watermarks().synced.value);
        }
        if (cut_short_) disk_.kill_process();
        break;
      case Cut::process: disk_.kill_process(); break;
      case Cut::power_loses_all: disk_.power_cut(); break;
      case Cut::power: {
        const std::uint64_t bias = roll(3);
        disk_.power_cut([&](std::uint64_t choices) {
          if (bias == 1 && roll(4) != 0) return std::uint64_t{0};
          if (bias == 2 && roll(4) != 0) return choices - 1;
          return roll(choices);
        });
        break;
      }
    }
    log_.reset();
    if (roll(5) == 0) disk_.power_cut();  // And again, before anyone has looked.
  }

  enum class Cut { none, process, power_loses_all, power };

  std::mt19937_64 dice_;
  MemoryFileSystem disk_;
  FaultFileSystem faults_{disk_};
  bool cut_short_ = false;
  std::optional<Log> log_;
  Model model_;
  Cut cut_ = Cut::none;
  bool was_cut_short_ = false;
  bool opened_before_ = false;
};

TEST(PowerCutTest, NothingAcknowledgedIsLost) {
  const Seeds seeds = Seeds::from_environment(3000);
  for (std::uint64_t seed = seeds.first; seed < seeds.end(); ++seed) {
    Workload(seed).run();
    ASSERT_FALSE(HasFailure()) << "seed " << seed << "; again with FORELOG_SEEDS=" << seed;
  }
}

}  // namespace
}  // namespace forelog::testing
