// Made the directory v1-snapshots beside it, once, with the first version of Forelog that wrote
// snapshots. They are frozen, as what make_golden.cc made. It refuses to write over what is there.
//
//   build/dev/bin/make_golden_snapshots tests/golden
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "forelog/forelog.h"
#include "forelog/memory_file_system.h"
#include "forelog/zstd.h"
#include "golden/golden_record.h"
#include "golden/golden_state.h"

namespace {

using namespace forelog;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "make_golden_snapshots: %s\n", what.c_str());
  std::abort();
}

template <typename T>
T must(Result<T> result) {
  if (!result) fail(std::string(result.error().message()));
  return *std::move(result);
}

// A snapshot of the first `through` records of the log, whose state has `blocks` blocks or so.
void make(MemoryFileSystem& disk, Log& log, Lsn through, const Compression* compression) {
  SnapshotOptions options;
  options.file_system = &disk;
  options.kind = kGoldenKind;
  options.compression = compression;
  options.reserve = false;
  options.keep = 10;
  Snapshots snapshots = must(Snapshots::open("/snapshots", options));
  GoldenState state;
  state.records = through.value;
  must(checkpoint(log, snapshots, state, through));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) fail("usage: make_golden_snapshots DIRECTORY");
  const std::filesystem::path to = std::filesystem::path(argv[1]) / "v1-snapshots";
  if (std::filesystem::exists(to)) fail(to.string() + " is there and stays as it is");
  MemoryFileSystem disk({.seed = 20260201});
  Options options;
  options.file_system = &disk;
  options.segment_bytes = 64 * KiB;
  options.preallocate = false;
  Log log = must(Log::open("/log", options));
  for (std::uint64_t lsn = 1; lsn <= 12; ++lsn) must(log.commit(golden_record(lsn, 100)));
  make(disk, log, Lsn(1), nullptr);
  make(disk, log, Lsn(3), nullptr);
  make(disk, log, Lsn(12), &zstd());
  std::filesystem::create_directories(to);
  for (const auto& path : disk.list_files()) {
    if (path.extension() != ".snapshot") continue;
    const auto bytes = must(disk.read_file(path));
    std::ofstream(to / path.filename(), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  return 0;
}
