// Made the directories v1-… beside it, once, with the first version of Forelog that wrote format
// version 1. They are frozen: this program is kept to show how they came to be, and as the model of
// the one that will make those of the next format version. It refuses to write over what is there.
//
//   build/dev/bin/make_golden tests/golden
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "forelog/forelog.h"
#include "forelog/maintain.h"
#include "forelog/memory_file_system.h"
#include "golden/golden_record.h"

namespace {

using namespace forelog;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "make_golden: %s\n", what.c_str());
  std::abort();
}

void must(const Status& status) {
  if (!status.ok()) fail(std::string(status.message()));
}

template <typename T>
T must(Result<T> result) {
  if (!result) fail(std::string(result.error().message()));
  return *std::move(result);
}

class Golden {
 public:
  Golden() : disk_({.seed = 20260101}) {
    options_.file_system = &disk_;
    options_.segment_bytes = 64 * KiB;
    options_.preallocate = false;
    options_.write_behind = std::chrono::milliseconds(0);
    options_.group_commit_delay_max = std::chrono::microseconds(0);
  }

  Log open() { return must(Log::open("/log", options_)); }

  static void append(Log& log, std::size_t bytes) {
    must(log.append(golden_record(log.watermarks().appended.value + 1, bytes)));
  }
  static void commit(Log& log, std::size_t bytes, Durability level = Durability::synced) {
    append(log, bytes);
    must(log.wait(log.watermarks().appended, level));
  }
  void flip(const std::string& file, std::size_t offset) {
    auto bytes = must(disk_.read_file("/log/" + file));
    bytes.at(offset) ^= std::byte{0x10};
    must(disk_.write_file("/log/" + file, ByteView(std::span(bytes))));
  }
  MemoryFileSystem& disk() { return disk_; }

  // The directory, and beside it the list of what a writer keeps of it: LSN, time, size.
  void save(const std::filesystem::path& to) {
    if (std::filesystem::exists(to)) fail(to.string() + " is there and stays as it is");
    disk_.kill_process();
    for (const auto& path : disk_.list_files()) {
      const auto name = path.lexically_relative("/log");
      if (name == "LOCK") continue;
      std::filesystem::create_directories((to / name).parent_path());
      const auto bytes = must(disk_.read_file(path));
      std::ofstream(to / name, std::ios::binary)
          .write(reinterpret_cast<const char*>(bytes.data()),
                 static_cast<std::streamsize>(bytes.size()));
    }
    Options options = options_;
    options.recovery = RecoveryPolicy::read_only;
    const Log log = must(Log::open("/log", options));
    std::ofstream list(to.string() + ".records");
    Cursor cursor = log.read({.skip_holes = true});
    while (const auto entry = must(cursor.next())) {
      if (entry->payload.text() != golden_record(entry->lsn.value, entry->payload.size())) {
        fail("a record is wrong");
      }
      list << entry->lsn.value << ' ' << entry->time.time_since_epoch().count() << ' '
           << entry->payload.size() << '\n';
    }
  }

 private:
  MemoryFileSystem disk_;
  Options options_;
};

// Three segments, groups, batches, records of 0 bytes; closed.
void make_closed(const std::filesystem::path& to) {
  Golden golden;
  Log log = golden.open();
  const std::size_t sizes[] = {0, 1, 100, 127, 128, 4000, 16384, 33};
  for (std::size_t i = 0; i < 64; ++i) {
    if (i % 5 == 0) {
      Golden::commit(log, sizes[i % 8]);
    } else if (i % 7 == 3) {
      Batch batch;
      const std::uint64_t next = log.watermarks().appended.value + 1;
      for (std::uint64_t k = 0; k < 3; ++k) batch.add(golden_record(next + k, 20 * k));
      must(log.append(batch));
    } else {
      Golden::append(log, sizes[i % 8]);
    }
  }
  must(log.close());
  golden.save(to);
}

// Synced records, then unsynced frames of which the second is torn and the third whole.
void make_torn(const std::filesystem::path& to) {
  Golden golden;
  {
    Log log = golden.open();
    for (int i = 0; i < 10; ++i) Golden::commit(log, 50);
    for (int i = 0; i < 3; ++i) Golden::commit(log, 600, Durability::written);
    golden.disk().kill_process();
  }
  // 4096 of header, ten frames of 56 + 56, one of 56 + 608, into the second of those.
  golden.flip("0000000000000001.segment", 4096 + 10 * 112 + 664 + 300);
  golden.save(to);
}

// Trimmed, truncated inside a frame, with a holder, and a hole that a salvage declared lost.
void make_worn(const std::filesystem::path& to) {
  Golden golden;
  {
    Log log = golden.open();
    for (int i = 0; i < 40; ++i) Golden::commit(log, 3000);
    must(log.hold("archive", Lsn(25), 1 * GiB));
    must(log.keep_from(Lsn(30)));
    for (int i = 0; i < 5; ++i) Golden::append(log, 10);
    must(log.keep_through(Lsn(43)));
    for (int i = 0; i < 8; ++i) Golden::commit(log, 200);
    golden.disk().kill_process();
  }
  const LogInfo info = must(inspect("/log", {.file_system = &golden.disk()}));
  golden.flip(info.segments.back().file, 4096 + 200 + 300);
  must(repair("/log", {.salvage = true, .file_system = &golden.disk()}));
  golden.save(to);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) fail("usage: make_golden DIRECTORY");
  const std::filesystem::path to = argv[1];
  make_closed(to / "v1-closed");
  make_torn(to / "v1-torn");
  make_worn(to / "v1-worn");
  return 0;
}
