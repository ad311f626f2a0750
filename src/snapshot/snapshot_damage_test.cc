// A damaged snapshot is never loaded, in part or whole: every flip, every length, every block that is
// moved, doubled, dropped or another file's, ends in `corrupt` that names the file and the offset.
#include <gtest/gtest.h>

#include <functional>

#include "base/checksum.h"
#include "snapshot/test_snapshots.h"

namespace forelog::testing {
namespace {

using Bytes = std::vector<std::byte>;

// As of 40 bytes in each block but the last: some shrink, some do not.
std::string mixed_state(char seed) {
  std::string state;
  for (int i = 0; i < 5; ++i) {
    for (int k = 0; k < 40; ++k) state += static_cast<char>(i % 2 == 0 ? seed : seed + k);
  }
  return state + "the end";
}

struct BlockAt {
  std::size_t offset = 0, bytes = 0;
};

class SnapshotDamageTest : public ::testing::TestWithParam<bool> {
 protected:
  SnapshotDamageTest() : dir_(*disk_.open_directory(kSnapshotDir, true)) {
    options_.block_bytes = 40;
    if (GetParam()) options_.compression = &runs_;
    EXPECT_TRUE(put_snapshot(*dir_, header_of(7), state_, options_).ok());
    good_ = read(7);
    EXPECT_TRUE(put_snapshot(*dir_, header_of(8), mixed_state('B'), options_).ok());
    other_ = read(8);
    EXPECT_EQ(good_.size(), other_.size());
  }

  static std::string name(std::uint64_t lsn) { return snapshot::snapshot_name(Lsn(lsn)); }
  Bytes read(std::uint64_t lsn) { return *disk_.read_file(kSnapshotDir / name(lsn)); }
  Result<std::string> load(const Bytes& bytes, std::optional<Damage>* damage = nullptr) {
    EXPECT_TRUE(disk_.write_file(kSnapshotDir / name(7), ByteView(std::span(bytes))).ok());
    return get_snapshot(*dir_, name(7), options_.compression, damage, 13);
  }

  // False when it was not, for loops to end.
  bool expect_corrupt(const Bytes& bytes, const std::string& how) {
    std::optional<Damage> damage;
    const auto loaded = load(bytes, &damage);
    if (loaded || loaded.error().code() != Code::corrupt || !damage) {
      ADD_FAILURE() << how << ": "
                    << (loaded ? "it was loaded" : std::string(loaded.error().message()));
      return false;
    }
    EXPECT_EQ(damage->file, name(7)) << how;
    EXPECT_LE(damage->offset, bytes.size()) << how;
    const std::string message(loaded.error().message());
    EXPECT_NE(message.find(kSnapshotDir / name(7)), std::string::npos) << message;
    EXPECT_NE(message.find("offset " + std::to_string(damage->offset)), std::string::npos)
        << message;
    return !HasFailure();
  }

  // The end mark is the last of them.
  static std::vector<BlockAt> blocks(const Bytes& bytes) {
    std::vector<BlockAt> found;
    for (std::size_t at = format::kSnapshotHeaderBytes; at < bytes.size();) {
      const std::size_t size =
          format::kSnapshotBlockHeaderBytes + base::load_le<std::uint32_t>(bytes.data() + at + 12);
      found.push_back({at, size});
      at += size;
    }
    return found;
  }
  static Bytes part(const Bytes& bytes, std::size_t offset, std::size_t size) {
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(offset);
    return {begin, begin + static_cast<std::ptrdiff_t>(size)};
  }
  // good_ with these blocks in the place of its own.
  Bytes with_blocks(const std::vector<Bytes>& list) const {
    Bytes bytes = part(good_, 0, format::kSnapshotHeaderBytes);
    for (const Bytes& block : list) bytes.insert(bytes.end(), block.begin(), block.end());
    return bytes;
  }
  static std::vector<Bytes> block_list(const Bytes& bytes) {
    std::vector<Bytes> list;
    for (const BlockAt& block : blocks(bytes)) {
      list.push_back(part(bytes, block.offset, block.bytes));
    }
    return list;
  }

  MemoryFileSystem disk_;
  std::unique_ptr<Directory> dir_;
  RunLength runs_;
  snapshot::WriterOptions options_;
  const std::string state_ = mixed_state('A');
  Bytes good_, other_;
};

INSTANTIATE_TEST_SUITE_P(, SnapshotDamageTest, ::testing::Bool(),
                         [](const auto& each) { return each.param ? "compressed" : "raw"; });

TEST_P(SnapshotDamageTest, TheGoodOneLoads) {
  EXPECT_EQ(*load(good_), state_);
  EXPECT_EQ(blocks(good_).size(), 7u);
}

TEST_P(SnapshotDamageTest, EveryFlippedBit) {
  for (std::size_t bit = 0; bit < good_.size() * 8; ++bit) {
    Bytes bytes = good_;
    bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    if (!expect_corrupt(bytes, "bit " + std::to_string(bit))) return;
  }
}

TEST_P(SnapshotDamageTest, EveryLength) {
  for (std::size_t size = 0; size < good_.size(); ++size) {
    if (!expect_corrupt(part(good_, 0, size), "cut to " + std::to_string(size))) return;
  }
  for (std::size_t more = 1; more <= 600; ++more) {
    Bytes bytes = good_;
    bytes.resize(good_.size() + more);
    if (!expect_corrupt(bytes, std::to_string(more) + " zeros behind it")) return;
    for (std::size_t i = 0; i < more; ++i) bytes[good_.size() + i] = good_[i % good_.size()];
    if (!expect_corrupt(bytes, std::to_string(more) + " bytes behind it")) return;
  }
}

TEST_P(SnapshotDamageTest, ZeroedStretches) {
  for (std::size_t bytes = 8; bytes <= 512; bytes *= 8) {
    for (std::size_t at = 0; at + 8 <= good_.size(); at += 8) {
      Bytes zeroed = good_;
      const std::size_t end = std::min(at + bytes, zeroed.size());
      std::fill(zeroed.begin() + static_cast<std::ptrdiff_t>(at),
                zeroed.begin() + static_cast<std::ptrdiff_t>(end), std::byte{0});
      if (zeroed == good_) continue;
      if (!expect_corrupt(zeroed, std::to_string(bytes) + " zeros at " + std::to_string(at))) {
        return;
      }
    }
  }
}

TEST_P(SnapshotDamageTest, BlocksThatAreDroppedDoubledExchangedOrAnotherFiles) {
  const std::vector<Bytes> own = block_list(good_), others = block_list(other_);
  for (std::size_t i = 0; i < own.size(); ++i) {
    const std::string which = "block " + std::to_string(i);
    std::vector<Bytes> list = own;
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(i));
    ASSERT_TRUE(expect_corrupt(with_blocks(list), which + " dropped"));
    list = own;
    list.insert(list.begin() + static_cast<std::ptrdiff_t>(i), own[i]);
    ASSERT_TRUE(expect_corrupt(with_blocks(list), which + " doubled"));
    list = own;
    list[i] = others[i];
    ASSERT_TRUE(expect_corrupt(with_blocks(list), which + " of another snapshot"));
    for (std::size_t k = i + 1; k < own.size(); ++k) {
      list = own;
      std::swap(list[i], list[k]);
      ASSERT_TRUE(expect_corrupt(with_blocks(list), which + " exchanged"));
    }
  }
  ASSERT_TRUE(expect_corrupt(with_blocks(others), "all blocks of another snapshot"));
  ASSERT_TRUE(expect_corrupt(other_, "another snapshot under this name"));
}

TEST_P(SnapshotDamageTest, AnEarlierSnapshotOfTheSameLsnHasOtherBlocks) {
  format::SnapshotHeader header = header_of(7);
  ++header.salt;
  ASSERT_TRUE(put_snapshot(*dir_, header, state_, options_).ok());
  const std::vector<Bytes> own = block_list(good_), earlier = block_list(read(7));
  for (std::size_t i = 0; i < own.size(); ++i) {
    std::vector<Bytes> list = own;
    list[i] = earlier[i];
    ASSERT_TRUE(expect_corrupt(with_blocks(list), "block " + std::to_string(i)));
  }
}

// ── What verifies, and lies ──────────────────────────────────────────────────

class SnapshotForgeryTest : public SnapshotDamageTest {
 protected:
  // good_ with one more thing changed in its block `index`, whose checksums are then put right.
  Bytes forge(std::size_t index, const std::function<void(std::byte* block)>& change) const {
    Bytes bytes = good_;
    const BlockAt block = blocks(good_)[index];
    std::byte* const at = bytes.data() + block.offset;
    change(at);
    const std::uint64_t seed = format::position_seed(
        format::snapshot_key(std::span(bytes).first<format::kSnapshotHeaderBytes>()), block.offset);
    const std::size_t head = format::kSnapshotBlockHeaderBytes;
    base::store_le(at + 24, base::checksum({at + head, block.bytes - head}, seed));
    base::store_le(at, base::checksum({at + 8, head - 8}, seed));
    return bytes;
  }
  template <typename T>
  Bytes forge(std::size_t index, std::size_t field, T value) const {
    return forge(index, [&](std::byte* block) { base::store_le<T>(block + field, value); });
  }
};

INSTANTIATE_TEST_SUITE_P(, SnapshotForgeryTest, ::testing::Bool(),
                         [](const auto& each) { return each.param ? "compressed" : "raw"; });

TEST_P(SnapshotForgeryTest, LengthsAreBoundedBeforeTheyAreBelieved) {
  for (const std::uint32_t lie : {0u, 1u, 39u, 41u, 4096u, 0x7fffffffu, 0xffffffffu}) {
    for (const std::size_t field : {12u, 16u}) {
      for (std::size_t i = 0; i < 7; ++i) {
        const Bytes bytes = forge<std::uint32_t>(i, field, lie);
        if (bytes == good_) continue;
        ASSERT_TRUE(expect_corrupt(bytes, std::to_string(lie) + " in block " + std::to_string(i)));
      }
    }
  }
}

TEST_P(SnapshotForgeryTest, TheEndMarkCountsEverything) {
  for (std::size_t field = 0; field < format::kSnapshotEndBytes; ++field) {
    const Bytes bytes = forge(6, [&](std::byte* block) {
      block[format::kSnapshotBlockHeaderBytes + field] ^= std::byte{1};
    });
    ASSERT_TRUE(expect_corrupt(bytes, "end mark, byte " + std::to_string(field)));
  }
  // Also of bytes that verify by themselves: they are not those that were written.
  ASSERT_TRUE(expect_corrupt(
      forge(1,
            [](std::byte* block) { block[format::kSnapshotBlockHeaderBytes + 1] ^= std::byte{4}; }),
      "a forged block"));
  ASSERT_TRUE(expect_corrupt(forge<std::uint16_t>(1, 22, 9), "a forged reserved field"));
}

TEST_P(SnapshotForgeryTest, ABlockOfANewerFormatIsUnsupportedAndNotDamage) {
  for (const Bytes& bytes : {forge<std::uint8_t>(1, 20, 3), forge<std::uint8_t>(1, 21, 2)}) {
    std::optional<Damage> damage;
    const auto loaded = load(bytes, &damage);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code(), Code::unsupported) << loaded.error().message();
    EXPECT_FALSE(damage);
  }
}

TEST_P(SnapshotForgeryTest, ACompressedBlockNeedsACompressedSnapshot) {
  const Bytes bytes = forge(1, [](std::byte* block) {
    base::store_le<std::uint8_t>(block + 21, 1);
    base::store_le<std::uint32_t>(block + 12, 39);
  });
  expect_corrupt(bytes, "a block that claims to be compressed");
}

}  // namespace
}  // namespace forelog::testing
