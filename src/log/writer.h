// Writer: orders records, gathers them in memory, writes them in groups, and lets the threads that
// wait share each sync. Implements docs/durability.md; the protocol is drawn in ARCHITECTURE.md.
//
// Two roles, each held by one thread at a time, taken by whoever needs it: the write role owns the
// active segment (writing_), the sync role owns the next step of `synced` (syncing_). A thread that
// waits for a sync leads one itself when no one does; nobody is woken to do it for it.
//
// Threading: every method from any thread. mutex_ is held for moments, never over I/O.
// Invariants: a record that append() gave an LSN has its space on the disk reserved. After a write
// or sync failed nothing is written or synced any more (failed_).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "forelog/log.h"
#include "log/live_view.h"
#include "log/segment_supply.h"
#include "log/sync_method.h"
#include "segment/segment_writer.h"

namespace forelog::log {

// Frames that wait to be written.
struct GroupBuffer {
  static constexpr std::align_val_t kAlignment{File::kBlockBytes};
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete(memory, kAlignment); }
  };
  using Bytes = std::unique_ptr<std::byte[], Free>;

  Bytes bytes;
  std::size_t size = 0;
  // Bytes in front of the first frame, so that it lies in its block here as it will in the file.
  std::size_t lead = 0;
  std::size_t capacity = 0;
  std::vector<segment::PendingFrame> frames;
  bool frame_open = false;  // The last frame takes more records.
  // Before frame `first` the log goes on in a new segment, in the file `second`.
  std::vector<std::pair<std::size_t, segment::Spare>> rotations;

  bool empty() const { return frames.empty(); }
  std::size_t held() const { return size - lead; }
  void clear();
  // For so many bytes, a frame and a rotation. Throws std::bad_alloc, and nothing is lost then.
  void reserve(std::size_t bytes_more);
};

// Of what an append returns.
constexpr Lsn last_of(Lsn lsn) { return lsn; }
constexpr Lsn last_of(const LsnRange& range) { return range.last; }

class Writer {
 public:
  // Everything in `active` is synced. `capacity` is the size of its file; segments are numbered
  // from `next_number` on.
  Writer(Directory& dir, FileSystem& file_system, const Options& options, LiveView& view,
         segment::SegmentWriter active, std::uint64_t capacity, std::uint64_t last_time,
         std::uint64_t next_number);
  ~Writer();

  Result<Lsn> append(ByteView record) FORELOG_EXCLUDES(mutex_);
  Result<LsnRange> append(const Batch& batch) FORELOG_EXCLUDES(mutex_);

  // append() and wait() until it is synced, with the lock taken once: with many threads it is what
  // they queue for.
  Result<Lsn> commit(ByteView record) FORELOG_EXCLUDES(mutex_);
  Result<LsnRange> commit(const Batch& batch) FORELOG_EXCLUDES(mutex_);

  // As Log::wait; with `lead`, without a deadline for `synced`. Without `lead` it only waits, and leaves the work to another thread.
  Status wait(Lsn lsn, Durability level, std::optional<Deadline> deadline, bool lead)
      FORELOG_EXCLUDES(mutex_);

  // Writes what is in memory, unless someone is doing so.
  void write_behind() FORELOG_EXCLUDES(mutex_);

  // Drops every record behind `last`; of Log::keep_through. Removes no file: returns the names of
  // those that are dead now. Where `epoch` is given, a new one begins behind `last`, and is told.
  Result<std::vector<Link>> truncate(Lsn last, Epoch* epoch = nullptr) FORELOG_EXCLUDES(mutex_);
  // Goes on in a new segment, so that all before can be dropped. Syncs everything first.
  Status start_new_segment() FORELOG_EXCLUDES(mutex_);
  // Syncs everything, marks the log as closed and refuses everything from then on.
  Status close() FORELOG_EXCLUDES(mutex_);

  // Gives up the files that were prepared for segments to come: after close(), before the lock on
  // the directory goes.
  void drop_spares() FORELOG_EXCLUDES(mutex_);

  Status health() const FORELOG_EXCLUDES(mutex_);
  // Of a forked child an error, and told without the lock, which may have been held at the fork.
  Status check_process() const;
  // Removes a segment's file, or keeps it to be used again. The caller syncs the directory.
  Status discard(const std::string& name);

 private:
  // Keeps appenders out and holds both roles, with everything synced, while it lives.
  class Quiet;

  struct Point {  // What has been written, and where it ends.
    Lsn lsn;
    std::uint64_t offset = 0;
    std::shared_ptr<segment::SegmentFile> segment;
  };
  // Those that wait for the same sync sleep on the same word.
  struct Crowd {
    std::atomic<std::uint32_t> word{0};
    std::uint32_t count = 0;  // Under mutex_.
  };

  // A thread that waits for a sync, and leads one when no one does.
  struct Waiting {
    std::uint64_t truncations = 0;  // As when it began.
    std::uint64_t cycle = 0;        // It is in the crowd of this one, ...
    std::uint32_t seen = 0;         // ... whose word it will sleep on while it says this.
    std::uint32_t yields = 0;       // Before it sleeps.
    bool called = false;            // It was woken to lead the next cycle.
  };

  struct Plan {  // Of a truncation.
    format::SegmentHeader header;
    segment::SegmentTail tail;
    std::vector<std::byte> frame;  // The first one; empty when there is none.
  };

  Status usable() const FORELOG_REQUIRES(mutex_);
  // Without the lock. Nothing: no frame is open, or it has no room.
  std::optional<Lsn> append_to_open(ByteView record);
  std::optional<LsnRange> append_to_open(const Batch& batch);
  Status check(ByteView record) const;
  Status check(const Batch& batch) const;
  Result<Lsn> append_checked(ByteView record) FORELOG_REQUIRES(mutex_);
  Result<LsnRange> append_checked(const Batch& batch) FORELOG_REQUIRES(mutex_);
  template <typename Appended, typename Records>
  Result<Appended> commit_records(const Records& records) FORELOG_EXCLUDES(mutex_);
  Status make_room(std::uint64_t body_bytes, std::uint64_t records) FORELOG_REQUIRES(mutex_);
  bool needs_new_segment(std::uint64_t body_bytes) const FORELOG_REQUIRES(mutex_);
  Status fetch_spare(std::uint64_t capacity, bool small_will_do) FORELOG_REQUIRES(mutex_);
  std::byte* place(std::uint64_t body_bytes, std::uint32_t records) FORELOG_REQUIRES(mutex_);
  void start_frame(std::uint64_t body_bytes) FORELOG_REQUIRES(mutex_);
  void finish_frame() FORELOG_REQUIRES(mutex_);
  // After a record was placed: opens the frame to those that append without the lock.
  void go_on_behind(Lsn last) FORELOG_REQUIRES(mutex_);
  // Closes the frame to them, and counts what they appended.
  void fold() FORELOG_REQUIRES(mutex_);

  // With the write role free. Gives the lock up meanwhile. False: nothing was pending, or it failed.
  bool write_pending(bool announce) FORELOG_REQUIRES(mutex_);
  void take_group() FORELOG_REQUIRES(mutex_);  // The write role, and what is pending.
  bool end_write(const Status& status, bool announce) FORELOG_REQUIRES(mutex_);
  Status write_group(GroupBuffer& group);                           // With the write role.
  Status rotate(segment::Spare spare);                              // With the write role.
  Result<Plan> plan_cut(const std::vector<Link>& links, Lsn last);  // With both roles.
  Epoch next_epoch(Lsn first) const;                                // With both roles.
  Result<std::vector<Link>> carry_out(const Plan& plan, Lsn last, segment::Spare spare);
  // Syncs the active segment's data up to now. One at a time in the whole log, and a failure closes
  // the log to writes before the next may start. Why: the kernel reports a failed write-back to one
  // of the calls on a descriptor; another, at the same time or next, would be told of a success.
  Status sync_segment(segment::SegmentFile& segment) FORELOG_REQUIRES(mutex_);
  // One sync, for all that was appended until it starts. With the sync role free.
  void lead_sync() FORELOG_REQUIRES(mutex_);
  // Of lead_sync: two ways (sync_method.h). False: nothing was pending, or it failed.
  void sync_pending() FORELOG_REQUIRES(mutex_);
  bool could_write_directly(std::size_t bytes) FORELOG_REQUIRES(mutex_);
  bool write_directly() FORELOG_REQUIRES(mutex_);
  bool write_and_sync() FORELOG_REQUIRES(mutex_);
  void gather() FORELOG_REQUIRES(mutex_);
  void end_cycle() FORELOG_REQUIRES(mutex_);
  void fail(const Status& status) FORELOG_REQUIRES(mutex_);
  // Why a wait for `lsn` cannot end well, if it cannot. `truncations` is as when it began.
  Status wait_error(Lsn lsn, std::uint64_t truncations) const FORELOG_REQUIRES(mutex_);
  Status wait_written(Lsn lsn, std::optional<Deadline> deadline) FORELOG_REQUIRES(mutex_);
  Status follow(Lsn lsn, std::optional<Deadline> deadline) FORELOG_REQUIRES(mutex_);
  // How the wait for `lsn` ended; nothing: it must sleep.
  std::optional<Status> look(Lsn lsn, Waiting& waiting) FORELOG_REQUIRES(mutex_);
  Status sleep_until_synced(Lsn lsn, Waiting& waiting) FORELOG_EXCLUDES(mutex_);
  void join_crowd(Lsn lsn, Waiting& waiting) FORELOG_REQUIRES(mutex_);
  void leave_crowd(Waiting& waiting) FORELOG_REQUIRES(mutex_);
  void call_leader() FORELOG_REQUIRES(mutex_);
  void plan_from_active() FORELOG_REQUIRES(mutex_);
  std::uint64_t now();  // Never goes back. With the write role.

  Directory& dir_;
  FileSystem& file_system_;
  const Options options_;
  LiveView& view_;
  OpenFrame& frame_;
  SegmentSupply supply_;
  const std::uint32_t fork_generation_;

  mutable base::Mutex mutex_;
  base::CondVar room_;  // Memory was freed, a role was given up, or the state changed.
  Status failed_ FORELOG_GUARDED_BY(mutex_);
  bool closed_ FORELOG_GUARDED_BY(mutex_) = false;
  bool paused_ FORELOG_GUARDED_BY(mutex_) = false;
  std::atomic<std::uint64_t> truncations_{0};  // Changed under mutex_.

  // The order of records, and where the open buffer's frames will lie. While frame_ is open, what
  // was appended to it comes on top: fold() adds it.
  Lsn next_lsn_ FORELOG_GUARDED_BY(mutex_);
  GroupBuffer open_ FORELOG_GUARDED_BY(mutex_);
  std::uint64_t plan_offset_ FORELOG_GUARDED_BY(mutex_) = 0;  // Of the last frame, or the next one.
  std::uint64_t plan_end_ FORELOG_GUARDED_BY(mutex_) = 0;     // Frames must not pass it.
  bool prepared_ FORELOG_GUARDED_BY(mutex_) = false;          // The next file was asked for.
  std::optional<segment::Spare> spare_ FORELOG_GUARDED_BY(mutex_);  // For the next rotation.
  bool fetching_ FORELOG_GUARDED_BY(mutex_) = false;

  bool writing_ FORELOG_GUARDED_BY(mutex_) = false;
  std::uint64_t writing_bytes_ FORELOG_GUARDED_BY(mutex_) = 0;
  Point written_ FORELOG_GUARDED_BY(mutex_);
  // Owned by the write role.
  GroupBuffer group_;
  segment::SegmentWriter active_;
  std::uint64_t capacity_;
  segment::Blocks blocks_ = segment::Blocks::reserved;
  std::uint64_t last_time_;
  std::uint64_t next_number_;  // Of the next segment.

  bool in_sync_ FORELOG_GUARDED_BY(mutex_) = false;  // A sync_data() is under way.
  bool syncing_ FORELOG_GUARDED_BY(mutex_) = false;
  std::uint64_t cycle_ FORELOG_GUARDED_BY(mutex_) = 0;    // Of the sync under way, or the last one.
  std::optional<Lsn> target_ FORELOG_GUARDED_BY(mutex_);  // What it covers, once that is fixed.
  std::atomic<std::uint64_t> ended_{0};                   // The last cycle that has ended.
  Crowd crowds_[2];                        // Of this cycle and of the next, by parity.
  Crowd followers_;                        // Who waits, and does not lead.
  std::atomic<std::uint32_t> arrived_{0};  // In the crowd of the cycle that is being gathered.
  SyncMethod method_ FORELOG_GUARDED_BY(mutex_);
  std::uint32_t expected_ FORELOG_GUARDED_BY(mutex_) = 1;
  std::chrono::nanoseconds gather_limit_ FORELOG_GUARDED_BY(mutex_);
  std::chrono::nanoseconds sync_time_ FORELOG_GUARDED_BY(mutex_){0};  // Moving average.
};

}  // namespace forelog::log
