// What a measurement costs besides time: processors, turns of the scheduler, memory, and what
// reached the disk. Read from the kernel before and after.
//
// Threading: any thread, but count_also(), which comes before all else.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace forelog::bench {

struct Usage {
  double own_seconds = 0;              // User and system time of this process, all threads.
  double machine_seconds = 0;          // Of all processors; 0 where the system does not tell.
  std::uint64_t context_switches = 0;  // Of this process, voluntary and not.
};
Usage usage();

// Of all processors, what others used between the two, from 0 to 1.
double others_share(const Usage& before, const Usage& after, double wall_seconds);

// Bytes at the most that were ever resident in this process (VmHWM); 0 where the system does not
// tell.
std::uint64_t memory_peak_bytes();

// A contestant that has servers: `server` and its children count as this process from now on, by
// /proc. Their memory is what they have when asked, what they share counted once (Pss).
void count_also(pid_t server);

// The sectors written of the block device that holds a directory, by whomever.
class Device {
 public:
  // nullopt where no single device holds it, or the system does not tell.
  static std::optional<Device> of(const std::filesystem::path& dir);
  std::optional<std::uint64_t> bytes_written() const;

 private:
  explicit Device(std::filesystem::path stat) : stat_(std::move(stat)) {}
  std::filesystem::path stat_;
};

// From the text of /sys/dev/block/MAJOR:MINOR/stat (the kernel's Documentation/block/stat.rst).
std::optional<std::uint64_t> bytes_written_in(const std::string& stat);

// The content of a file in /proc or /sys; empty when it cannot be read.
std::string kernel_file(const std::filesystem::path& path);

// The number behind `field` in a text like that of /proc/self/status, whose unit is kB, in bytes; 0
// when it is not there.
std::uint64_t bytes_of_field(const std::string& status, const std::string& field);

}  // namespace forelog::bench
