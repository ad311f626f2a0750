// What doctor makes of what it saw.
#include <algorithm>
#include <array>

#include "cli/doctor.h"
#include "cli/units.h"

namespace forelog::cli {
namespace {

using std::chrono::microseconds;

// A system call that does nothing takes a microsecond; the fastest drives that keep what they have
// taken when the power fails take some ten. Anything that has a flash chip or a platter to wait for
// takes hundreds.
constexpr std::chrono::nanoseconds kImplausible = microseconds(8);
constexpr std::chrono::nanoseconds kFast = microseconds(60);

constexpr std::array kLocal = {"ext4", "ext3", "xfs", "btrfs", "f2fs", "zfs", "bcachefs", "jfs"};
constexpr std::array kNetwork = {"nfs",  "nfs4",      "cifs", "smb3",  "smbfs", "9p",
                                 "ceph", "glusterfs", "afs",  "ocfs2", "gfs2",  "lustre"};
constexpr std::array kInMemory = {"tmpfs", "ramfs", "devtmpfs"};

template <typename List>
bool is_one_of(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// The part up to the next `separator`, which is taken off the text with it.
std::string_view next_part(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

// Blanks in paths are written as \040, and the like.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto digit = [&](std::size_t i) {
      return at + i < text.size() && text[at + i] >= '0' && text[at + i] <= '7';
    };
    if (text[at] == '\\' && digit(1) && digit(2) && digit(3)) {
      out += static_cast<char>((text[at + 1] - '0') * 64 + (text[at + 2] - '0') * 8 +
                               (text[at + 3] - '0'));
      at += 3;
    } else {
      out += text[at];
    }
  }
  return out;
}

}  // namespace

std::string_view to_string(Health health) noexcept {
  switch (health) {
    case Health::ok: return "ok";
    case Health::note: return "note";
    case Health::warning: return "warning";
    case Health::problem: return "problem";
  }
  return "unknown";
}

bool Mount::has_option(std::string_view option) const {
  std::string_view rest = options;
  while (!rest.empty()) {
    if (next_part(rest, ',') == option) return true;
  }
  return false;
}

bool Mount::without_barriers() const { return has_option("nobarrier") || has_option("barrier=0"); }

Mount parse_mount(std::string_view mountinfo, std::uint64_t id) {
  const std::string wanted = std::to_string(id);
  while (!mountinfo.empty()) {
    std::string_view line = next_part(mountinfo, '\n');
    if (next_part(line, ' ') != wanted) continue;
    Mount mount;
    next_part(line, ' ');  // Its parent.
    mount.device = next_part(line, ' ');
    next_part(line, ' ');  // Its root within the file system.
    mount.point = unescaped(next_part(line, ' '));
    mount.options = next_part(line, ' ');
    while (!line.empty() && next_part(line, ' ') != "-") {
    }
    mount.type = next_part(line, ' ');
    mount.source = unescaped(next_part(line, ' '));
    mount.options += ',';
    mount.options += next_part(line, ' ');
    return mount;
  }
  return {};
}

Finding judge_file_system(const Mount& mount) {
  Finding finding = {"file system", Health::ok, mount.type + ", mounted at " + mount.point, ""};
  const auto judge = [&](Health health, std::string_view why, std::string advice) {
    finding.health = health;
    finding.what.append(": ").append(why);
    finding.advice = std::move(advice);
    return finding;
  };
  if (mount.type.empty()) {
    finding.what = "of unknown type";
    return judge(Health::note, "/proc/self/mountinfo does not tell",
                 "check that it is local, and that it waits for the disk at fdatasync");
  }
  if (is_one_of(kInMemory, mount.type)) {
    return judge(Health::problem, "in memory, gone with the next restart", "put the log on a disk");
  }
  if (mount.without_barriers()) {
    return judge(Health::problem,
                 "mounted without barriers, so that a sync does not reach the disk",
                 "mount it without `nobarrier` and `barrier=0`");
  }
  if (mount.type == "overlay") {
    if (mount.has_option("volatile")) {
      return judge(Health::problem, "an overlay mounted `volatile`, which leaves syncs out",
                   "put the log on a volume of its own");
    }
    return judge(Health::warning, "an overlay, as containers have: often gone with the container",
                 "put the log on a volume of its own");
  }
  if (is_one_of(kNetwork, mount.type)) {
    return judge(Health::warning, "on a network, with what its locks and syncs are worth there",
                 "put the log on a local disk, or make sure that one machine only writes it and "
                 "that the server syncs what it says it has synced");
  }
  if (mount.type.starts_with("fuse") || mount.type == "virtiofs") {
    return judge(Health::warning, "kept by another program, which decides what a sync is",
                 "put the log on a local disk, or make sure that the program passes syncs on");
  }
  if (mount.has_option("ro")) {
    return judge(Health::note, "read-only, which is enough to read a log", "");
  }
  if (!is_one_of(kLocal, mount.type)) {
    return judge(Health::note, "not one that Forelog is tested on",
                 "prefer ext4; try `forelog torture` here");
  }
  return finding;
}

Finding judge_device(const BlockDevice& device, const Mount& mount) {
  Finding finding = {"device", Health::ok, device.name, ""};
  if (device.name.empty()) {
    finding.health = Health::note;
    finding.what = "no block device is known for " + mount.source;
    return finding;
  }
  if (device.in_memory) {
    return {"device", Health::problem, device.name + ": in memory, gone with the next restart",
            "put the log on a disk"};
  }
  if (device.write_cache == "write back") {
    finding.what += ": has a volatile write cache, flushed at each sync";
    if (mount.without_barriers()) {
      finding.health = Health::problem;
      finding.what = device.name + ": has a volatile write cache that no sync flushes";
      finding.advice = "mount the file system without `nobarrier` and `barrier=0`";
    }
  } else if (device.write_cache == "write through") {
    finding.what += ": tells of no volatile write cache";
  } else {
    finding.what += ": does not tell of its write cache";
  }
  if (device.loop && finding.health < Health::warning) {
    finding.health = Health::note;
    finding.what += "; a loop device: what holds for the file behind it holds here";
  }
  return finding;
}

Finding judge_sync(std::chrono::nanoseconds median) {
  Finding finding = {"sync", Health::ok,
                     "a block written and synced takes " + duration_text(median) + " (fdatasync)",
                     ""};
  if (median < kImplausible) {
    finding.health = Health::problem;
    finding.what += ": too fast to be true, no disk is waited for";
    finding.advice =
        "put the log where a sync reaches a disk: not in memory, not with syncs switched off "
        "(libeatmydata, a volatile overlay, a virtual machine's `cache=unsafe`)";
  } else if (median < kFast) {
    finding.health = Health::note;
    finding.what += ": fast";
    finding.advice =
        "make sure that the drive keeps its cache when the power fails (power-loss protection)";
  }
  return finding;
}

Finding judge_space(std::uint64_t free_bytes, std::uint64_t segment_bytes) {
  constexpr std::uint64_t kSegments = 4;
  Finding finding = {"space", Health::ok,
                     bytes_text(free_bytes) + " free, " +
                         count_of(free_bytes / segment_bytes, "segment") + " of " +
                         bytes_text(segment_bytes),
                     ""};
  if (free_bytes < segment_bytes) {
    finding.health = Health::problem;
    finding.what += ": the next segment does not fit";
    finding.advice = "make room, trim the log (`forelog trim`), or use smaller segments";
  } else if (free_bytes < kSegments * segment_bytes) {
    finding.health = Health::warning;
    finding.advice = "make room, or trim the log (`forelog trim`)";
  }
  return finding;
}

Finding judge_inodes(std::uint64_t all, std::uint64_t free) {
  constexpr std::uint64_t kFew = 64;
  if (all == 0) return {"inodes", Health::ok, "made as they are needed", ""};
  Finding finding = {"inodes", Health::ok, count_text(free) + " free", ""};
  if (free >= kFew) return finding;
  finding.health = free == 0 ? Health::problem : Health::warning;
  finding.advice = "remove files: every segment needs one";
  return finding;
}

Finding judge_file_size_limit(std::uint64_t bytes, std::uint64_t segment_bytes) {
  Finding finding = {"file size limit", Health::ok, "none (RLIMIT_FSIZE)", ""};
  if (bytes == UINT64_MAX) return finding;
  finding.what = bytes_text(bytes) + " (RLIMIT_FSIZE)";
  finding.advice = "`ulimit -f unlimited`; a write over the limit ends the process with SIGXFSZ";
  finding.health = bytes < segment_bytes ? Health::problem : Health::warning;
  if (bytes < segment_bytes) finding.what += ": less than a segment";
  return finding;
}

}  // namespace forelog::cli
