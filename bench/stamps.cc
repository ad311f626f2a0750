#include "stamps.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include "cli/bench_measure.h"
#include "forelog/try.h"

namespace forelog::bench {

// What the file begins with; the columns follow it, one behind the other.
struct alignas(64) Stamps::Head {
  std::uint64_t first = 0, records = 0;
  std::atomic<unsigned> ready = 0;
};

namespace {

Result<void*> map(int descriptor, std::size_t bytes, const std::filesystem::path& file) {
  void* mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (mapped == MAP_FAILED) return system_error("cannot map", file);
  return mapped;
}

}  // namespace

Result<Stamps> Stamps::make(const std::filesystem::path& file, std::uint64_t first,
                            std::uint64_t records, unsigned tails) {
  static_assert(Cell::is_always_lock_free, "shared by processes");
  const std::size_t bytes = sizeof(Head) + (2 + tails) * records * sizeof(Cell);
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) return system_error("cannot make", file);
  Result<void*> mapped = ::ftruncate(descriptor, static_cast<off_t>(bytes)) == 0
                             ? map(descriptor, bytes, file)
                             : system_error("cannot set the length of", file);
  ::close(descriptor);
  if (!mapped) return mapped.error();
  // The cells are zeros already: that is what a hole in a file reads as.
  Head* head = new (*mapped) Head{.first = first, .records = records};
  return Stamps(head, bytes);
}

Result<Stamps> Stamps::attach(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return system_error("cannot open", file);
  struct stat status = {};
  ::fstat(descriptor, &status);
  const auto bytes = static_cast<std::size_t>(status.st_size);
  Result<void*> mapped = map(descriptor, bytes, file);
  ::close(descriptor);
  if (!mapped) return mapped.error();
  return Stamps(static_cast<Head*>(*mapped), bytes);
}

Stamps::Stamps(Stamps&& other) noexcept
    : head_(std::exchange(other.head_, nullptr)), bytes_(other.bytes_) {}

Stamps::~Stamps() {
  if (head_ != nullptr) ::munmap(head_, bytes_);
}

std::int64_t Stamps::now_ns() {
  return std::chrono::nanoseconds(Clock::now().time_since_epoch()).count();
}

std::uint64_t Stamps::first() const { return head_->first; }

void Stamps::note_ready() { head_->ready.fetch_add(1); }
unsigned Stamps::ready() const { return head_->ready.load(); }

Stamps::Cell* Stamps::column(unsigned index) const {
  return reinterpret_cast<Cell*>(head_ + 1) + index * head_->records;
}

void Stamps::note(unsigned index, std::uint64_t record, std::int64_t ns) {
  const std::uint64_t at = record - head_->first;
  if (at < head_->records) column(index)[at].store(ns, std::memory_order_relaxed);
}

bool Stamps::was_received(unsigned tail, std::uint64_t record) const {
  const std::uint64_t at = record - head_->first;
  return at >= head_->records || column(2 + tail)[at].load(std::memory_order_relaxed) != 0;
}

std::vector<std::int64_t> Stamps::difference(unsigned from, unsigned to,
                                             std::int64_t begin_ns) const {
  std::vector<std::int64_t> values;
  for (std::uint64_t i = 0; i < head_->records; ++i) {
    const std::int64_t before = column(from)[i], after = column(to)[i], synced = column(1)[i];
    if (synced >= begin_ns && before != 0 && after != 0) values.push_back(after - before);
  }
  return values;
}

std::vector<std::int64_t> Stamps::synced_to_received(unsigned tail, std::int64_t begin_ns) const {
  return difference(1, 2 + tail, begin_ns);
}
std::vector<std::int64_t> Stamps::appended_to_synced(std::int64_t begin_ns) const {
  return difference(0, 1, begin_ns);
}
std::vector<std::int64_t> Stamps::appended_to_received(unsigned tail, std::int64_t begin_ns) const {
  return difference(0, 2 + tail, begin_ns);
}

double Stamps::synced_rate(std::int64_t begin_ns) const {
  std::int64_t first = INT64_MAX, last = 0;
  double records = 0;
  for (std::uint64_t i = 0; i < head_->records; ++i) {
    const std::int64_t synced = column(1)[i];
    if (synced < begin_ns || synced == 0) continue;
    first = std::min(first, synced);
    last = std::max(last, synced);
    ++records;
  }
  return last > first ? records / (static_cast<double>(last - first) * 1e-9) : 0;
}

}  // namespace forelog::bench
