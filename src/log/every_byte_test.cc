// Every cut and every flip at every byte of a small log of several segments. Each ends in all
// acknowledged records, or in a refusal that names the damage; never in a wrong record, a crash or
// a hang.
//
// What is tried: one bit of every byte of every file, every 8-byte word zeroed, every length of the
// last segment and of the watermark file. For each the log is opened for writing on a copy of the
// disk, and read to its end. Under sanitizers, which make it ten times slower, only every 7th byte
// inside the bodies of large records, and every 7th of the zeros behind the end.
#include <gtest/gtest.h>

#include "format/seal.h"
#include "log/test_disk.h"
#include "segment/segment_writer.h"

namespace forelog::testing {
namespace {

constexpr std::uint64_t kBulkStep = kSanitized ? 7 : 1;
// Bodies are bulk behind this many bytes.
constexpr std::uint64_t kEveryByteOfBody = 96;

class EveryByteTest : public TestDisk {
 protected:
  EveryByteTest() {
    open();
    // Three segments: groups and single records, empty ones, small ones, and a few large ones.
    const std::size_t sizes[] = {0, 1, 7, 127, 128, 300, 0, 12000, 5, 9000};
    for (std::uint64_t i = 0; damage_.files(".segment").size() < 3 || i % 10 != 7; ++i) {
      const std::uint64_t lsn = log_->watermarks().appended.value + 1;
      expected_[lsn] = record_of(lsn, sizes[i % 10]);
      EXPECT_TRUE(log_->append(expected_[lsn]));
      if (i % 3 != 0) {
        EXPECT_TRUE(log_->wait(Lsn(lsn)).ok());
      }
    }
    EXPECT_TRUE(log_->wait(log_->watermarks().appended).ok());
    end_process();
    last_ = damage_.files(".segment").back();
  }

  // Whether the byte is one of those that are tried.
  bool chosen(const std::vector<FrameAt>& frames, std::uint64_t offset) const {
    for (const FrameAt& frame : frames) {
      if (offset < frame.offset || offset >= frame.end()) continue;
      const std::uint64_t at = offset - frame.offset;
      return at < format::kFrameHeaderBytes + kEveryByteOfBody || frame.end() - offset <= 16 ||
             at % kBulkStep == 0;
    }
    const bool bulk = !frames.empty() && offset > frames.back().end() + 512;
    return !bulk || offset % kBulkStep == 0;
  }

  // Opens and reads a damaged copy. True when it was refused, at open or while reading.
  bool check(MemoryFileSystem& disk, const std::string& file) const {
    Options options = test_options(disk);
    auto log = Log::open(kLogDir, options);
    if (!log) {
      EXPECT_EQ(log.error().code(), Code::corrupt) << log.error().message();
      EXPECT_NE(log.error().message().find(file), std::string_view::npos) << log.error().message();
      EXPECT_NE(log.error().message().find("offset"), std::string_view::npos);
      return true;
    }
    const Reading reading = read_from(*log);
    for (const auto& [lsn, record] : reading.records) {
      const auto wanted = expected_.find(lsn);
      if (wanted == expected_.end() || wanted->second != record) {
        ADD_FAILURE() << "LSN " << lsn << " is wrong";
        return false;
      }
    }
    EXPECT_TRUE(reading.records.empty() || reading.records.begin()->first == 1);
    if (!reading.end.ok()) {
      EXPECT_EQ(reading.end.code(), Code::corrupt) << reading.end.message();
      EXPECT_NE(reading.end.message().find(file), std::string_view::npos) << reading.end.message();
      EXPECT_NE(reading.end.message().find("offset"), std::string_view::npos);
      return true;
    }
    EXPECT_EQ(reading.records.size(), expected_.size()) << "acknowledged records are gone";
    return false;
  }

  // On a copy of the disk in which `how` has changed `file`.
  bool check_changed(const std::string& file,
                     const std::function<void(std::vector<std::byte>&)>& how) const {
    const auto copy = disk_.clone();
    DiskDamage(*copy).change(file, how);
    return check(*copy, file);
  }

  struct Counts {
    std::uint64_t tried = 0, refused = 0;
  };

  template <typename How>
  Counts try_each(const std::string& file, std::uint64_t step, How how) {
    Counts counts;
    const auto number = segment::parse_segment_name(file);
    const auto frames = number ? damage_.frames(*number) : std::vector<FrameAt>();
    const std::uint64_t size = damage_.bytes(file).size();
    for (std::uint64_t at = 0; at + step <= size; at += step) {
      bool any = false;
      for (std::uint64_t i = at; i < at + step; ++i) any |= chosen(frames, i);
      if (!any) continue;
      ++counts.tried;
      counts.refused +=
          check_changed(file, [&](std::vector<std::byte>& bytes) { how(bytes, at); }) ? 1u : 0u;
      if (HasFailure()) {
        ADD_FAILURE() << file << " at " << at;
        break;
      }
    }
    std::printf("%s: %llu tried, %llu refused\n", file.c_str(),
                static_cast<unsigned long long>(counts.tried),
                static_cast<unsigned long long>(counts.refused));
    return counts;
  }

  static void flip(std::vector<std::byte>& bytes, std::uint64_t at) {
    bytes[at] ^= static_cast<std::byte>(1u << (at * 5 % 8));
  }
  static void zero_word(std::vector<std::byte>& bytes, std::uint64_t at) {
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), 8, std::byte{0});
  }

  std::string last_;
};

TEST_F(EveryByteTest, TheLogIsWhatThisTestSaysItIs) {
  ASSERT_EQ(damage_.files(".segment").size(), 3u);
  EXPECT_GE(damage_.frames(3).size(), 4u);
  EXPECT_FALSE(check(*disk_.clone(), last_));
}

TEST_F(EveryByteTest, FlipInASealedSegment) {
  const Counts counts = try_each(damage_.segment(1), 1, flip);
  // Everything but what lies behind the index, and what is read only when it helps.
  EXPECT_GT(counts.refused, counts.tried / 2);
}

TEST_F(EveryByteTest, FlipInTheSegmentBeforeTheLast) { try_each(damage_.segment(2), 1, flip); }

TEST_F(EveryByteTest, FlipInTheLastSegment) {
  const Counts counts = try_each(last_, 1, flip);
  EXPECT_GT(counts.refused, format::kSegmentHeaderBytes);
}

TEST_F(EveryByteTest, FlipInTheWatermarkFile) {
  EXPECT_EQ(try_each("WATERMARK", 1, flip).refused, 0u);
}

TEST_F(EveryByteTest, ZeroedWords) {
  for (const std::string& file : damage_.files(".segment")) try_each(file, 8, zero_word);
  EXPECT_EQ(try_each("WATERMARK", 8, zero_word).refused, 0u);
}

TEST_F(EveryByteTest, EveryLengthOfTheLastSegment) {
  const std::uint64_t size = damage_.bytes(last_).size();
  const std::uint64_t data_end = damage_.frames(3).back().end();
  for (std::uint64_t length = 0; length < size; ++length) {
    if (length > data_end + 100 && length % 97 != 0) continue;
    const bool refused = check_changed(last_, [&](auto& bytes) { bytes.resize(length); });
    ASSERT_EQ(refused, length < data_end) << length;
    ASSERT_FALSE(HasFailure()) << length;
  }
}

TEST_F(EveryByteTest, EveryLengthOfTheWatermarkFile) {
  const std::uint64_t size = damage_.bytes("WATERMARK").size();
  for (std::uint64_t length = 0; length < size; ++length) {
    ASSERT_FALSE(check_changed("WATERMARK", [&](auto& bytes) { bytes.resize(length); })) << length;
    ASSERT_FALSE(HasFailure()) << length;
  }
}

TEST_F(EveryByteTest, EveryLengthOfAnEarlierSegment) {
  const std::uint64_t data_end = damage_.header(2).predecessor.offset;
  for (std::uint64_t length = 0; length < damage_.bytes(damage_.segment(1)).size(); ++length) {
    if (length % 31 != 0 && (length < data_end - 50 || length > data_end + 300)) continue;
    const bool refused =
        check_changed(damage_.segment(1), [&](auto& bytes) { bytes.resize(length); });
    ASSERT_EQ(refused, length < data_end) << length;
  }
}

// Without the other witnesses the tail may be cut, but never into what a later frame proves.
TEST_F(EveryByteTest, FlipInTheLastSegmentWithoutTheWatermarkFile) {
  damage_.drop_marks();
  const auto frames = damage_.frames(3);
  std::uint64_t proven = 0;
  for (std::uint64_t at = format::kSegmentHeaderBytes; at < frames.back().end(); ++at) {
    if (!chosen(frames, at)) continue;
    const auto copy = disk_.clone();
    DiskDamage(*copy).change(last_, [&](auto& bytes) { flip(bytes, at); });
    const auto log = Log::open(kLogDir, test_options(*copy));
    proven = 0;
    for (const FrameAt& frame : frames) {
      const bool hit = at >= frame.offset && at < frame.end();
      if (!hit) proven = std::max(proven, frame.header.synced.value);
    }
    const auto hit =
        std::find_if(frames.begin(), frames.end(), [&](const FrameAt& f) { return at < f.end(); });
    ASSERT_EQ(log.has_value(), hit->header.first_lsn.value > proven) << at;
    if (!log) continue;
    const auto records = read_from(*log).records;
    ASSERT_EQ(records.size(), hit->header.first_lsn.value - 1) << at;
    ASSERT_TRUE(std::equal(records.begin(), records.end(), expected_.begin())) << at;
  }
}

TEST_F(EveryByteTest, VerifyReportsEveryFlipInSealedData) {
  for (std::uint64_t number = 1; number <= 2; ++number) {
    const std::string file = damage_.segment(number);
    const std::uint64_t seal_at = damage_.header(number + 1).predecessor.offset;
    const auto frames = damage_.frames(number);
    const std::uint64_t end = frames.back().end();  // Of the index.
    ASSERT_EQ(frames.back().header.kind, format::FrameKind::index);
    ASSERT_EQ(frames[frames.size() - 2].offset, seal_at);
    auto dir = disk_.open_directory(kLogDir, false);
    auto handle = (*dir)->open(file, OpenMode::read_write);
    ASSERT_TRUE(handle);
    for (std::uint64_t at = 0; at < end; ++at) {
      if (!chosen(frames, at)) continue;
      std::byte byte{};
      ASSERT_TRUE((*handle)->read_at(at, {&byte, 1}));
      const std::byte flipped = byte ^ static_cast<std::byte>(1u << (at * 3 % 8));
      ASSERT_TRUE((*handle)->write_at(at, ByteView(&flipped, 1)).ok());
      const auto report = verify(kLogDir, {.file_system = &disk_});
      ASSERT_TRUE(report) << at;
      ASSERT_EQ(report->recovery.verdict, Verdict::rot) << file << " at " << at;
      ASSERT_EQ(report->recovery.damage.size(), 1u) << file << " at " << at << "\n"
                                                    << report->recovery.to_string();
      ASSERT_EQ(report->recovery.damage[0].file, file);
      ASSERT_LE(report->recovery.damage[0].offset, at);
      ASSERT_TRUE((*handle)->write_at(at, ByteView(&byte, 1)).ok());
    }
  }
}

}  // namespace
}  // namespace forelog::testing
