#include "cli/bench_passes.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <system_error>
#include <utility>

#include "cli/bench_usage.h"
#include "cli/child_process.h"
#include "forelog/try.h"

namespace forelog::bench {
namespace {

// The kernel may keep a few pages that it is busy with.
constexpr double kResidentShareMax = 0.01;

Result<cli::Descriptor> open_file(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return system_error("cannot open", file);
  return cli::Descriptor(descriptor);
}

Status make_cold(const std::vector<FileBytes>& files) {
  for (const FileBytes& file : files) {
    FORELOG_TRY(drop_pages(file.path));
    const double share = FORELOG_TRY(resident_share(file.path));
    if (share > kResidentShareMax) {
      return {Code::io_error, file.path.string() + ": " + std::to_string(share * 100) +
                                  " % of its pages stay in the page cache"};
    }
  }
  return {};
}

Result<Measurement> cold_pass(std::uint64_t records, const std::function<Status()>& pass) {
  const Usage before = usage();
  const Clock::time_point begin = Clock::now();
  FORELOG_TRY(pass());
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const Usage after = usage();
  Measurement measured;
  measured.records = records;
  measured.seconds = seconds;
  measured.cpu_seconds = after.own_seconds - before.own_seconds;
  measured.context_switches = after.context_switches - before.context_switches;
  measured.others_share = others_share(before, after, seconds);
  return measured;
}

Result<Measurement> cold_passes(const std::vector<FileBytes>& files, std::uint64_t records,
                                const std::function<Status()>& pass, const RoundLimits& limits) {
  Measurement sum;
  do {
    if (interrupted()) return Status(Code::cancelled, "interrupted");
    FORELOG_TRY(make_cold(files));
    sum.add(FORELOG_TRY(cold_pass(records, pass)));
  } while (sum.seconds < std::chrono::duration<double>(limits.measured).count());
  return sum;
}

}  // namespace

Session passes(Pages pages, std::vector<FileBytes> files, std::uint64_t records,
               std::function<Status()> pass) {
  if (pages == Pages::cold) {
    return [=, files = std::move(files)](const RoundLimits& limits) {
      return cold_passes(files, records, pass, limits);
    };
  }
  const Load load{.records_per_call = records, .record_bytes = 0};
  return [=](const RoundLimits& limits) {
    return measure(load, limits, [&](unsigned) { return pass(); });
  };
}

Status drop_pages(const std::filesystem::path& file) {
  const cli::Descriptor descriptor = FORELOG_TRY(open_file(file));
  if (::fdatasync(descriptor.get()) != 0) return system_error("cannot sync", file);
  errno = ::posix_fadvise(descriptor.get(), 0, 0, POSIX_FADV_DONTNEED);
  if (errno != 0) return system_error("cannot drop the pages", file);
  return {};
}

Result<double> resident_share(const std::filesystem::path& file) {
  const cli::Descriptor descriptor = FORELOG_TRY(open_file(file));
  std::error_code error;
  const std::uint64_t bytes = std::filesystem::file_size(file, error);
  if (error) return Status(Code::io_error, file.string() + ": " + error.message());
  if (bytes == 0) return 0.0;
  void* mapped = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, descriptor.get(), 0);
  if (mapped == MAP_FAILED) return system_error("cannot map", file);
  const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> resident((bytes + page_bytes - 1) / page_bytes);
  const bool told = ::mincore(mapped, bytes, resident.data()) == 0;
  const Status failed = told ? Status() : system_error("cannot look for the pages", file);
  ::munmap(mapped, bytes);
  if (!told) return failed;
  const auto count = std::count_if(resident.begin(), resident.end(),
                                   [](unsigned char page) { return (page & 1) != 0; });
  return static_cast<double>(count) / static_cast<double>(resident.size());
}

}  // namespace forelog::bench
