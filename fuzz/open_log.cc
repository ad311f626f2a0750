// Opens, reads, verifies, salvages and goes on with a log whose directory was changed as the input
// says. Whatever is there, nothing may crash, hang, or read a record that was never written.
//
// Input: changes of 6 bytes: which file (5 bits) and what to do (3 bits), where in it (3), how many
// bytes (1), what to write, or which other file (1).
#include <forelog/forelog.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "base/checksum.h"
#include "base/endian.h"
#include "segment/segment_name.h"

namespace {

using namespace forelog;

constexpr int kRecords = 60;

std::string record(std::uint64_t lsn) {
  return std::to_string(lsn) + std::string(lsn * 37 % 5000, 'r');
}

Options options_for(MemoryFileSystem& disk) {
  Options options;
  options.file_system = &disk;
  options.segment_bytes = 64 * KiB;
  options.write_behind = std::chrono::milliseconds(0);
  options.preallocate = false;
  return options;
}

// Three segments of records; made once.
const MemoryFileSystem& pristine() {
  static MemoryFileSystem* disk = [] {
    auto* made = new MemoryFileSystem;
    Result<Log> log = Log::open("/log", options_for(*made));
    if (!log) std::abort();
    for (std::uint64_t lsn = 1; lsn <= kRecords; ++lsn) {
      if (!log->commit(record(lsn))) std::abort();
    }
    if (!log->close()) std::abort();
    return made;
  }();
  return *disk;
}

enum class Change : std::uint8_t {
  fill,      // With one byte.
  shorten,   // To there.
  extend,    // By that many KiB.
  remove,    //
  exchange,  // With another file.
  copy,      // Over another file.
  forge,     // Fill within a header or mark, and put its checksum right.
  rename,    // To a segment of another number.
};

void put(MemoryFileSystem& disk, const std::filesystem::path& path,
         const std::vector<std::byte>& bytes) {
  if (!disk.write_file(path, ByteView(std::span<const std::byte>(bytes)))) std::abort();
}

// The structure around `at` in such a file: a segment's header, or a record of the watermark file.
std::pair<std::size_t, std::size_t> structure_at(const std::filesystem::path& path,
                                                 std::size_t at) {
  constexpr std::size_t kBlock = 4096, kMark = 128;
  if (path.filename() == "WATERMARK") return {at / kBlock * kBlock, kMark};
  return {0, kBlock};
}

void change(MemoryFileSystem& disk, const std::uint8_t* input) {
  const auto files = disk.list_files();
  if (files.empty()) return;
  const auto& path = files[(input[0] & 0x1f) % files.size()];
  const auto& other = files[input[5] % files.size()];
  std::vector<std::byte> bytes = *disk.read_file(path);
  const std::size_t where =
      std::size_t{input[1]} | std::size_t{input[2]} << 8 | std::size_t{input[3]} << 16;
  const std::size_t begin = bytes.empty() ? 0 : where % bytes.size();
  const auto value = std::byte{input[5]};
  switch (static_cast<Change>(input[0] >> 5)) {
    case Change::fill:
      for (std::size_t i = begin; i < bytes.size() && i <= begin + input[4]; ++i) bytes[i] = value;
      break;
    case Change::shorten: bytes.resize(begin); break;
    case Change::extend: bytes.resize(bytes.size() + std::size_t{input[4]} * KiB, value); break;
    case Change::remove:
      if (!disk.remove_file(path)) std::abort();
      return;
    case Change::exchange:
      put(disk, path, *disk.read_file(other));
      put(disk, other, bytes);
      return;
    case Change::copy: put(disk, other, bytes); return;
    case Change::forge: {
      const auto [first, size] = structure_at(path, begin);
      if (first + size > bytes.size()) return;
      const std::size_t covered = size - 8;
      const std::size_t from = first + begin % covered;
      for (std::size_t i = from; i < first + covered && i <= from + input[4] % 16; ++i) {
        bytes[i] = value;
      }
      base::store_le<std::uint64_t>(bytes.data() + first + covered,
                                    base::checksum({bytes.data() + first, covered}, 0));
      break;
    }
    case Change::rename: {
      if (!disk.remove_file(path)) std::abort();
      put(disk, path.parent_path() / segment::segment_name(input[5] % 8), bytes);
      return;
    }
  }
  put(disk, path, bytes);
}

void read(const Log& log, bool skip_holes) {
  Cursor cursor = log.read({.skip_holes = skip_holes});
  while (true) {
    auto entry = cursor.next();
    if (!entry || !*entry) return;
    if ((*entry)->payload.text() != record((*entry)->lsn.value)) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto disk = pristine().clone();
  for (; size >= 6; data += 6, size -= 6) change(*disk, data);
  InspectOptions look;
  look.file_system = disk.get();
  (void)verify("/log", look);
  (void)inspect("/log", look);
  for (const auto policy :
       {RecoveryPolicy::read_only, RecoveryPolicy::strict, RecoveryPolicy::salvage}) {
    Options options = options_for(*disk);
    options.recovery = policy;
    Result<Log> log = Log::open("/log", options);
    if (!log) continue;
    read(*log, false);
    read(*log, true);
    if (policy == RecoveryPolicy::read_only) continue;
    // One that opens for writing can be written.
    const Lsn next = log->watermarks().appended.next();
    const auto lsn = log->commit(record(next.value));
    if (lsn && *lsn != next) std::abort();
    read(*log, true);
    (void)log->close();
  }
  return 0;
}
