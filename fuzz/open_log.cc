// Opens, reads, verifies and salvages a log whose files were patched as the input says. Whatever
// the bytes, nothing may crash, hang, or read a record that was never written.
//
// Input: patches of 6 bytes: which file (1), where in it (3), how many bytes (1), what to write (1).
#include <forelog/forelog.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

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

void patch(MemoryFileSystem& disk, const std::uint8_t* at) {
  const auto files = disk.list_files();
  const auto& path = files[at[0] % files.size()];
  std::vector<std::byte> bytes = *disk.read_file(path);
  if (bytes.empty()) return;
  const std::size_t where = std::size_t{at[1]} | std::size_t{at[2]} << 8 | std::size_t{at[3]} << 16;
  const std::size_t begin = where % bytes.size();
  for (std::size_t i = begin; i < bytes.size() && i <= begin + at[4]; ++i)
    bytes[i] = std::byte{at[5]};
  if (!disk.write_file(path, ByteView(std::span<const std::byte>(bytes)))) std::abort();
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
  for (; size >= 6; data += 6, size -= 6) patch(*disk, data);
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
  }
  return 0;
}
