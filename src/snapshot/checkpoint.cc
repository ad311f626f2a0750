// checkpoint(): a state becomes a snapshot, and what it makes superfluous goes.
//
// The order, so that a crash anywhere leaves enough to recover from: the new snapshot is durable, then
// the old ones go, then the log's holder moves, and only then may the caller drop records.
#include <functional>

#include "base/guarded.h"
#include "base/simulation.h"
#include "base/text.h"
#include "forelog/snapshot.h"
#include "forelog/try.h"
#include "snapshot/snapshot_writer.h"
#include "snapshot/snapshots.h"

namespace forelog {

using base::concat;

namespace snapshot {

Result<std::optional<format::RecordMark>> mark_of(const Log& log, Lsn lsn) {
  using Found = std::optional<format::RecordMark>;
  ReadOptions options;
  options.from = lsn;
  Cursor cursor = log.read(options);
  auto entry = cursor.next();
  if (!entry && entry.error().code() == Code::trimmed) return Found();
  if (!entry) return entry.error();
  if (!*entry) {
    return Status(Code::not_found,
                  concat("the log has no record of LSN ", lsn.value, " (any more)"));
  }
  return Found(format::record_mark((*entry)->payload, (*entry)->time));
}

namespace {

constexpr std::string_view kHolderName = "snapshots";

using Save = std::function<Status(Sink&)>;

class Checkpoint {
 public:
  Checkpoint(Log& log, Snapshots::Impl& snapshots, Lsn applied)
      : log_(log), snapshots_(snapshots), applied_(applied) {}

  Result<Lsn> run(const Save& save) FORELOG_EXCLUDES(snapshots_.mutex) {
    if (snapshots_.options.read_only) {
      return Status(Code::invalid_argument, "the snapshots were opened to be read only");
    }
    if (applied_ == Lsn()) {
      return Status(Code::invalid_argument,
                    "a state to which no record was applied needs no snapshot");
    }
    if (!base::makes(base::Mistake::snapshot_before_sync)) {
      FORELOG_TRY(log_.wait(applied_, Durability::synced));
    }
    base::MutexLock guard(snapshots_.mutex);
    const format::SnapshotHeader header = FORELOG_TRY(make_header());
    std::uint64_t bytes = FORELOG_TRY(bytes_of_same(header));
    if (base::makes(base::Mistake::trim_before_publish)) {
      (void)hold(applied_.next());
      (void)log_.keep_from(applied_.next());
    }
    if (bytes == 0) bytes = FORELOG_TRY(write(header, save));
    Lsn oldest = FORELOG_TRY(snapshots_.prune());
    if (base::makes(base::Mistake::trim_too_far)) oldest = applied_;
    // Before the room for the next one is made: on a full disk it could not be, and the holder needs a
    // block, which the part of the last room that was not needed has left.
    const Status held = hold(oldest.next());
    snapshots_.make_room(bytes);
    FORELOG_TRY(Status(held));
    return oldest;
  }

 private:
  Result<format::SnapshotHeader> make_header() {
    format::SnapshotHeader header;
    const auto log_id = format::parse_log_id(log_.id());
    if (!log_id) return Status(Code::invalid_argument, "the log has no id");
    header.log_id = *log_id;
    header.salt = snapshots_.file_system.random();
    header.lsn = applied_;
    header.begun =
        static_cast<std::uint64_t>(snapshots_.file_system.now().time_since_epoch().count());
    header.record = FORELOG_TRY(mark_of(log_, applied_));
    header.kind = snapshots_.options.kind;
    return header;
  }

  // The size of the snapshot that is already there of this record and all before it; 0: there is none.
  // Errors: what is there is not what this log and this kind of state come behind.
  Result<std::uint64_t> bytes_of_same(const format::SnapshotHeader& header)
      FORELOG_REQUIRES(snapshots_.mutex) {
    const std::vector<Listed> found = FORELOG_TRY(snapshots_.list(nullptr));
    for (const Listed& listed : found) {
      FORELOG_TRY(snapshots_.check_identity(listed, format::to_string(header.log_id)));
    }
    compress_ = compresses(nullptr);
    if (found.empty()) return std::uint64_t{0};
    const Listed& newest = found.front();
    if (newest.header.lsn > applied_) {
      return Status(
          Code::invalid_argument,
          concat(snapshots_.dir->path().string(), "/", newest.name, " is of LSN ",
                 newest.header.lsn.value, ", and so newer than this state, of LSN ", applied_.value,
                 "; no snapshot was made. If the log was cut behind it (keep_through), remove it"));
    }
    compress_ = compresses(&newest.header);
    const std::uint8_t compression = compress_ ? snapshots_.options.compression->id() : 0;
    const bool same = newest.header.compression == compression && snapshots_.names_synced &&
                      newest.header.lsn == applied_ && !snapshots_.known_damaged(applied_) &&
                      newest.header.record == header.record;
    return same ? newest.file_bytes : 0;
  }

  bool compresses(const format::SnapshotHeader* newest) const {
    if (snapshots_.options.compression == nullptr) return false;
    switch (snapshots_.options.compress_new) {
      case CompressNew::all: return true;
      case CompressNew::none: return false;
      case CompressNew::as_newest: return newest != nullptr && newest->compression != 0;
    }
    return false;
  }

  Result<std::uint64_t> write(const format::SnapshotHeader& header, const Save& save)
      FORELOG_REQUIRES(snapshots_.mutex) {
    const SnapshotOptions& options = snapshots_.options;
    bool named = false;
    auto bytes = base::guarded([&]() -> Result<std::uint64_t> {
      auto writer = FORELOG_TRY(
          SnapshotWriter::begin(*snapshots_.dir, header,
                                {.compression = compress_ ? options.compression : nullptr,
                                 .bytes_per_second_max = options.bytes_per_second_max}));
      FORELOG_TRY(base::contained("the state's save", [&] { return save(*writer); }));
      auto published = writer->publish();
      named = writer->named();
      return published;
    });
    if (named) snapshots_.room = 0;
    if (bytes) {
      snapshots_.names_synced = true;
      snapshots_.forget_damaged(applied_);
      return bytes;
    }
    if (named) {
      snapshots_.names_synced = false;
    } else {
      snapshots_.keep_room(bytes.error());
    }
    return bytes.error().with_context(concat("no snapshot of LSN ", applied_.value, " was made"));
  }

  Status hold(Lsn keep_from) {
    // What someone has dropped in spite of an older snapshot cannot be held any more.
    Status held = log_.hold(kHolderName, std::max(keep_from, log_.first_lsn()));
    return held.code() == Code::trimmed ? log_.hold(kHolderName, log_.first_lsn()) : held;
  }

  Log& log_;
  Snapshots::Impl& snapshots_;
  const Lsn applied_;
  bool compress_ = false;  // The snapshot that is to be made.
};

Result<Lsn> make_checkpoint(Log& log, Snapshots& snapshots, Lsn applied, const Save& save) {
  return base::contained("the state",
                         [&] { return Checkpoint(log, snapshots.impl(), applied).run(save); });
}

}  // namespace

}  // namespace snapshot

Result<Lsn> checkpoint(Log& log, Snapshots& snapshots, const StateMachine& state, Lsn applied) {
  return snapshot::make_checkpoint(log, snapshots, applied,
                                   [&](Sink& out) { return state.save(out); });
}

Result<Lsn> checkpoint(Log& log, Snapshots& snapshots, const StateMachine::Image& image,
                       Lsn applied) {
  return snapshot::make_checkpoint(log, snapshots, applied,
                                   [&](Sink& out) { return image.save(out); });
}

}  // namespace forelog
