#include "cli/bench_usage.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>
#include <thread>
#include <vector>

namespace forelog::bench {
namespace {

std::atomic<pid_t> server_pid = 0;

double per_tick() { return 1.0 / static_cast<double>(::sysconf(_SC_CLK_TCK)); }

// All processors, everything but idle and waiting for I/O: the first line of /proc/stat.
double machine_cpu_seconds() {
  std::istringstream stat(kernel_file("/proc/stat"));
  std::string label;
  std::array<double, 8> ticks{};  // user nice system idle iowait irq softirq steal
  stat >> label;
  for (double& value : ticks) stat >> value;
  if (!stat) return 0;
  return (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7]) * per_tick();
}

struct ProcessStat {
  pid_t parent = 0;
  double cpu_seconds = 0;
};

// /proc/PID/stat. The name of the program, in parentheses, may hold anything.
ProcessStat process_stat(const std::filesystem::path& process) {
  std::string text = kernel_file(process / "stat");
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream fields(text.substr(name_end + 1));
  ProcessStat stat;
  std::string skipped;
  double user = 0, system = 0;
  fields >> skipped >> stat.parent;
  for (int i = 0; i < 9; ++i) fields >> skipped;  // Up to cmajflt.
  fields >> user >> system;
  stat.cpu_seconds = (user + system) * per_tick();
  return stat;
}

// The directories in /proc of the server and its children.
std::vector<std::filesystem::path> server_processes() {
  const pid_t server = server_pid;
  std::vector<std::filesystem::path> found;
  if (server == 0) return found;
  found.emplace_back("/proc/" + std::to_string(server));
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    if (std::isdigit(static_cast<unsigned char>(name.front())) == 0) continue;
    if (process_stat(entry.path()).parent == server) found.push_back(entry.path());
  }
  return found;
}

std::uint64_t number_of_field(const std::string& status, const std::string& field) {
  std::istringstream words(status);
  for (std::string word; words >> word;) {
    std::uint64_t number = 0;
    if (word == field + ":" && words >> number) return number;
  }
  return 0;
}

}  // namespace

std::string kernel_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::uint64_t bytes_of_field(const std::string& status, const std::string& field) {
  return number_of_field(status, field) * 1024;
}

Usage usage() {
  rusage own{};
  ::getrusage(RUSAGE_SELF, &own);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  Usage usage{.own_seconds = seconds(own.ru_utime) + seconds(own.ru_stime),
              .machine_seconds = machine_cpu_seconds(),
              .context_switches = static_cast<std::uint64_t>(own.ru_nvcsw + own.ru_nivcsw)};
  for (const std::filesystem::path& process : server_processes()) {
    usage.own_seconds += process_stat(process).cpu_seconds;
    const std::string status = kernel_file(process / "status");
    usage.context_switches += number_of_field(status, "voluntary_ctxt_switches") +
                              number_of_field(status, "nonvoluntary_ctxt_switches");
  }
  return usage;
}

double others_share(const Usage& before, const Usage& after, double wall_seconds) {
  const double all = after.machine_seconds - before.machine_seconds;
  const double own = after.own_seconds - before.own_seconds;
  const double processors = std::max(std::thread::hardware_concurrency(), 1u);
  return std::clamp((all - own) / (wall_seconds * processors), 0.0, 1.0);
}

std::uint64_t memory_peak_bytes() {
  std::uint64_t bytes = bytes_of_field(kernel_file("/proc/self/status"), "VmHWM");
  for (const std::filesystem::path& process : server_processes()) {
    bytes += bytes_of_field(kernel_file(process / "smaps_rollup"), "Pss");
  }
  return bytes;
}

void count_also(pid_t server) { server_pid = server; }

std::optional<Device> Device::of(const std::filesystem::path& dir) {
  struct stat status {};
  if (::stat(dir.c_str(), &status) != 0) return std::nullopt;
  Device device("/sys/dev/block/" + std::to_string(major(status.st_dev)) + ":" +
                std::to_string(minor(status.st_dev)) + "/stat");
  if (!device.bytes_written()) return std::nullopt;
  return device;
}

std::optional<std::uint64_t> Device::bytes_written() const {
  return bytes_written_in(kernel_file(stat_));
}

std::optional<std::uint64_t> bytes_written_in(const std::string& stat) {
  std::istringstream fields(stat);
  // read I/Os, merges, sectors, ticks; write I/Os, merges, sectors. A sector is 512 bytes here,
  // whatever the device says of itself.
  std::array<std::uint64_t, 7> values{};
  for (std::uint64_t& value : values) {
    if (!(fields >> value)) return std::nullopt;
  }
  return values[6] * 512;
}

}  // namespace forelog::bench
