// What doctor reads of the file system, the device below it, the kernel and the process's limits.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

#include "cli/doctor.h"
#include "cli/units.h"
#include "forelog/bytes.h"
#include "forelog/file_system.h"

namespace forelog::cli {
namespace {

namespace fs = std::filesystem;

std::string content_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::string first_line_of(const fs::path& file) {
  const std::string text = content_of(file);
  return text.substr(0, text.find('\n'));
}

Mount mount_of(const std::string& dir) {
  struct statx found {};
  if (::statx(AT_FDCWD, dir.c_str(), 0, STATX_MNT_ID, &found) != 0) return {};
  if ((found.stx_mask & STATX_MNT_ID) == 0) return {};
  return parse_mount(content_of("/proc/self/mountinfo"), found.stx_mnt_id);
}

BlockDevice device_of(const Mount& mount) {
  std::error_code error;
  fs::path in_sys = "/sys/dev/block/" + mount.device;
  // Some file systems (btrfs) give numbers of their own; then the source names the device.
  struct stat source {};
  if (!fs::exists(in_sys, error) && ::stat(mount.source.c_str(), &source) == 0 &&
      S_ISBLK(source.st_mode)) {
    in_sys = "/sys/dev/block/" + std::to_string(major(source.st_rdev)) + ":" +
             std::to_string(minor(source.st_rdev));
  }
  const fs::path real = fs::canonical(in_sys, error);
  if (error) return {};
  BlockDevice device;
  device.name = real.filename();
  // A partition has no queue of its own.
  const fs::path whole = fs::exists(real / "partition", error) ? real.parent_path() : real;
  const std::string name = whole.filename();
  device.write_cache = first_line_of(whole / "queue/write_cache");
  device.loop = name.starts_with("loop");
  device.in_memory = name.starts_with("ram") || name.starts_with("zram");
  return device;
}

Finding primitive_of(const std::string& dir) {
  auto directory = posix_file_system().open_directory(fs::canonical(dir), false);
  if (!directory || (*directory)->overwrites_in_place()) {
    return {
        "writing", Health::ok,
        "pwrite and fdatasync, or around the page cache where that is faster, into segments that "
        "are reserved and written ahead",
        ""};
  }
  return {"writing", Health::note,
          "pwrite and fdatasync; copy-on-write: nothing is written ahead, and reserved space is no "
          "promise",
          "keep some space free; a full disk shows as a failed write here"};
}

Finding kernel() {
  struct utsname name {};
  if (::uname(&name) != 0) return {"kernel", Health::note, "does not tell its version", ""};
  const std::string release = name.release;
  int major_version = 0;
  std::from_chars(release.data(), release.data() + release.size(), major_version);
  Finding finding = {"kernel", Health::ok, std::string(name.sysname) + " " + release, ""};
  if (major_version < 4) {
    finding.health = Health::warning;
    finding.what += ": before 4.13 a failed write-back could be told to nobody";
    finding.advice = "use a newer kernel";
  }
  return finding;
}

// UINT64_MAX: no limit.
std::uint64_t limit_of(decltype(RLIMIT_NOFILE) which) {
  struct rlimit limit {};
  if (::getrlimit(which, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return UINT64_MAX;
  return limit.rlim_cur;
}

Finding open_files() {
  constexpr std::uint64_t kFew = 64;
  const std::uint64_t limit = limit_of(RLIMIT_NOFILE);
  Finding finding = {"open files", Health::ok, count_text(limit) + " (RLIMIT_NOFILE)", ""};
  if (limit == UINT64_MAX) finding.what = "no limit (RLIMIT_NOFILE)";
  if (limit < kFew) {
    finding.health = Health::warning;
    finding.advice = "`ulimit -n 1024`: a writer and each of its readers need some";
  }
  return finding;
}

Finding address_space() {
  constexpr std::uint64_t kLittle = 512 * MiB;
  const std::uint64_t limit = limit_of(RLIMIT_AS);
  if (limit == UINT64_MAX) return {"memory limit", Health::ok, "none (RLIMIT_AS)", ""};
  Finding finding = {"memory limit", Health::note, bytes_text(limit) + " (RLIMIT_AS)", ""};
  if (limit < kLittle) {
    finding.health = Health::warning;
    finding.advice = "`ulimit -v unlimited`, or smaller buffers, records and batches (options.h)";
  }
  return finding;
}

}  // namespace

void look_at_place(const std::string& dir, std::uint64_t segment_bytes, Findings& findings) {
  const Mount mount = mount_of(dir);
  findings.push_back(judge_file_system(mount));
  findings.push_back(judge_device(device_of(mount), mount));
  findings.push_back(primitive_of(dir));
  struct statvfs space {};
  if (::statvfs(dir.c_str(), &space) != 0) {
    findings.push_back({"space", Health::note, "the file system does not tell", ""});
    return;
  }
  findings.push_back(judge_space(std::uint64_t{space.f_bavail} * space.f_frsize, segment_bytes));
  findings.push_back(judge_inodes(space.f_files, space.f_favail));
}

void look_at_process(std::uint64_t segment_bytes, Findings& findings) {
  findings.push_back(kernel());
  findings.push_back(open_files());
  findings.push_back(judge_file_size_limit(limit_of(RLIMIT_FSIZE), segment_bytes));
  findings.push_back(address_space());
}

}  // namespace forelog::cli
