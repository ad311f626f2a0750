#include "cli/doctor.h"

#include <gtest/gtest.h>

#include "forelog/bytes.h"

namespace forelog::cli {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::string_view kMounts =
    "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
    "27 1 254:0 / / rw,noatime shared:1 master:2 - ext4 /dev/vda rw,barrier=0\n"
    "28 27 8:17 /log /mnt/my\\040disk rw - xfs /dev/sdb1 rw,attr2\n";

Health of_type(std::string type, std::string options = "rw") {
  return judge_file_system({std::move(type), "source", "/mnt", std::move(options), "8:1"}).health;
}

TEST(DoctorTest, FindsTheMount) {
  const Mount root = parse_mount(kMounts, 27);
  EXPECT_EQ(root.type, "ext4");
  EXPECT_EQ(root.source, "/dev/vda");
  EXPECT_EQ(root.point, "/");
  EXPECT_EQ(root.device, "254:0");
  EXPECT_TRUE(root.has_option("noatime"));
  EXPECT_FALSE(root.has_option("atime"));
  EXPECT_TRUE(root.without_barriers());
  const Mount disk = parse_mount(kMounts, 28);
  EXPECT_EQ(disk.point, "/mnt/my disk");
  EXPECT_EQ(disk.type, "xfs");
  EXPECT_FALSE(disk.without_barriers());
  EXPECT_EQ(parse_mount(kMounts, 2).type, "");
  EXPECT_EQ(parse_mount("27 1", 27).type, "");
}

TEST(DoctorTest, JudgesFileSystems) {
  for (const char* good : {"ext4", "xfs", "btrfs"}) EXPECT_EQ(of_type(good), Health::ok) << good;
  for (const char* lost : {"tmpfs", "ramfs"}) EXPECT_EQ(of_type(lost), Health::problem) << lost;
  for (const char* doubtful : {"nfs", "nfs4", "cifs", "9p", "fuse.sshfs", "fuseblk", "overlay"}) {
    EXPECT_EQ(of_type(doubtful), Health::warning) << doubtful;
  }
  EXPECT_EQ(of_type("vfat"), Health::note);
  EXPECT_EQ(of_type(""), Health::note);
  EXPECT_EQ(of_type("ext4", "ro"), Health::note);
  EXPECT_EQ(of_type("ext4", "rw,nobarrier"), Health::problem);
  EXPECT_EQ(of_type("overlay", "rw,volatile"), Health::problem);
}

TEST(DoctorTest, JudgesDevices) {
  const Mount mount = parse_mount(kMounts, 28);
  const Mount careless = parse_mount(kMounts, 27);
  EXPECT_EQ(judge_device({"sda1", "write back", false, false}, mount).health, Health::ok);
  EXPECT_EQ(judge_device({"sda1", "write back", false, false}, careless).health, Health::problem);
  EXPECT_EQ(judge_device({"sda1", "write through", false, false}, careless).health, Health::ok);
  EXPECT_EQ(judge_device({"loop0", "write back", true, false}, mount).health, Health::note);
  EXPECT_EQ(judge_device({"zram0", "", false, true}, mount).health, Health::problem);
  EXPECT_EQ(judge_device({}, mount).health, Health::note);
}

TEST(DoctorTest, JudgesSyncs) {
  EXPECT_EQ(judge_sync(microseconds(2)).health, Health::problem);
  EXPECT_EQ(judge_sync(microseconds(20)).health, Health::note);
  EXPECT_EQ(judge_sync(microseconds(300)).health, Health::ok);
  EXPECT_EQ(judge_sync(milliseconds(20)).health, Health::ok);
}

TEST(DoctorTest, JudgesSpaceAndLimits) {
  EXPECT_EQ(judge_space(63 * MiB, 64 * MiB).health, Health::problem);
  EXPECT_EQ(judge_space(100 * MiB, 64 * MiB).health, Health::warning);
  EXPECT_EQ(judge_space(GiB, 64 * MiB).health, Health::ok);
  EXPECT_EQ(judge_inodes(0, 0).health, Health::ok);
  EXPECT_EQ(judge_inodes(1000, 0).health, Health::problem);
  EXPECT_EQ(judge_inodes(1000, 10).health, Health::warning);
  EXPECT_EQ(judge_file_size_limit(UINT64_MAX, 64 * MiB).health, Health::ok);
  EXPECT_EQ(judge_file_size_limit(GiB, 64 * MiB).health, Health::warning);
  EXPECT_EQ(judge_file_size_limit(MiB, 64 * MiB).health, Health::problem);
}

}  // namespace
}  // namespace forelog::cli
