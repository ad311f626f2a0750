// A snapshot of more than 4 GiB, of which every length and offset needs more than 32 bits: on a disk that
// remembers only what is not zero.
#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "snapshot/test_snapshots.h"

namespace forelog::testing {
namespace {

using Pages = std::map<std::uint64_t, std::vector<std::byte>>;

struct Content {
  std::uint64_t bytes = 0;
  Pages pages;  // By number; the others are zeros.
};

class SparseFile final : public File {
 public:
  explicit SparseFile(Content& content) : content_(content) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> to) const override {
    if (offset >= content_.bytes) return std::size_t{0};
    const std::uint64_t end = std::min<std::uint64_t>(offset + to.size(), content_.bytes);
    to = to.first(static_cast<std::size_t>(end - offset));
    std::fill(to.begin(), to.end(), std::byte{0});
    auto page = content_.pages.lower_bound(offset / kBlockBytes);
    for (; page != content_.pages.end() && page->first * kBlockBytes < end; ++page) {
      const std::uint64_t first = std::max(page->first * kBlockBytes, offset);
      const std::uint64_t last = std::min((page->first + 1) * kBlockBytes, end);
      std::memcpy(to.data() + (first - offset), page->second.data() + first % kBlockBytes,
                  last - first);
    }
    return to.size();
  }
  Status write_at(std::uint64_t offset, std::span<const ByteView> parts) override {
    for (ByteView part : parts) {
      while (!part.empty()) {
        const std::size_t size = std::min(part.size(), kBlockBytes - offset % kBlockBytes);
        put(offset, part.first(size));
        part = part.subspan(size);
        offset += size;
      }
    }
    content_.bytes = std::max(content_.bytes, offset);
    return {};
  }
  Status sync_data() override { return {}; }
  Status allocate(std::uint64_t bytes) override {
    content_.bytes = std::max(content_.bytes, bytes);
    return {};
  }
  Status truncate(std::uint64_t bytes) override {
    content_.bytes = bytes;
    return {};
  }
  Result<std::uint64_t> size() const override { return content_.bytes; }
  void watch(std::uint64_t /*offset*/, std::uint32_t /*seen*/,
             std::chrono::microseconds /*timeout*/) const override {}
  void wake_watchers(std::uint64_t /*offset*/) override {}

 private:
  void put(std::uint64_t offset, ByteView part) {
    static constexpr std::byte kZeros[kBlockBytes] = {};
    const std::uint64_t number = offset / kBlockBytes;
    if (!content_.pages.contains(number) && std::memcmp(part.data(), kZeros, part.size()) == 0) {
      return;
    }
    std::vector<std::byte>& page = content_.pages[number];
    page.resize(kBlockBytes);
    std::memcpy(page.data() + offset % kBlockBytes, part.data(), part.size());
  }

  Content& content_;
};

// One file, under whatever name it has last been given.
class SparseDirectory final : public Directory {
 public:
  const std::filesystem::path& path() const override { return kSnapshotDir; }
  Result<std::unique_ptr<File>> open(std::string_view /*name*/, OpenMode /*mode*/) override {
    return std::unique_ptr<File>(std::make_unique<SparseFile>(content_));
  }
  Result<std::vector<FileEntry>> list() override { return std::vector<FileEntry>(); }
  Status rename(std::string_view /*from*/, std::string_view /*to*/) override { return {}; }
  Status remove(std::string_view /*name*/) override { return {}; }
  Status sync() override { return {}; }
  Result<std::unique_ptr<Directory>> open_directory(std::string_view /*name*/,
                                                    bool /*create*/) override {
    return Status(Code::not_found, "there is none");
  }
  Result<std::unique_ptr<DirectoryLock>> lock(std::string_view /*name*/) override {
    return Status(Code::busy, "there is none");
  }
  Result<bool> locked(std::string_view /*name*/) override { return false; }
  Result<std::uint64_t> free_bytes() override { return UINT64_MAX; }

 private:
  Content content_;
};

TEST(SnapshotLargeTest, BehindFourGibibytes) {
  if (kSanitized) GTEST_SKIP() << "4 GiB take too long under sanitizers";
  SparseDirectory dir;
  // A multiple of no block, with something at both ends of each stretch.
  const std::uint64_t bytes = 4 * GiB + 123 * MiB + 45;
  std::vector<std::byte> stretch(48 * MiB);
  auto writer = *snapshot::SnapshotWriter::begin(dir, header_of(7),
                                                 {.block_bytes = format::kSnapshotBlockBytesLimit});
  for (std::uint64_t at = 0; at < bytes; at += stretch.size()) {
    base::store_le(stretch.data(), at);
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(stretch.size(), bytes - at));
    ASSERT_TRUE(writer->write(ByteView(stretch.data(), part)).ok());
  }
  const auto file_bytes = writer->publish();
  ASSERT_TRUE(file_bytes);
  EXPECT_GT(*file_bytes, bytes);

  auto reader = *snapshot::SnapshotReader::open(dir, snapshot::snapshot_name(Lsn(7)), nullptr);
  std::uint64_t at = 0;
  for (; at < bytes; at += stretch.size()) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(stretch.size(), bytes - at));
    const Status read = reader->read_exactly(std::span(stretch).first(part));
    ASSERT_TRUE(read.ok()) << read.message();
    ASSERT_EQ(base::load_le<std::uint64_t>(stretch.data()), at);
  }
  EXPECT_EQ(*reader->read(stretch), 0u);
  EXPECT_TRUE(reader->finish().ok());
}

}  // namespace
}  // namespace forelog::testing
