// When each record was appended, became synced, and reached each tail: arrays of clock readings
// (CLOCK_MONOTONIC, the same in every process) in a file that a writer and its tails map. So no tail
// waits for the writer's reading, and what came first does not matter: they are compared at the end.
//
// Threading: note_* from any thread or process, each record by one of them. The rest when all have
// stopped.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "forelog/status.h"

namespace forelog::bench {

class Stamps {
 public:
  // For the records first … first + records - 1; others are not noted.
  static Result<Stamps> make(const std::filesystem::path& file, std::uint64_t first,
                             std::uint64_t records, unsigned tails);
  static Result<Stamps> attach(const std::filesystem::path& file);
  Stamps(Stamps&& other) noexcept;
  Stamps& operator=(Stamps&&) = delete;
  ~Stamps();

  static std::int64_t now_ns();

  std::uint64_t first() const;
  void note_appended(std::uint64_t record, std::int64_t ns) { note(0, record, ns); }
  void note_synced(std::uint64_t record, std::int64_t ns) { note(1, record, ns); }
  void note_received(unsigned tail, std::uint64_t record, std::int64_t ns) {
    note(2 + tail, record, ns);
  }
  // A tail is about to wait for its first record; how many there are.
  void note_ready();
  unsigned ready() const;
  bool was_received(unsigned tail, std::uint64_t record) const;

  // Of the records that were synced from `begin_ns` on. What a tail had before the writer's own
  // thread knew of it is negative.
  std::vector<std::int64_t> synced_to_received(unsigned tail, std::int64_t begin_ns) const;
  std::vector<std::int64_t> appended_to_synced(std::int64_t begin_ns) const;
  std::vector<std::int64_t> appended_to_received(unsigned tail, std::int64_t begin_ns) const;
  // Records a second between the first and the last of them.
  double synced_rate(std::int64_t begin_ns) const;

 private:
  struct Head;
  using Cell = std::atomic<std::int64_t>;

  Stamps(Head* head, std::size_t bytes) : head_(head), bytes_(bytes) {}
  Cell* column(unsigned index) const;
  void note(unsigned index, std::uint64_t record, std::int64_t ns);
  std::vector<std::int64_t> difference(unsigned from, unsigned to, std::int64_t begin_ns) const;

  Head* head_;  // nullptr: moved from.
  std::size_t bytes_;
};

}  // namespace forelog::bench
