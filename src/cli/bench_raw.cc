// The limits of one thread. Those of several are in bench_raw_group.cc.
#include "cli/bench_raw.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "cli/bench_credits.h"
#include "cli/bench_raw_file.h"
#include "forelog/batch.h"
#include "forelog/bytes.h"
#include "forelog/try.h"

namespace forelog::bench {
namespace {

constexpr std::uint64_t kFrameHeaderBytes = 56;

// Bytes of a body that one record takes, as Forelog itself encodes it.
std::uint64_t encoded_bytes(std::uint64_t record_bytes) {
  Batch batch;
  batch.add(std::string(record_bytes, 'r'));
  return batch.encoded().size();
}

// Copies the records that a frame holds, one by one, as a log must.
class FrameFiller {
 public:
  FrameFiller(std::uint64_t records, std::uint64_t record_bytes)
      : record_(record_bytes, std::byte{'r'}),
        stride_(encoded_bytes(record_bytes)),
        bytes_(frame_bytes(records, record_bytes)),
        records_(records) {}

  // Where the file has room for it.
  std::span<const std::byte> fill(RawFile& file) {
    const std::span<std::byte> frame = file.room(bytes_);
    fill(frame);
    return frame;
  }
  void fill(std::span<std::byte> frame) const {
    std::byte* to = frame.data() + kFrameHeaderBytes + (stride_ - record_.size());
    for (std::uint64_t i = 0; i < records_; ++i, to += stride_) {
      std::memcpy(to, record_.data(), record_.size());
    }
  }

 private:
  std::vector<std::byte> record_;
  std::uint64_t stride_, bytes_, records_;
};

// One thread fills a buffer while another writes the one before.
class BufferPair {
 public:
  BufferPair(RawFile file, std::uint64_t record_bytes)
      : file_(std::move(file)), filler_(records(record_bytes), record_bytes) {
    for (Buffer& buffer : buffers_) buffer.resize(kBytes / sizeof(Page));
    thread_ = std::jthread([this] { run(); });
  }
  ~BufferPair() {
    stop_ = true;
    ring();
  }

  static std::uint64_t records(std::uint64_t record_bytes) {
    return std::max<std::uint64_t>((kBytes - kFrameHeaderBytes) / encoded_bytes(record_bytes), 1);
  }

  Status fill_and_pass_on() {
    credits_.take();
    if (failed_) return {Code::io_error, "the limit's own file could not be written"};
    filler_.fill(bytes_of(filled_));
    ring();
    return {};
  }

 private:
  // Aligned, so that a direct write needs no copy.
  struct alignas(4 * KiB) Page {
    std::array<std::byte, 4 * KiB> bytes;
  };
  using Buffer = std::vector<Page>;
  // The largest record of a benchmark fits.
  static constexpr std::uint64_t kBytes = MiB + 4 * KiB;

  std::span<std::byte> bytes_of(std::uint64_t number) {
    return std::as_writable_bytes(std::span(buffers_[number % buffers_.size()]));
  }
  void ring() {
    ++filled_;
    filled_.notify_one();
  }
  void run() {
    for (std::uint64_t written = 0;; ++written) {
      while (filled_ == written) filled_.wait(written);
      if (stop_) return;
      if (!file_.append(bytes_of(written)).ok()) failed_ = true;
      credits_.give(1);
    }
  }

  RawFile file_;
  const FrameFiller filler_;
  std::array<Buffer, 2> buffers_;
  Credits credits_{buffers_.size()};
  std::atomic<std::uint64_t> filled_ = 0;
  std::atomic<bool> stop_ = false, failed_ = false;
  std::jthread thread_;  // Last: it uses the others.
};

// A file of written blocks, in memory.
class MappedFile {
 public:
  static Result<std::shared_ptr<MappedFile>> make(const std::filesystem::path& path) {
    FORELOG_TRY(RawFile::make(path, Blocks::written));
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return system_error("cannot open", path);
    void* mapped = ::mmap(nullptr, RawFile::kSegmentBytes, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_POPULATE, descriptor, 0);
    const Status failed = mapped != MAP_FAILED ? Status() : system_error("cannot map", path);
    ::close(descriptor);
    if (!failed.ok()) return failed;
    return std::make_shared<MappedFile>(static_cast<std::byte*>(mapped));
  }
  explicit MappedFile(std::byte* bytes) : bytes_(bytes) {}
  ~MappedFile() { ::munmap(bytes_, RawFile::kSegmentBytes); }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  void append(const std::string& record, std::uint64_t stride) {
    if (offset_ + stride > RawFile::kSegmentBytes) offset_ = 0;
    std::memcpy(bytes_ + offset_ + (stride - record.size()), record.data(), record.size());
    offset_ += stride;
  }

 private:
  std::byte* const bytes_;
  std::uint64_t offset_ = 0;
};

// Kept where the compiler must compute it.
std::atomic<std::uint64_t> checksum_sink;

Status read_and_add(const FileBytes& file, std::vector<std::uint64_t>& buffer) {
  const int descriptor = ::open(file.path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return system_error("cannot open", file.path);
  std::uint64_t offset = 0, sum = 0;
  Status status;
  while (offset < file.bytes) {
    const std::uint64_t wanted = std::min<std::uint64_t>(buffer.size() * 8, file.bytes - offset);
    const ssize_t got = ::pread(descriptor, buffer.data(), wanted, static_cast<off_t>(offset));
    if (got <= 0) {
      status = system_error("cannot read", file.path);
      break;
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(got) / 8; ++i) sum += buffer[i];
    offset += static_cast<std::uint64_t>(got);
  }
  checksum_sink.store(sum, std::memory_order_relaxed);
  ::close(descriptor);
  return status;
}

Result<std::shared_ptr<RawFile>> make_file(const std::filesystem::path& dir, Blocks blocks) {
  RawFile file = FORELOG_TRY(RawFile::make(dir / "raw", blocks));
  return std::make_shared<RawFile>(std::move(file));
}

// Fills and writes load.records_per_call records a call, over a growing file.
Result<Session> unsynced(const std::filesystem::path& dir, const Load& load) {
  auto file = FORELOG_TRY(make_file(dir, Blocks::growing));
  auto filler = std::make_shared<FrameFiller>(load.records_per_call, load.record_bytes);
  return Session([=](const RoundLimits& limits) {
    return measure(load, limits, [&](unsigned) { return file->append(filler->fill(*file)); });
  });
}

}  // namespace

std::uint64_t frame_bytes(std::uint64_t records, std::uint64_t record_bytes) {
  return kFrameHeaderBytes + (records * encoded_bytes(record_bytes) + 7) / 8 * 8;
}

Result<Session> raw_synced(const std::filesystem::path& dir, Blocks blocks, std::uint64_t records,
                           std::uint64_t record_bytes) {
  auto file = FORELOG_TRY(make_file(dir, blocks));
  auto filler = std::make_shared<FrameFiller>(records, record_bytes);
  const Load load{.records_per_call = records, .record_bytes = record_bytes, .latencies = true};
  return Session([=](const RoundLimits& limits) {
    return measure(load, limits, [&](unsigned) -> Status {
      FORELOG_TRY(file->append(filler->fill(*file)));
      return file->sync();
    });
  });
}

Result<Session> raw_buffered(const std::filesystem::path& dir, std::uint64_t record_bytes) {
  const std::uint64_t records = std::max<std::uint64_t>(MiB / encoded_bytes(record_bytes), 1);
  const Load load{.records_per_call = records, .record_bytes = record_bytes};
  return unsynced(dir, load);
}

Result<Session> raw_buffered_two_threads(const std::filesystem::path& dir, Blocks blocks,
                                         std::uint64_t record_bytes) {
  RawFile file = FORELOG_TRY(RawFile::make(dir / "raw", blocks));
  auto pair = std::make_shared<BufferPair>(std::move(file), record_bytes);
  const Load load{.records_per_call = BufferPair::records(record_bytes),
                  .record_bytes = record_bytes};
  return Session([=](const RoundLimits& limits) {
    return measure(load, limits, [&](unsigned) { return pair->fill_and_pass_on(); });
  });
}

Result<Session> raw_mapped(const std::filesystem::path& dir, std::uint64_t record_bytes) {
  auto file = FORELOG_TRY(MappedFile::make(dir / "raw"));
  const std::string record(record_bytes, 'r');
  const std::uint64_t stride = frame_bytes(1, record_bytes);
  // So that reading the clock costs nothing.
  const Load load{.records_per_call = 256, .record_bytes = record_bytes};
  return Session([=](const RoundLimits& limits) {
    return measure(load, limits, [&](unsigned) -> Status {
      for (std::uint64_t i = 0; i < load.records_per_call; ++i) file->append(record, stride);
      return {};
    });
  });
}

Result<Session> raw_written(const std::filesystem::path& dir, std::uint64_t record_bytes) {
  return unsynced(dir, {.record_bytes = record_bytes, .latencies = true});
}

Session raw_read(Pages pages, const std::vector<FileBytes>& files, std::uint64_t records) {
  auto buffer = std::make_shared<std::vector<std::uint64_t>>(256 * KiB / 8);
  return passes(pages, files, records, [=]() -> Status {
    for (const FileBytes& file : files) FORELOG_TRY(read_and_add(file, *buffer));
    return {};
  });
}

}  // namespace forelog::bench
