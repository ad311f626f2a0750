// A disk that is truly full: an ext4 of a few megabytes in a file. Appends end with no_space and add
// nothing; what was acknowledged stays; reading, verifying, trimming and closing work without a free
// block; and appends go on when there is space again.
//
// Needs root, for a loop device; skipped, with the reason, where that is not to be had.
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "crash/private_mounts.h"
#include "forelog/log.h"
#include "support/program.h"

namespace forelog::crash_test {
namespace {

using cli_test::Arguments;
using cli_test::mentions;
using cli_test::Outcome;
using cli_test::run_command;

constexpr std::uint64_t kDiskBytes = 12 * MiB;
constexpr std::size_t kRecordBytes = 1000;

class RealFullDiskTest : public cli_test::ProgramTest {
 protected:
  void SetUp() override {
    const Status mounts = private_mounts();
    if (!mounts.ok()) GTEST_SKIP() << "no private mounts: " << mounts.message();
    const std::string image = dir().native() + ".ext4";
    std::ofstream(image).close();
    std::filesystem::resize_file(image, kDiskBytes);
    const std::string failed = put_in_place(image);
    // Once it is mounted, the loop device keeps it.
    std::filesystem::remove(image);
    if (!failed.empty()) GTEST_SKIP() << failed;
    mounted_ = true;
  }
  void TearDown() override {
    if (!mounted_) return;
    EXPECT_TRUE(unmount(dir()).ok());
  }

  // Without a number of its own, so that `from` alone says which one it is.
  static std::string record(std::uint64_t lsn) {
    std::string text = std::to_string(lsn) + " ";
    text.resize(kRecordBytes, static_cast<char>('a' + lsn % 26));
    return text;
  }
  static std::string records(std::uint64_t first, std::uint64_t last) {
    std::string lines;
    for (std::uint64_t lsn = first; lsn <= last; ++lsn) lines += record(lsn) + "\n";
    return lines;
  }

  // Takes the disk's last free blocks, but for one or two that ext4 may keep for itself.
  void take_all_space() const {
    const std::string path = dir() / "ballast";
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    cli_test::check(file >= 0, "open the ballast");
    for (std::size_t bytes = 64 * KiB; bytes >= KiB; bytes /= 2) {
      const std::string block(bytes, 'x');
      while (::write(file, block.data(), block.size()) > 0) {
      }
      EXPECT_EQ(errno, ENOSPC);
      EXPECT_EQ(::fsync(file), 0);
    }
    ::close(file);
    EXPECT_LE(free_bytes(), 2 * KiB);
  }
  void give_space_back() const { std::filesystem::remove(dir() / "ballast"); }
  std::uint64_t free_bytes() const {
    struct statvfs found {};
    cli_test::check(::statvfs(dir().c_str(), &found) == 0, "statvfs");
    return found.f_bavail * found.f_frsize;
  }

  // The last LSN, of those from `first` on, each with its bytes.
  std::uint64_t last_found(std::uint64_t first) const {
    const std::string found = raw();
    const std::uint64_t last = first - 1 + found.size() / (kRecordBytes + 1);
    EXPECT_TRUE(found == records(first, last)) << "other records than were sent";
    return last;
  }

 private:
  // "", or why not.
  std::string put_in_place(const std::string& image) const {
    try {
      const Outcome made = run_command({"mkfs.ext4", "-q", "-F", "-m", "0", image});
      if (made.code != 0) return "no mkfs.ext4: " + made.err;
      const Outcome put = run_command({"mount", "-o", "loop", image, dir().native()});
      return put.code == 0 ? "" : "no loop device: " + put.err;
    } catch (const std::system_error& error) {
      return std::string("mkfs.ext4 and mount cannot be run: ") + error.what();
    }
  }

  bool mounted_ = false;
};

TEST_F(RealFullDiskTest, TheProgramFillsItReadsItTrimsItAndGoesOn) {
  const Arguments small = {"--segment-bytes", "1MiB"};
  const std::uint64_t sent = 2 * kDiskBytes / kRecordBytes;
  const Outcome full = run("append", small, records(1, sent));
  EXPECT_EQ(full.code, 1);
  EXPECT_TRUE(mentions(full.err, "No space left")) << full.err;
  EXPECT_TRUE(mentions(full.err, "`forelog trim`")) << full.err;
  const std::uint64_t last = last_found(1);
  EXPECT_LT(last, sent);
  // Each was acknowledged, and was synced when the log was closed.
  EXPECT_TRUE(full.out.ends_with("\n" + std::to_string(last) + "\n"));
  take_all_space();

  EXPECT_EQ(last_found(1), last);
  EXPECT_EQ(run("verify").code, 0);
  EXPECT_EQ(run("info").code, 0);
  // Opens, finds room for what the last segment still has room for, and closes.
  const Outcome more = run("append", small, records(last + 1, last + 5000));
  EXPECT_EQ(more.code, 1);
  EXPECT_TRUE(mentions(more.err, "No space left")) << more.err;
  const std::uint64_t last_of_all = last_found(1);

  const Outcome trim = run("trim", {"--keep-from", std::to_string(last / 2), "--json"});
  EXPECT_EQ(trim.code, 0) << trim.err;
  const std::uint64_t first = cli_test::Json::parse(trim.out)["after"]["first_lsn"];
  EXPECT_GT(first, 1u);
  EXPECT_LE(first, last / 2);
  EXPECT_GT(free_bytes(), 0u);
  EXPECT_EQ(run("append", small, records(last_of_all + 1, last_of_all + 2000)).code, 0);
  EXPECT_EQ(last_found(first), last_of_all + 2000);
  EXPECT_EQ(run("verify").code, 0);
}

TEST_F(RealFullDiskTest, AnOpenLogGoesOnByItselfWhenSpaceReturns) {
  Log opened = Log::open(log(), {.segment_bytes = MiB}).value();
  ASSERT_TRUE(opened.commit(record(1)).has_value());
  take_all_space();
  std::uint64_t last = 1;
  const auto append = [&]() -> Status {
    const auto lsn = opened.append(record(last + 1));
    if (!lsn) return lsn.error();
    EXPECT_EQ(lsn->value, ++last);
    return {};
  };
  while (append().ok()) ASSERT_LT(last, 2 * kDiskBytes / kRecordBytes);
  for (int again = 0; again < 3; ++again) EXPECT_EQ(append().code(), Code::no_space);
  // What has an LSN has its place.
  EXPECT_TRUE(opened.wait(Lsn(last)).ok());
  EXPECT_TRUE(opened.health().ok());
  EXPECT_EQ(last_found(1), last);  // Another process reads beside it.

  give_space_back();
  for (int more = 0; more < 2000; ++more) EXPECT_TRUE(append().ok());
  EXPECT_TRUE(opened.wait(Lsn(last)).ok());

  take_all_space();
  while (append().ok()) ASSERT_LT(last, 4 * kDiskBytes / kRecordBytes);
  EXPECT_TRUE(opened.keep_from(Lsn(last)).ok());
  const std::uint64_t first = opened.first_lsn().value;
  EXPECT_GT(first, 1u);
  for (int more = 0; more < 500; ++more) EXPECT_TRUE(append().ok());
  EXPECT_TRUE(opened.close().ok());
  EXPECT_EQ(last_found(first), last);
  EXPECT_EQ(run("verify").code, 0);
}

}  // namespace
}  // namespace forelog::crash_test
