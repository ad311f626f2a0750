// What a disk, a copy or a person does to whole blocks and whole files: zeroed, swapped, written to
// another place, cut off, removed, exchanged for those of another log or of an earlier life.
//
// The test knows what was written and what of it was synced. Whatever was done, opening and reading
// gives all records, or a refusal that names a file that was touched; records that were synced are
// never cut off as a torn tail, and verify finds what touches any byte of them. Under sanitizers
// fewer pairs of blocks are tried.
#include <gtest/gtest.h>

#include <set>

#include "log/test_disk.h"

namespace forelog::testing {
namespace {

constexpr std::uint64_t kBlock = 512;
const std::vector<std::uint64_t> kDistances =
    kSanitized ? std::vector<std::uint64_t>{1, 8}
               : std::vector<std::uint64_t>{1, 2, 3, 5, 8, 13, 34, 89};
constexpr std::uint64_t kStep = kSanitized ? 5 : 1;

using Bytes = std::vector<std::byte>;
using Files = std::map<std::string, Bytes>;

class MisplacedTest : public TestDisk {
 protected:
  // Groups and single records, empty ones, small ones, and a few large ones.
  void some(std::uint64_t count) {
    const std::size_t sizes[] = {0, 1, 7, 127, 128, 300, 0, 5000, 450, 2000};
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t lsn = log_->watermarks().appended.value + 1;
      expected_[lsn] = record_of(lsn, sizes[i % 10]);
      ASSERT_TRUE(log_->append(expected_[lsn]));
      if (i % 3 != 0) {
        ASSERT_TRUE(log_->wait(Lsn(lsn)).ok());
      }
    }
    ASSERT_TRUE(log_->wait(log_->watermarks().appended).ok());
  }
  void fill_segments(std::uint64_t count) {
    while (damage_.files(".segment").size() < count) some(7);
    some(14);
  }
  // Three segments, all synced but for the last three records.
  void make_log() {
    open();
    fill_segments(3);
    synced_ = expected_.rbegin()->first;
    write(3, 400);
    end_process();
    remember();
  }
  void remember() {
    before_ = damage_.everything();
    for (const std::string& name : damage_.files(".segment")) {
      const auto number = segment::parse_segment_name(name);
      if (number) frames_[name] = damage_.frames(*number);
    }
  }

  // What a change touched.
  struct Touched {
    std::set<std::string> files;
    bool synced = false;    // A byte of a segment's header, seal or index, or of a synced record.
    bool unsynced = false;  // A byte behind that.
  };
  Touched compare(const Files& now) const {
    Touched touched;
    for (const auto& each : before_) {
      const std::string& name = each.first;
      const Bytes& old = each.second;
      const auto found = now.find(name);
      const Bytes gone;
      const Bytes& fresh = found == now.end() ? gone : found->second;
      if (fresh == old && found != now.end()) continue;
      touched.files.insert(name);
      const auto frames = frames_.find(name);
      if (frames == frames_.end()) continue;
      const auto differs = [&](std::uint64_t from, std::uint64_t to) {
        for (std::uint64_t at = from; at < to; ++at) {
          if (at >= fresh.size() || fresh[at] != old[at]) return true;
        }
        return false;
      };
      touched.synced |= differs(0, format::kSegmentHeaderBytes);
      std::uint64_t end = format::kSegmentHeaderBytes;
      for (const FrameAt& frame : frames->second) {
        end = frame.end();
        const bool synced =
            frame.header.kind != format::FrameKind::data || frame.header.first_lsn.value <= synced_;
        (synced ? touched.synced : touched.unsynced) |= differs(frame.offset, end);
      }
      touched.unsynced |= fresh.size() > end && differs(end, std::min(old.size(), fresh.size()));
    }
    for (const auto& [name, bytes] : now) {
      if (before_.find(name) == before_.end()) touched.files.insert(name);
    }
    return touched;
  }
  static bool names_any(std::string_view message, const Touched& touched) {
    return std::any_of(touched.files.begin(), touched.files.end(), [&](const std::string& file) {
      return message.find(file) != std::string_view::npos;
    });
  }

  // Puts `changed` over the log, and looks. True when it was refused, at open or while reading.
  // `any_name`: a refusal may name a file that was not touched, and is missed or contradicted.
  bool check(const Files& changed, bool any_name = false) {
    const auto copy = disk_.clone();
    DiskDamage damage(*copy);
    for (const auto& [name, bytes] : changed) {
      if (bytes.empty() && damage.has(name)) damage.remove(name);
      if (!bytes.empty()) damage.put(name, bytes);
    }
    const Files now = damage.everything();
    const Touched touched = compare(now);
    if (touched.files.empty()) return false;
    ++tried_;

    const auto report = verify(kLogDir, {.file_system = copy.get()});
    EXPECT_TRUE(report) << report.error().message();
    if (!report) return true;
    const RecoveryReport& found = report->recovery;
    EXPECT_EQ(found.verdict == Verdict::rot, !found.damage.empty());
    if (touched.synced) {
      EXPECT_EQ(found.verdict, Verdict::rot) << found.to_string();
      EXPECT_TRUE(any_name || names_any(found.to_string(), touched)) << found.to_string();
    }
    const bool refused = read_all(*copy, touched, any_name);
    if (refused) {
      EXPECT_EQ(found.verdict, Verdict::rot) << "verify did not find what reading did";
    }
    refused_ += refused ? 1u : 0u;
    return refused;
  }

  bool read_all(MemoryFileSystem& copy, const Touched& touched, bool any_name) {
    const Files now = DiskDamage(copy).everything();
    auto log = Log::open(kLogDir, test_options(copy));
    if (!log) {
      EXPECT_EQ(log.error().code(), Code::corrupt) << log.error().message();
      EXPECT_TRUE(any_name || names_any(log.error().message(), touched)) << log.error().message();
      EXPECT_TRUE(DiskDamage(copy).everything() == now) << "a refusal changed something";
      return true;
    }
    const Reading reading = read_from(*log);
    auto wanted = expected_.find(log->first_lsn().value);
    for (const auto& record : reading.records) {
      EXPECT_TRUE(wanted != expected_.end() && *wanted == record) << "LSN " << record.first;
      if (HasFailure()) return true;
      ++wanted;
    }
    if (!reading.end.ok()) {
      EXPECT_EQ(reading.end.code(), Code::corrupt) << reading.end.message();
      EXPECT_TRUE(any_name || names_any(reading.end.message(), touched)) << reading.end.message();
      return true;
    }
    const std::uint64_t last = wanted == expected_.begin() ? 0 : std::prev(wanted)->first;
    EXPECT_EQ(log->first_lsn().value, first_);
    EXPECT_GE(last, synced_) << "synced records were cut off: " << log->recovery().to_string();
    if (!touched.unsynced) {
      EXPECT_EQ(last, expected_.rbegin()->first) << log->recovery().to_string();
      EXPECT_NE(log->recovery().verdict, Verdict::rot);
    }
    const auto next = log->commit("and on");
    EXPECT_TRUE(next && next->value == last + 1);
    return false;
  }

  bool failed(const std::string& what) const {
    if (HasFailure()) ADD_FAILURE() << what;
    return HasFailure();
  }
  void tell() const {
    std::printf("%llu tried, %llu refused\n", static_cast<unsigned long long>(tried_),
                static_cast<unsigned long long>(refused_));
    EXPECT_GT(tried_, 0u);
  }

  static void copy_block(const Bytes& from, std::uint64_t at, Bytes& to, std::uint64_t there) {
    std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(at * kBlock), kBlock,
                to.begin() + static_cast<std::ptrdiff_t>(there * kBlock));
  }
  std::uint64_t blocks(const std::string& file) const { return before_.at(file).size() / kBlock; }

  // Block `i` of `a` and block `j` of `b` change places, or take the other's.
  void misplace(const std::string& a, std::uint64_t i, const std::string& b, std::uint64_t j) {
    const std::string what =
        a + " block " + std::to_string(i) + ", " + b + " block " + std::to_string(j);
    for (const int how : {0, 1, 2}) {
      Files changed;
      changed[a] = before_.at(a);
      changed[b] = before_.at(b);
      if (how != 1) copy_block(before_.at(a), i, changed[b], j);
      if (how != 2) copy_block(before_.at(b), j, changed[a], i);
      check(changed);
      if (failed(what + (how == 0 ? ": swapped" : ": copied"))) return;
    }
  }

  Files before_;
  std::map<std::string, std::vector<FrameAt>> frames_;
  std::uint64_t first_ = 1;
  std::uint64_t synced_ = 0;
  std::uint64_t tried_ = 0, refused_ = 0;
};

TEST_F(MisplacedTest, ZeroedBlocks) {
  make_log();
  for (const auto& [file, bytes] : before_) {
    for (std::uint64_t i = 0; i < blocks(file); ++i) {
      Bytes changed = bytes;
      std::fill_n(changed.begin() + static_cast<std::ptrdiff_t>(i * kBlock), kBlock, std::byte{0});
      const bool refused = check({{file, changed}});
      EXPECT_FALSE(refused && file == "WATERMARK");
      if (failed(file + " block " + std::to_string(i))) return;
    }
  }
  tell();
}

TEST_F(MisplacedTest, BlocksOfOneFile) {
  make_log();
  for (const auto& [file, bytes] : before_) {
    for (const std::uint64_t distance : kDistances) {
      for (std::uint64_t i = 0; i + distance < blocks(file); i += kStep) {
        misplace(file, i, file, i + distance);
        if (HasFailure()) return;
      }
    }
  }
  tell();
}

TEST_F(MisplacedTest, BlocksOfTwoSegments) {
  make_log();
  for (const auto& [a, frames_of_a] : frames_) {
    for (const auto& [b, frames_of_b] : frames_) {
      if (a >= b) continue;
      for (const std::uint64_t distance : {0u, 1u, 6u}) {
        for (std::uint64_t i = 0; i + distance < blocks(a) && i < blocks(b); i += kStep) {
          misplace(a, i + distance, b, i);
          if (HasFailure()) return;
        }
      }
    }
  }
  tell();
}

TEST_F(MisplacedTest, ShortenedAndExtendedFiles) {
  make_log();
  for (const auto& [file, bytes] : before_) {
    for (std::uint64_t at = kBlock; at <= bytes.size(); at += kBlock * kStep) {
      for (const std::uint64_t length : {at - 1, at, at + 1}) {
        if (length >= bytes.size()) continue;
        Bytes changed = bytes;
        changed.resize(length);
        check({{file, changed}});
        if (failed(file + " cut to " + std::to_string(length))) return;
      }
    }
    for (const std::uint64_t more : {1u, 8u, 511u, 512u, 4096u, 70000u}) {
      for (const bool zeros : {true, false}) {
        Bytes changed = bytes;
        changed.resize(bytes.size() + more);
        for (std::uint64_t i = 0; i < more && !zeros; ++i) {
          changed[bytes.size() + i] = bytes[i % bytes.size()];
        }
        EXPECT_FALSE(check({{file, changed}}));
        if (failed(file + " extended by " + std::to_string(more))) return;
      }
    }
  }
  tell();
}

TEST_F(MisplacedTest, RemovedFiles) {
  make_log();
  for (const auto& [file, bytes] : before_) {
    EXPECT_EQ(check({{file, {}}}), file != "WATERMARK");
    if (failed(file)) return;
  }
  tell();
}

TEST_F(MisplacedTest, FilesUnderEachOthersNames) {
  make_log();
  for (const auto& [a, bytes_a] : before_) {
    for (const auto& [b, bytes_b] : before_) {
      if (a == b) continue;
      // What is no watermark file is as good as none.
      EXPECT_TRUE(check({{a, bytes_b}}, true) || a == "WATERMARK");
      EXPECT_TRUE(check({{a, bytes_b}, {b, bytes_a}}, true));
      if (failed(a + " and " + b)) return;
    }
  }
  tell();
}

TEST_F(MisplacedTest, FilesOfAnotherLog) {
  // Of the same age and with the same records, so that nothing but its identity tells.
  make_log();
  const Files ours = before_;
  for (const std::string& name : damage_.files())
    ASSERT_TRUE(disk_.remove_file(kLogDir / name).ok());
  expected_.clear();
  make_log();
  for (const auto& [file, bytes] : ours) {
    EXPECT_TRUE(check({{file, bytes}}) || file == "WATERMARK");
    if (failed(file)) return;
  }
  tell();
}

// One file of the directory as it was before, brought back: beside every later state.
TEST_F(MisplacedTest, FilesOfAnEarlierLife) {
  options_.preallocate = true;  // Files are used again.
  open();
  std::vector<Files> lives;
  const auto live = [&] { lives.push_back(damage_.everything()); };
  fill_segments(2);
  live();
  fill_segments(3);
  live();
  const std::uint64_t kept = expected_.rbegin()->first - 9;
  ASSERT_TRUE(log_->keep_through(Lsn(kept)).ok());
  expected_.erase(expected_.upper_bound(kept), expected_.end());
  live();
  some(20);
  live();
  // Into the middle of an earlier segment: those behind are dead.
  const std::uint64_t early = damage_.header(2).first_lsn.value + 5;
  ASSERT_TRUE(log_->keep_through(Lsn(early)).ok());
  expected_.erase(expected_.upper_bound(early), expected_.end());
  live();
  fill_segments(4);
  live();
  ASSERT_TRUE(log_->keep_from(Lsn(early + 1)).ok());
  first_ = log_->first_lsn().value;
  ASSERT_GT(first_, 1u);
  live();
  some(80);
  ASSERT_TRUE(log_->keep_through(Lsn(expected_.rbegin()->first - 4)).ok());
  for (int i = 0; i < 4; ++i) expected_.erase(std::prev(expected_.end()));
  some(3);
  synced_ = expected_.rbegin()->first;
  expected_.erase(expected_.begin(), expected_.lower_bound(first_));
  end_process();
  for (const std::string& name : damage_.files(".tmp")) damage_.remove(name);
  remember();
  for (std::size_t life = 0; life < lives.size(); ++life) {
    for (const auto& [file, bytes] : lives[life]) {
      // An old watermark file misses segments that were trimmed since.
      check({{file, bytes}}, file == "WATERMARK");
      if (failed(file + " of life " + std::to_string(life))) return;
      for (const auto& [name, frames] : frames_) {
        if (bytes.size() < 2 * format::kSegmentHeaderBytes || name == file) continue;
        check({{name, bytes}});
        if (failed(file + " of life " + std::to_string(life) + " as " + name)) return;
      }
    }
  }
  tell();
}

}  // namespace
}  // namespace forelog::testing
