// What `forelog doctor` looks at, each as findings: the place (file system, device, space), the
// process (kernel, limits), what a scratch file shows, and who may touch the directory and the
// files in it. Judging is apart from looking, so that it can be tested with places that are not at
// hand.
//
// Nothing but the scratch directory is changed, and that is removed.
// Threading: none of its own; the judges are pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "forelog/status.h"

namespace forelog::cli {

enum class Health : std::uint8_t {
  ok,
  note,     // Worth knowing.
  warning,  // Works, with less than is promised or under conditions that should be checked.
  problem,  // Will lose data, or will not work.
};
std::string_view to_string(Health health) noexcept;

struct Finding {
  std::string subject;  // "file system"
  Health health = Health::ok;
  std::string what;
  std::string advice;  // What to change; empty: nothing.
};
using Findings = std::vector<Finding>;

// The mount that a directory is on, from /proc/self/mountinfo.
struct Mount {
  std::string type;     // "ext4", "fuse.sshfs"; empty: not known.
  std::string source;   // "/dev/sda1"
  std::string point;    // "/var"
  std::string options;  // The mount's and the file system's: "rw,relatime,rw,barrier=0"
  std::string device;   // "8:1"

  bool has_option(std::string_view option) const;
  bool without_barriers() const;
};
// The line of `mountinfo` (proc(5)) with this id.
Mount parse_mount(std::string_view mountinfo, std::uint64_t id);

struct BlockDevice {
  std::string name;         // "sda1"; empty: there is none.
  std::string write_cache;  // Of its queue: "write back", "write through", or empty.
  bool loop = false;
  bool in_memory = false;  // A RAM disk.
};

Finding judge_file_system(const Mount& mount);
Finding judge_device(const BlockDevice& device, const Mount& mount);
// `median`: of a write of one block and the sync behind it.
Finding judge_sync(std::chrono::nanoseconds median);
Finding judge_space(std::uint64_t free_bytes, std::uint64_t segment_bytes);
Finding judge_inodes(std::uint64_t all, std::uint64_t free);
Finding judge_file_size_limit(std::uint64_t bytes,
                              std::uint64_t segment_bytes);  // UINT64_MAX: none.

// Each adds what it finds.
void look_at_place(const std::string& dir, std::uint64_t segment_bytes, Findings& findings);
void look_at_process(std::uint64_t segment_bytes, Findings& findings);
void try_out(const std::string& dir, Findings& findings);
void look_at_files(const std::string& dir, Findings& findings);

}  // namespace forelog::cli
