// TestDisk: a log on a disk in memory, and the vocabulary in which tests of recovery are written:
// make records, damage bytes, cut the power, open again, compare.
// Threading: none. Every Log it opens works without threads of its own, so that runs repeat.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "forelog/fault_file_system.h"
#include "forelog/log.h"
#include "forelog/maintain.h"
#include "forelog/memory_file_system.h"
#include "format/frame.h"
#include "format/segment_header.h"
#include "format/watermark.h"
#include "segment/segment_name.h"

namespace forelog::testing {

// Sanitizers make a test ten times slower; one that tries everything then tries less.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

inline const std::filesystem::path kLogDir = "/log";

inline std::string record_of(std::uint64_t lsn, std::size_t bytes) {
  std::string text = "record " + std::to_string(lsn) + " ";
  text.resize(bytes, static_cast<char>('a' + lsn % 26));
  return text;
}

// A frame as it lies in a segment's file.
struct FrameAt {
  format::FrameHeader header;
  std::uint64_t offset = 0;

  std::uint64_t end() const { return offset + format::frame_bytes(header.body_bytes); }
};

// What reading a log gave, and how it ended.
struct Reading {
  std::map<std::uint64_t, std::string> records;
  Status end;
  std::vector<Damage> holes;
};

inline Reading read_from(const Log& log, ReadOptions options = {}) {
  Reading reading;
  Cursor cursor = log.read(std::move(options));
  while (true) {
    auto entry = cursor.next();
    if (!entry) reading.end = entry.error();
    if (!entry || !*entry) break;
    reading.records.emplace((*entry)->lsn.value, (*entry)->payload.text());
  }
  reading.holes = cursor.holes();
  return reading;
}

inline Options test_options(FileSystem& file_system) {
  Options options;
  options.file_system = &file_system;
  options.segment_bytes = 64 * KiB;
  options.write_behind = std::chrono::milliseconds(0);
  options.group_commit_delay_max = std::chrono::microseconds(0);
  options.preallocate = false;
  return options;
}

// Damage that is done to a disk from outside.
class DiskDamage {
 public:
  explicit DiskDamage(MemoryFileSystem& disk) : disk_(disk) {}

  static std::string segment(std::uint64_t number) { return segment::segment_name(number); }
  static std::filesystem::path path(const std::string& name) { return kLogDir / name; }

  std::vector<std::byte> bytes(const std::string& name) const {
    auto bytes = disk_.read_file(path(name));
    EXPECT_TRUE(bytes) << name;
    return bytes ? *std::move(bytes) : std::vector<std::byte>();
  }
  void put(const std::string& name, const std::vector<std::byte>& bytes) {
    EXPECT_TRUE(disk_.write_file(path(name), ByteView(std::span(bytes))).ok()) << name;
  }
  void change(const std::string& name, const std::function<void(std::vector<std::byte>&)>& how) {
    std::vector<std::byte> file = bytes(name);
    how(file);
    put(name, file);
  }
  void flip(const std::string& name, std::uint64_t offset, unsigned bit = 0) {
    change(name, [&](auto& file) { file.at(offset) ^= static_cast<std::byte>(1u << bit); });
  }
  void zero(const std::string& name, std::uint64_t from, std::uint64_t to) {
    change(name, [&](auto& file) {
      for (std::uint64_t at = from; at < to; ++at) file.at(at) = std::byte{0};
    });
  }
  void shorten(const std::string& name, std::uint64_t bytes_left) {
    change(name, [&](auto& file) { file.resize(bytes_left); });
  }
  void remove(const std::string& name) { EXPECT_TRUE(disk_.remove_file(path(name)).ok()) << name; }
  bool has(const std::string& name) const { return disk_.read_file(path(name)).has_value(); }

  // Names of the files in the log's directory and below that `filter` is part of.
  std::vector<std::string> files(std::string_view filter = "") const {
    std::vector<std::string> names;
    for (const auto& file : disk_.list_files()) {
      std::string name = file.lexically_relative(kLogDir).string();
      if (name.find(filter) != std::string::npos) names.push_back(std::move(name));
    }
    return names;
  }
  // Every file but LOCK, with its bytes: to see that nothing was changed.
  std::map<std::string, std::vector<std::byte>> everything() const {
    std::map<std::string, std::vector<std::byte>> all;
    for (const std::string& name : files()) {
      if (name != "LOCK") all.emplace(name, bytes(name));
    }
    return all;
  }

  format::SegmentHeader header(std::uint64_t number) const {
    const std::vector<std::byte> file = bytes(segment(number));
    format::SegmentHeader header;
    std::uint32_t version = 0;
    EXPECT_EQ(format::decode_segment_header(std::span(file).first<format::kSegmentHeaderBytes>(),
                                            header, version),
              format::HeaderCheck::valid);
    return header;
  }
  void put_header(std::uint64_t number, const format::SegmentHeader& header) {
    change(segment(number), [&](std::vector<std::byte>& file) {
      format::encode_segment_header(header, std::span(file).first<format::kSegmentHeaderBytes>());
    });
  }
  // The frames of a segment up to the first thing that does not verify.
  std::vector<FrameAt> frames(std::uint64_t number) const {
    const std::vector<std::byte> file = bytes(segment(number));
    const std::uint64_t key = format::segment_key(header(number));
    std::vector<FrameAt> found;
    for (std::uint64_t at = format::kSegmentHeaderBytes;
         at + format::kFrameHeaderBytes <= file.size();) {
      FrameAt frame;
      const auto bytes_at = std::span(file).subspan(at).first<format::kFrameHeaderBytes>();
      if (format::decode_frame_header(bytes_at, format::position_seed(key, at), frame.header) !=
          format::FrameCheck::valid) {
        break;
      }
      frame.offset = at;
      at = frame.end();
      found.push_back(frame);
    }
    return found;
  }
  // Writes a frame of `kind` without a body at `offset`, as a writer would have.
  void put_frame(std::uint64_t number, std::uint64_t offset, format::FrameHeader frame) {
    const std::uint64_t key = format::segment_key(header(number));
    change(segment(number), [&](std::vector<std::byte>& file) {
      format::encode_frame_header(
          frame, {}, format::position_seed(key, offset),
          std::span(file).subspan(offset).first<format::kFrameHeaderBytes>());
    });
  }
  std::optional<format::WatermarkRecord> mark(std::uint64_t block) const {
    const std::vector<std::byte> file = bytes("WATERMARK");
    format::WatermarkRecord record;
    const auto at = std::span(file).subspan(block * format::kWatermarkBlockBytes);
    if (!format::decode_watermark(at.first<format::kWatermarkRecordBytes>(), record)) {
      return std::nullopt;
    }
    return record;
  }
  void put_mark(std::uint64_t block, const format::WatermarkRecord& record) {
    change("WATERMARK", [&](std::vector<std::byte>& file) {
      format::encode_watermark(record, std::span(file)
                                           .subspan(block * format::kWatermarkBlockBytes)
                                           .first<format::kWatermarkRecordBytes>());
    });
  }
  // So that nothing but the segments can be a witness.
  void drop_marks() { remove("WATERMARK"); }

 private:
  MemoryFileSystem& disk_;
};

class TestDisk : public ::testing::Test {
 protected:
  TestDisk() { options_ = test_options(faults_); }

  Result<Log> try_open() { return Log::open(kLogDir, options_); }
  Result<Log> try_open(RecoveryPolicy policy) {
    Options options = options_;
    options.recovery = policy;
    return Log::open(kLogDir, options);
  }
  // Opens, or fails the test; the report is then in report_.
  void open(RecoveryPolicy policy = RecoveryPolicy::strict) {
    end_process();
    Result<Log> log = try_open(policy);
    ASSERT_TRUE(log) << log.error().message();
    log_.emplace(*std::move(log));
    report_ = log_->recovery();
  }
  void close() {
    ASSERT_TRUE(log_->close().ok());
    log_.reset();
  }
  LogInfo info() {
    auto looked = inspect(kLogDir, {.file_system = &disk_});
    EXPECT_TRUE(looked) << looked.error().message();
    return looked ? *std::move(looked) : LogInfo();
  }
  // The process dies; what it had written stays.
  void end_process() {
    disk_.kill_process();
    log_.reset();
  }
  void cut_power() {
    disk_.power_cut();
    log_.reset();
  }

  // Appends `count` records of `bytes` bytes and syncs each, so that each is a frame.
  void commit(std::uint64_t count, std::size_t bytes = 100) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t lsn = log_->watermarks().appended.value + 1;
      expected_[lsn] = record_of(lsn, bytes);
      const auto got = log_->commit(expected_[lsn]);
      ASSERT_TRUE(got) << got.error().message();
      ASSERT_EQ(got->value, lsn);
    }
  }
  // Appends and writes, each a frame, without a sync.
  void write(std::uint64_t count, std::size_t bytes = 100) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t lsn = log_->watermarks().appended.value + 1;
      expected_[lsn] = record_of(lsn, bytes);
      const auto got = log_->commit(expected_[lsn], Durability::written);
      ASSERT_TRUE(got) << got.error().message();
    }
  }
  // A log of three segments with records of 5000 bytes, 12 or so each; the last one not full.
  void fill_three_segments() {
    open();
    while (damage_.files(".segment").size() < 3) commit(1, 5000);
    commit(4, 5000);
  }

  void expect_records(std::uint64_t first, std::uint64_t last, const Reading& reading) {
    EXPECT_TRUE(reading.end.ok()) << reading.end.message();
    std::map<std::uint64_t, std::string> wanted(expected_.lower_bound(first),
                                                expected_.upper_bound(last));
    EXPECT_EQ(reading.records.size(), wanted.size());
    EXPECT_TRUE(reading.records == wanted);
  }
  void expect_records(std::uint64_t first, std::uint64_t last) {
    expect_records(first, last, read_from(*log_));
  }
  // Strict recovery refuses, changes nothing, and names the file.
  void expect_refusal(const std::string& file, Lsn first_lost = {}, Lsn last_lost = {}) {
    end_process();
    const auto before = damage_.everything();
    const auto log = try_open();
    ASSERT_FALSE(log);
    EXPECT_EQ(log.error().code(), Code::corrupt) << log.error().message();
    EXPECT_NE(log.error().message().find(file), std::string::npos) << log.error().message();
    EXPECT_TRUE(damage_.everything() == before) << "a refusal changed something";
    const auto info = inspect(kLogDir, {.file_system = &disk_});
    ASSERT_TRUE(info);
    EXPECT_EQ(info->recovery.verdict, Verdict::rot);
    const auto& all = info->recovery.damage;
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const Damage& d) { return d.file == file; });
    ASSERT_NE(found, all.end()) << info->recovery.to_string();
    if (first_lost != Lsn()) {
      EXPECT_EQ(found->first_lsn, first_lost) << info->recovery.to_string();
      EXPECT_EQ(found->last_lsn, last_lost) << info->recovery.to_string();
    }
    damage_found_ = *found;
  }

  MemoryFileSystem disk_;
  FaultFileSystem faults_{disk_};
  DiskDamage damage_{disk_};
  Options options_;
  std::optional<Log> log_;
  RecoveryReport report_;
  Damage damage_found_;
  std::map<std::uint64_t, std::string> expected_;
};

}  // namespace forelog::testing
