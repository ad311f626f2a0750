// The waiting half of Writer: who leads a sync, who sleeps, and who is woken.
//
// Cycles. At most one sync is under way; it is a cycle. A thread that waits belongs to the crowd of
// the cycle that will cover its record: the one under way while that has not fixed what it covers,
// else the next. When a cycle ends its whole crowd is woken with one call, and one thread of the
// next crowd, to lead; if that one has no need to any more, it calls another. Each wake changes the
// crowd's word first, so that no thread that is about to sleep can miss it. Those who must not lead,
// because they have a deadline, are in no crowd: a call to lead would be lost on them. commit.pml is
// this protocol as a model.
#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "base/futex.h"
#include "base/guarded.h"
#include "base/simulation.h"
#include "base/text.h"
#include "base/thread.h"
#include "forelog/try.h"
#include "log/quiet.h"
#include "log/writer.h"

namespace forelog::log {

using base::concat;
using base::guarded;
using base::makes;
using base::Mistake;
using base::MutexLock;
using base::MutexUnlock;

namespace {

// In a large crowd a thread gives way a few times before it sleeps. Why: the woken ones come back
// while their waker still wakes the others; where they sleep at once, each wake finds a processor
// that is idle again, which takes it an interrupt to another processor. In a small one it would only
// cost: what is spun away is more than the wakes.
constexpr std::uint32_t kCrowdPerYield = 10, kYieldsMax = 8;

}  // namespace

Status Writer::wait_error(Lsn lsn, std::uint64_t truncations) const {
  if (truncations != truncations_ && lsn > view_.appended()) {
    return {Code::not_found, concat("LSN ", lsn.value, " was dropped by keep_through")};
  }
  if (failed_.ok()) return closed_ ? Status(Code::cancelled, "the log was closed") : Status();
  return {Code::outcome_unknown,
          concat("LSN ", lsn.value, " may or may not be durable: ", failed_.message())};
}

Status Writer::wait(Lsn lsn, Durability level, std::optional<Deadline> deadline, bool lead) {
  Waiting waiting;
  {
    MutexLock lock(mutex_);
    if (const Lsn last = view_.appended(); lsn > last) {
      return {Code::invalid_argument,
              concat("LSN ", lsn.value, " was not appended; the last one is ", last.value)};
    }
    if (level == Durability::buffered) return {};
    if (level == Durability::written) return wait_written(lsn, deadline);
    if (!lead) return follow(lsn, deadline);
    waiting.truncations = truncations_;
    if (auto status = look(lsn, waiting)) return *std::move(status);
  }
  return sleep_until_synced(lsn, waiting);
}

template <typename Appended, typename Records>
Result<Appended> Writer::commit_records(const Records& records) {
  FORELOG_TRY(check(records));
  Waiting waiting;
  // First of all: behind append_to_open() the record can be dropped before the lock is taken.
  waiting.truncations = truncations_.load(std::memory_order_acquire);
  std::optional<Status> status;
  const auto append_and_look = [&]() -> Result<Appended> {
    const std::optional<Appended> at_once = append_to_open(records);
    if (!at_once) FORELOG_TRY(check_process());
    MutexLock lock(mutex_);
    Result<Appended> appended = at_once ? Result<Appended>(*at_once) : append_checked(records);
    if (!appended) return appended;
    status = guarded([&]() FORELOG_REQUIRES(mutex_) { return look(last_of(*appended), waiting); },
                     Code::outcome_unknown);
    return appended;
  };
  Result<Appended> appended = append_and_look();
  if (!appended) return appended;
  if (!status) {
    status = guarded([&] { return sleep_until_synced(last_of(*appended), waiting); },
                     Code::outcome_unknown);
  }
  if (!status->ok()) return *std::move(status);
  return appended;
}

Result<Lsn> Writer::commit(ByteView record) { return commit_records<Lsn>(record); }
Result<LsnRange> Writer::commit(const Batch& batch) { return commit_records<LsnRange>(batch); }

Status Writer::wait_written(Lsn lsn, std::optional<Deadline> deadline) {
  const std::uint64_t truncations = truncations_;
  while (lsn > view_.written()) {
    FORELOG_TRY(wait_error(lsn, truncations));
    if (!writing_) {
      write_pending(true);
    } else if (!deadline) {
      room_.wait(mutex_);
    } else if (!room_.wait_until(mutex_, *deadline)) {
      return {Code::timed_out,
              concat("LSN ", lsn.value, " was not written in time; it may be yet")};
    }
  }
  return {};
}

Status Writer::follow(Lsn lsn, std::optional<Deadline> deadline) {
  const std::uint64_t truncations = truncations_;
  while (lsn > view_.synced()) {
    FORELOG_TRY(wait_error(lsn, truncations));
    if (deadline && base::now() >= *deadline) {
      return {Code::timed_out, concat("LSN ", lsn.value, " was not synced in time; it may be yet")};
    }
    ++followers_.count;
    const std::uint32_t seen = followers_.word.load(std::memory_order_relaxed);
    {
      MutexUnlock unlocked(mutex_);
      base::futex_wait(followers_.word, seen, deadline);
    }
    --followers_.count;
  }
  return {};
}

std::optional<Status> Writer::look(Lsn lsn, Waiting& waiting) {
  Status status;
  while (lsn > view_.synced()) {
    status = wait_error(lsn, waiting.truncations);
    if (!status.ok()) break;
    if (syncing_) {
      join_crowd(lsn, waiting);
      return std::nullopt;
    }
    waiting.called = false;
    lead_sync();
  }
  // A rotation may have synced our record meanwhile, and nobody else was called.
  if (waiting.called && !makes(Mistake::lose_call_to_lead)) call_leader();
  return status;
}

Status Writer::sleep_until_synced(Lsn lsn, Waiting& waiting) {
  while (true) {
    const std::atomic<std::uint32_t>& word = crowds_[waiting.cycle % 2].word;
    for (unsigned i = 0; i < waiting.yields && word.load() == waiting.seen; ++i) base::yield();
    base::futex_wait(word, waiting.seen);
    // Why without the lock: all of the crowd come at once, and would queue for it only to leave. A
    // cycle that has ended took its crowd off the books itself.
    if (waiting.cycle <= ended_.load(std::memory_order_acquire) && lsn <= view_.synced()) return {};
    MutexLock lock(mutex_);
    leave_crowd(waiting);
    if (auto status = look(lsn, waiting)) return *std::move(status);
  }
}

void Writer::join_crowd(Lsn lsn, Waiting& waiting) {
  const bool covered = !target_ || lsn <= *target_;
  waiting.cycle = covered ? cycle_ : cycle_ + 1;
  Crowd& crowd = crowds_[waiting.cycle % 2];
  ++crowd.count;
  if (covered) arrived_.store(crowd.count + 1, std::memory_order_relaxed);
  waiting.seen = crowd.word.load(std::memory_order_relaxed);
  waiting.yields = std::min(expected_ / kCrowdPerYield, kYieldsMax);
}

void Writer::leave_crowd(Waiting& waiting) {
  const bool ended = waiting.cycle <= ended_.load(std::memory_order_relaxed);
  if (!ended) --crowds_[waiting.cycle % 2].count;
  waiting.called = !ended && !syncing_;
}

void Writer::call_leader() {
  Crowd& next = crowds_[(cycle_ + 1) % 2];
  if (syncing_ || next.count == 0) return;
  next.word.fetch_add(1, std::memory_order_release);
  base::futex_wake_one(next.word);
}

// Waits for the threads that were just released, if they came back in time before: one sync for
// all of them instead of two. A thread that is alone waits for no one.
void Writer::gather() {
  const auto limit = std::min(gather_limit_, sync_time_ / 2);
  Crowd& crowd = crowds_[cycle_ % 2];
  arrived_.store(crowd.count + 1, std::memory_order_relaxed);
  if (expected_ <= crowd.count + 1 || limit <= std::chrono::microseconds(1)) return;
  const std::uint32_t expected = expected_;
  const auto until = base::now() + limit;
  bool all = false;
  {
    MutexUnlock unlocked(mutex_);
    while (!all && base::now() < until) {
      base::yield();
      all = arrived_.load(std::memory_order_relaxed) >= expected;
    }
  }
  // Half the time when it was in vain, twice when it was not.
  gather_limit_ =
      all ? std::min<std::chrono::nanoseconds>(gather_limit_ * 2, options_.group_commit_delay_max)
          : std::max<std::chrono::nanoseconds>(gather_limit_ / 2,
                                               options_.group_commit_delay_max / 16);
}

void Writer::lead_sync() {
  FORELOG_CHECK(!syncing_);
  syncing_ = true;
  ++cycle_;
  target_.reset();
  gather();
  while (writing_ && failed_.ok()) room_.wait(mutex_);
  fold();
  target_ = Lsn(next_lsn_.value - 1);
  if (failed_.ok()) sync_pending();
  end_cycle();
}

void Writer::sync_pending() {
  const std::size_t bytes = open_.held();
  const bool either = could_write_directly(bytes);
  const bool direct = either && method_.direct(bytes);
  // gather() asks how long it takes too, but not for a thread that is alone.
  const bool timed = expected_ > 1 || (either && method_.trying(bytes));
  const auto started = timed ? base::now() : base::SteadyTime();
  if (!(direct ? write_directly() : write_and_sync())) return;
  const auto took = timed ? base::now() - started : std::chrono::nanoseconds(0);
  if (either) method_.took(bytes, took);
  if (expected_ > 1) sync_time_ = sync_time_.count() == 0 ? took : (sync_time_ * 7 + took) / 8;
}

// Not while anyone follows the log: what was written around the page cache has to be read from the
// device. And only behind what is synced, since nothing else gets synced by it.
bool Writer::could_write_directly(std::size_t bytes) {
  if (makes(Mistake::skip_sync) || makes(Mistake::acknowledge_before_sync)) return false;
  return options_.direct_writes && !open_.empty() && open_.rotations.empty() &&
         written_.lsn == view_.synced() && !view_.followed() &&
         active_.writes_directly(bytes + format::kFrameAlignment, capacity_) && !method_.paused();
}

bool Writer::write_directly() {
  FORELOG_CHECK(!writing_ && !in_sync_);  // Only who has a role syncs, and both are ours.
  take_group();
  in_sync_ = true;
  Status status;
  {
    MutexUnlock unlocked(mutex_);
    status = guarded([&] {
      const std::span<std::byte> bytes(group_.bytes.get(), group_.capacity);
      return active_.write_synced(bytes, group_.frames, view_.synced(), now());
    });
  }
  in_sync_ = false;
  if (!end_write(status, false)) return false;
  view_.set_synced(written_.lsn, written_.offset);
  return true;
}

bool Writer::write_and_sync() {
  write_pending(false);
  const Point point = written_;
  if (!failed_.ok() || point.lsn <= view_.synced()) return false;
  if (makes(Mistake::acknowledge_before_sync)) view_.set_synced(point.lsn, point.offset);
  if (!sync_segment(*point.segment).ok()) return false;
  view_.set_synced(point.lsn, point.offset);
  return true;
}

Status Writer::sync_segment(segment::SegmentFile& segment) {
  while (in_sync_) room_.wait(mutex_);
  FORELOG_TRY(Status(failed_));
  in_sync_ = true;
  Status status;
  {
    MutexUnlock unlocked(mutex_);
    if (!makes(Mistake::skip_sync)) {
      status = guarded([&] { return segment.file->sync_data(); });
    }
  }
  in_sync_ = false;
  // Durability: after a failed sync the kernel may have dropped the pages and call the next sync a
  // success. It is never tried again; only a new open, which reads them back, may go on.
  if (!status.ok() && !makes(Mistake::go_on_after_failed_sync)) fail(status);
  room_.notify_all();
  return status;
}

void Writer::end_cycle() {
  Crowd& crowd = crowds_[cycle_ % 2];
  Crowd& next = crowds_[(cycle_ + 1) % 2];
  syncing_ = false;
  ended_.store(cycle_, std::memory_order_release);
  expected_ = crowd.count + 1 + next.count;
  const bool anyone = crowd.count > 0;
  const bool leader = next.count > 0 && !makes(Mistake::forget_to_wake);
  const bool followers = followers_.count > 0;
  crowd.count = 0;
  if (anyone) crowd.word.fetch_add(1, std::memory_order_release);
  if (leader) next.word.fetch_add(1, std::memory_order_release);
  if (followers) followers_.word.fetch_add(1, std::memory_order_release);
  room_.notify_all();
  if (!anyone && !leader && !followers) return;
  // Why unlocked: the woken run at once, and would only queue for the lock.
  MutexUnlock unlocked(mutex_);
  if (anyone) base::futex_wake_all(crowd.word);
  if (leader) base::futex_wake_one(next.word);
  if (followers) base::futex_wake_all(followers_.word);
}

Status Writer::start_new_segment() {
  Quiet quiet(*this);
  FORELOG_TRY(usable());
  if (active_.tail().next_lsn == active_.segment()->header.first_lsn) return {};
  // A small file will do, so that a log can be emptied on a full disk.
  if (!spare_) FORELOG_TRY(fetch_spare(64 * KiB, true));
  segment::Spare spare = *std::move(spare_);
  spare_.reset();
  Status status;
  {
    MutexUnlock unlocked(mutex_);
    status = guarded([&] { return rotate(std::move(spare)); });
  }
  if (!status.ok()) {
    fail(status);
    return status;
  }
  written_ = {Lsn(next_lsn_.value - 1), active_.tail().offset, active_.segment()};
  plan_from_active();
  return {};
}

Status Writer::close() {
  Quiet quiet(*this);
  if (closed_) return {Code::cancelled, "the log is closed"};
  const Status usable_before = usable();
  closed_ = true;
  FORELOG_TRY(usable_before.ok() ? Status() : usable_before);
  if (active_.tail().closed) return {};
  Status status;
  {
    MutexUnlock unlocked(mutex_);
    status = guarded([&] {
      const Status marked = active_.write_close_mark(now());
      return marked.ok() ? active_.sync() : marked;
    });
  }
  if (!status.ok()) fail(status);
  return status;
}

}  // namespace forelog::log
