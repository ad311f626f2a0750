// Diary: a state for tests in which things go wrong: every command, in order; and a fixed way through what
// a Durable of one does, which notes what it was promised, and compares that with what is there afterwards.
// Threading: none.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "forelog/durable.h"
#include "forelog/try.h"

namespace forelog::testing {

// With images, or without.
template <bool kFreezes>
class Diary final : public StateMachine {
 public:
  Status apply(Lsn /*lsn*/, ByteView command) override {
    lines_.emplace_back(command.text());
    return {};
  }
  Status save(Sink& out) const override { return save(lines_, out); }
  Status load(Source& in) override {
    lines_.clear();
    std::string line;
    while (true) {
      char next = 0;
      if (FORELOG_TRY(in.read(std::as_writable_bytes(std::span(&next, 1)))) == 0) return {};
      if (next != '\n') {
        line += next;
      } else {
        lines_.push_back(std::exchange(line, {}));
      }
    }
  }
  std::unique_ptr<Image> freeze() const override {
    struct Copy final : Image {
      explicit Copy(std::vector<std::string> copied) : lines(std::move(copied)) {}
      Status save(Sink& out) const override { return Diary::save(lines, out); }
      std::vector<std::string> lines;
    };
    return kFreezes ? std::make_unique<Copy>(lines_) : nullptr;
  }
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  static Status save(const std::vector<std::string>& lines, Sink& out) {
    for (const std::string& line : lines) FORELOG_TRY(out.write(line + "\n"));
    return {};
  }
  std::vector<std::string> lines_;
};

template <bool kFreezes>
class DiaryCourse {
 public:
  using State = Diary<kFreezes>;

  explicit DiaryCourse(FileSystem& file_system) {
    options_.log.file_system = &file_system;
    options_.log.segment_bytes = 64 * KiB;
    options_.log.preallocate = false;
    options_.log.write_behind = std::chrono::milliseconds(0);
    options_.checkpoints.automatic = false;
    options_.snapshots.keep = 2;
  }

  void run() {
    if (!open()) return;
    update(3, 100);
    checkpoint();
    update(12, 9000);  // Into a second segment.
    abandon();
    checkpoint();
    update(2, 100);
    diary_.reset();  // As if killed.
    if (!open()) return;
    update(12, 9000);
    checkpoint();  // The first one goes, and the beginning of the log.
    update(1, 100);
    close();
  }

  // With nothing failing any more, on what is there in `file_system`.
  void check(FileSystem& file_system) {
    diary_.reset();
    options_.log.file_system = &file_system;
    auto opened = Durable<State>::open("/diary", options_);
    ASSERT_TRUE(opened) << opened.error().message();
    EXPECT_TRUE(opened->recovered().damaged.empty()) << opened->recovered().to_string();
    EXPECT_GE(opened->recovered().snapshot, snapshot_) << "a snapshot is lost";
    std::size_t at = 0;
    for (const std::string& line : opened->state().lines()) {
      const auto found =
          std::find(tried_.begin() + static_cast<std::ptrdiff_t>(at), tried_.end(), line);
      ASSERT_NE(found, tried_.end()) << "out of order, twice, or refused: " << line.substr(0, 10);
      at = static_cast<std::size_t>(found - tried_.begin()) + 1;
      acknowledged_.erase(line);
    }
    EXPECT_TRUE(acknowledged_.empty()) << "lost: " << acknowledged_.begin()->substr(0, 10);
    EXPECT_TRUE(opened->update("and on"));
    EXPECT_TRUE(opened->checkpoint());
    EXPECT_TRUE(opened->close().ok());
  }

 private:
  static bool expected(const Status& status) {
    return status.code() == Code::io_error || status.code() == Code::no_space ||
           status.code() == Code::outcome_unknown;
  }

  bool open() {
    auto opened = Durable<State>::open("/diary", options_);
    if (!opened) {
      EXPECT_TRUE(expected(opened.error())) << opened.error().message();
      return false;
    }
    diary_.emplace(*std::move(opened));
    // All that is read now is synced, and stays; what else there was is gone.
    unsynced_.clear();
    for (const std::string& line : diary_->state().lines()) acknowledged_.insert(line);
    return true;
  }

  std::string next(std::size_t bytes) {
    std::string line = std::to_string(++made_) + " ";
    line.resize(std::max(line.size(), bytes), 'x');
    return line;
  }

  void update(int count, std::size_t bytes) {
    for (int i = 0; i < count; ++i) {
      const std::string line = next(bytes);
      tried_.push_back(line);
      const bool synced = i % 3 != 1 || i + 1 == count;
      const auto lsn = diary_->update(line, synced ? Durability::synced : Durability::buffered);
      if (lsn) {
        EXPECT_EQ(diary_->state().lines().back(), line);
        unsynced_.insert(line);
        if (synced) acknowledged_.merge(unsynced_);
      } else {
        EXPECT_TRUE(expected(lsn.error())) << lsn.error().message();
        if (lsn.error().code() == Code::no_space) tried_.pop_back();
      }
    }
  }

  // An update whose caller does not wait.
  void abandon() {
    const std::string line = next(100);
    tried_.push_back(line);
    const auto lsn = diary_->update(line, Durability::synced, Deadline());
    if (lsn) {
      acknowledged_.merge(unsynced_);
      acknowledged_.insert(line);
    } else {
      EXPECT_TRUE(expected(lsn.error()) || lsn.error().code() == Code::timed_out)
          << lsn.error().message();
    }
  }

  void checkpoint() {
    const auto made = diary_->checkpoint();
    if (made) {
      snapshot_ = *made;
      acknowledged_.merge(unsynced_);
    } else {
      EXPECT_TRUE(expected(made.error()) || made.error().code() == Code::invalid_argument)
          << made.error().message();
    }
  }

  void close() {
    const Status closed = diary_->close();
    EXPECT_TRUE(closed.ok() || expected(closed)) << closed.message();
    if (closed.ok()) acknowledged_.merge(unsynced_);
  }

  DurableOptions options_;
  std::optional<Durable<State>> diary_;
  std::uint64_t made_ = 0;
  std::vector<std::string> tried_;  // In order; but for those that are certainly not there.
  std::set<std::string> unsynced_, acknowledged_;
  Lsn snapshot_;
};

}  // namespace forelog::testing
