// The hot paths one at a time, for callgrind: tools/check-instructions runs it twice, with COUNT and
// with more, and what they differ by is the price of a record. On real files: system calls cost no
// instructions here, so what is counted is Forelog's own code.
//
//   forelog_hot_path DIR PATH COUNT
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "forelog/forelog.h"

using forelog::Batch;
using forelog::Log;
using forelog::Status;

namespace {

constexpr std::uint64_t kRecordBytes = 128, kBatchRecords = 1000;

// No thread that wakes up by the clock, and no new segment: the same instructions every time.
forelog::Options options() {
  forelog::Options chosen;
  chosen.direct_writes =
      false;  // Which way is taken depends on the time it takes: counts must repeat.
  chosen.segment_bytes = forelog::GiB;
  chosen.write_behind = std::chrono::milliseconds(0);
  chosen.preallocate = false;
  return chosen;
}

Status append(Log& log, const std::string& record, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    if (const auto lsn = log.append(record); !lsn) return lsn.error();
  }
  return {};
}

Status commit(Log& log, const std::string& record, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    if (const auto lsn = log.commit(record); !lsn) return lsn.error();
  }
  return {};
}

Status batches(Log& log, const std::string& record, std::uint64_t count) {
  Batch batch;
  for (std::uint64_t done = 0; done < count; done += kBatchRecords) {
    batch.clear();
    for (std::uint64_t i = 0; i < kBatchRecords; ++i) batch.add(record);
    if (const auto lsns = log.commit(batch); !lsns) return lsns.error();
  }
  return {};
}

Status scan(Log& log, const std::string& record, std::uint64_t count) {
  if (Status filled = append(log, record, count); !filled.ok()) return filled;
  if (Status synced = log.wait(forelog::Lsn(count)); !synced.ok()) return synced;
  forelog::Cursor cursor = log.read();
  for (std::uint64_t found = 0; found < count; ++found) {
    const auto entry = cursor.next();
    if (!entry) return entry.error();
    if (!entry->has_value()) return {forelog::Code::not_found, "a record is missing"};
  }
  return {};
}

int run(const char* dir, std::string_view path, std::uint64_t count) {
  auto log = Log::open(dir, options());
  Status status = log ? Status() : log.error();
  const std::string record(kRecordBytes, 'r');
  if (status.ok()) {
    status = path == "append"    ? append(*log, record, count)
             : path == "commit"  ? commit(*log, record, count)
             : path == "batches" ? batches(*log, record, count)
             : path == "scan"    ? scan(*log, record, count)
                                 : Status(forelog::Code::invalid_argument, "no such path");
  }
  if (status.ok()) status = log->close();
  if (!status.ok()) std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: forelog_hot_path DIR append|commit|batches|scan COUNT\n", stderr);
    return 2;
  }
  return run(argv[1], argv[2], std::strtoull(argv[3], nullptr, 10));
}
