#include "log/segment_supply.h"

#include <algorithm>
#include <utility>

#include "base/guarded.h"
#include "base/text.h"
#include "base/thread.h"
#include "forelog/try.h"
#include "segment/segment_name.h"

namespace forelog::log {

namespace {

// Segments that fill faster than this are written in large groups. A sync that also converts reserved
// blocks takes half as long again for them, but zeros would cost half of the bandwidth.
constexpr std::chrono::seconds kHurry{4};

}  // namespace

SegmentSupply::SegmentSupply(Directory& dir, std::uint64_t segment_bytes, bool in_background)
    : dir_(dir), segment_bytes_(segment_bytes), last_taken_(base::now()) {
  if (in_background) thread_ = base::Thread([this] { run(); });
}

SegmentSupply::~SegmentSupply() { stop(); }

void SegmentSupply::stop() {
  {
    base::MutexLock lock(mutex_);
    stop_.request_stop();
    wanted_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  // Nobody needs what was not used; the next open removes what this cannot.
  base::MutexLock lock(mutex_);
  const auto remove = [&](const std::string& name) {
    (void)base::guarded([&] { return dir_.remove(name); });
  };
  if (ready_) remove(ready_->name);
  if (recycled_) remove(*recycled_);
  ready_.reset();
  recycled_.reset();
}

std::string SegmentSupply::new_name() {
  return base::concat(kSparePrefix, ++names_, segment::kTemporarySuffix);
}

Result<segment::Spare> SegmentSupply::take(std::uint64_t capacity, bool small_will_do) {
  std::string name;
  std::optional<std::string> recycled;
  {
    base::MutexLock lock(mutex_);
    const auto now = base::now();
    hurried_ = now - last_taken_ < kHurry;
    last_taken_ = now;
    if (ready_ && ready_->capacity >= capacity) {
      segment::Spare spare = *std::move(ready_);
      ready_.reset();
      return spare;
    }
    if (ready_) {
      // Larger than usual. Its blocks may be what the disk has left.
      segment::Spare spare = *std::move(ready_);
      ready_.reset();
      if (spare.file->allocate(capacity).ok()) {
        spare.capacity = capacity;
        return spare;
      }
      ready_ = std::move(spare);
    }
    name = new_name();
    recycled = std::exchange(recycled_, std::nullopt);
  }
  // A file that was to be used again goes before a full disk is told of.
  if (recycled) {
    auto spare = segment::make_spare(dir_, *recycled, std::max(capacity, segment_bytes_),
                                     segment::Blocks::reserved, true);
    const bool disk_failed = !spare && spare.error().code() == Code::io_error;
    if (spare || disk_failed) return spare;
    // Full; or someone gave the file a second name (a backup by hard links) and it stays as it is.
  }
  auto spare = segment::make_spare(dir_, name, std::max(capacity, segment_bytes_),
                                   segment::Blocks::reserved, false);
  if (spare || spare.error().code() != Code::no_space || !small_will_do) return spare;
  return segment::make_spare(dir_, name, capacity, segment::Blocks::reserved, false);
}

void SegmentSupply::prepare() {
  base::MutexLock lock(mutex_);
  want_ = true;
  wanted_.notify_one();
}

std::optional<std::string> SegmentSupply::wants_recycled(std::uint64_t file_bytes) {
  base::MutexLock lock(mutex_);
  if (!thread_.joinable() || recycled_ || file_bytes != segment_bytes_ ||
      !dir_.overwrites_in_place()) {
    return std::nullopt;
  }
  return new_name();
}

void SegmentSupply::recycled(std::string name) {
  base::MutexLock lock(mutex_);
  recycled_ = std::move(name);
}

void SegmentSupply::run() {
  base::MutexLock lock(mutex_);
  while (true) {
    while (!stop_.stop_requested() && !(want_ && !ready_)) wanted_.wait(mutex_);
    if (stop_.stop_requested()) return;
    want_ = false;
    // An error is not told here: take() meets it again when the segment is needed, and tells.
    (void)base::guarded([&]() FORELOG_REQUIRES(mutex_) -> Status {
      const bool recycle = recycled_.has_value();
      const std::string name = recycle ? *std::exchange(recycled_, std::nullopt) : new_name();
      const auto blocks = hurried_ ? segment::Blocks::reserved : segment::Blocks::written;
      Result<segment::Spare> spare = segment::Spare();
      {
        base::MutexUnlock unlocked(mutex_);
        spare = segment::make_spare(dir_, name, segment_bytes_, blocks, recycle, stop_.get_token());
      }
      ready_ = FORELOG_TRY(std::move(spare));
      return {};
    });
  }
}

}  // namespace forelog::log
