// recover(): the newest snapshot that verifies, then the log behind it. Implements docs/snapshots.md,
// "Recovery".
#include <algorithm>
#include <array>
#include <vector>

#include "base/guarded.h"
#include "base/text.h"
#include "base/thread.h"
#include "forelog/try.h"
#include "snapshot/replay.h"
#include "snapshot/snapshot_reader.h"
#include "snapshot/snapshots.h"

namespace forelog {

using base::concat;

namespace snapshot {
namespace {

// A state in memory: what the user's was when it was given to us.
class Bytes final : public Sink, public Source {
 public:
  Status write(ByteView bytes) override {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return {};
  }
  Result<std::size_t> read(std::span<std::byte> to) override {
    const std::size_t bytes = std::min(to.size(), bytes_.size() - read_);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(read_), bytes, to.begin());
    read_ += bytes;
    return bytes;
  }
  void rewind() { read_ = 0; }

 private:
  std::vector<std::byte> bytes_;
  std::size_t read_ = 0;
};

std::string missing_lsns(Lsn first, Lsn last) {
  return first == last ? concat("LSN ", first.value, " is missing")
                       : concat("LSNs ", first.value, " to ", last.value, " are missing");
}

class Recovery {
 public:
  Recovery(const Log& log, const Snapshots::Impl& snapshots, StateMachine& state,
           const RecoverOptions& options)
      : log_(log), snapshots_(snapshots), state_(state), options_(options) {}

  Result<Recovered> run() {
    FORELOG_TRY(state_.save(as_made_).with_context("save the state as it was made"));
    const std::size_t threads = replay_threads(state_, options_);
    auto recovered = beside_a_checkpoint(threads);
    if (recovered || !failed_at_ || threads == 1) return recovered;
    // Some behind it may have been applied. In order, none will be.
    return beside_a_checkpoint(1);
  }

 private:
  // Where another process writes the log, what is needed may be dropped between two looks. Then there
  // is a newer snapshot, which covers it.
  Result<Recovered> beside_a_checkpoint(std::size_t threads) {
    while (true) {
      auto recovered = once(threads);
      if (recovered || failed_at_) return recovered;
      const Code code = recovered.error().code();
      if (code != Code::trimmed && code != Code::not_found) return recovered;
      std::vector<Damage> ignored;
      const std::vector<Listed> now = FORELOG_TRY(snapshots_.list(&ignored));
      if (now.empty() || now.front().header.lsn <= newest_) return recovered;
    }
  }

  Result<Recovered> once(std::size_t threads) {
    recovered_ = Recovered();
    failed_at_.reset();
    const base::SteadyTime started = base::now();
    FORELOG_TRY(load());
    const base::SteadyTime loaded = base::now();
    const Lsn last = std::max(log_.watermarks().synced, recovered_.snapshot);
    const Replayed replayed =
        replay(log_, recovered_.snapshot.next(), last, state_, threads, options_);
    failed_at_ = replayed.failed_at;
    if (failed_at_) return with_way_out(replayed.status);
    FORELOG_TRY(Status(replayed.status));
    recovered_.applied = replayed.applied;
    recovered_.records = replayed.records;
    recovered_.bytes = replayed.bytes;
    recovered_.load_time = loaded - started;
    recovered_.replay_time = base::now() - loaded;
    return recovered_;
  }

  // Where the command, and not the world, is at fault.
  Status with_way_out(const Status& status) const {
    const Code code = status.code();
    if (code != Code::corrupt && code != Code::unsupported && code != Code::invalid_argument) {
      return status;
    }
    const std::uint64_t before = failed_at_->value - 1;
    // Not where it would empty the log of something else.
    if (before == 0) {
      return {code,
              concat(status.message(),
                     "\nNothing was changed. Is this the log of another kind of state, and was "
                     "a directory mistaken?")};
    }
    return {code,
            concat(status.message(), "\nNothing behind LSN ", before,
                   " was applied, and nothing was changed. If that record was written by mistake, "
                   "`forelog trim LOG --keep-through ",
                   before,
                   "` drops it and every record behind it; LOG is the directory of the log, log/ "
                   "below that of a durable state")};
  }

  // Leaves the state as of recovered_.snapshot.
  Status load() {
    const std::vector<Listed> listed = FORELOG_TRY(snapshots_.list(&recovered_.damaged));
    newest_ = listed.empty() ? Lsn() : listed.front().header.lsn;
    // In this order: a snapshot is made behind what it covers is synced, and before that is dropped.
    const Lsn first = log_.first_lsn();
    for (const Listed& candidate : listed) {
      const Lsn lsn = candidate.header.lsn;
      if (lsn.next() < first) return missing(Lsn(lsn.value + 1), first, candidate.name);
      FORELOG_TRY(check_history(candidate));
      if (FORELOG_TRY(load(candidate))) {
        recovered_.snapshot = lsn;
        recovered_.snapshot_bytes = candidate.file_bytes;
        return {};
      }
    }
    if (first > Lsn(1)) return missing(Lsn(1), first, {});
    as_made_.rewind();
    return state_.load(as_made_);
  }

  // The log does not reach back to the newest snapshot that is left, or to the beginning.
  Status missing(Lsn from, Lsn first, std::string_view snapshot) const {
    const std::string dir = snapshots_.dir->path().string();
    std::string text =
        concat(dir, ": ", missing_lsns(from, Lsn(first.value - 1)), ": the log begins at LSN ",
               first.value, ", and ",
               snapshot.empty() ? std::string("there is no snapshot before it")
                                : concat("the newest snapshot that can be read is ", snapshot));
    if (recovered_.damaged.empty()) {
      text += "; restore the snapshots that belong to this log";
      return {Code::trimmed, std::move(text)};
    }
    // Not as Damage tells it, which counts the records of a log: what is lost stands above.
    for (const Damage& damage : recovered_.damaged) {
      text += concat("\n  ", damage.file, ", offset ", damage.offset, ": ", damage.what);
    }
    text +=
        "\nNothing was changed; restore one of these snapshots, or what is missing, from a copy";
    return {Code::corrupt, std::move(text)};
  }

  // invalid_argument or corrupt where the snapshot is of something else than what this log has.
  Status check_history(const Listed& candidate) const {
    FORELOG_TRY(snapshots_.check_identity(candidate, log_.id()));
    const Lsn lsn = candidate.header.lsn;
    const std::string file = (snapshots_.dir->path() / candidate.name).string();
    const Lsn synced = log_.watermarks().synced;
    if (lsn > synced) {
      return {
          Code::corrupt,
          concat(file, ": the snapshot is of LSN ", lsn.value, ", and the log ends at LSN ",
                 synced.value,
                 ": its end is lost, or was dropped on purpose (keep_through). In the first case "
                 "restore it; in the second remove the snapshot")};
    }
    if (!candidate.header.record) return {};
    const auto mark = FORELOG_TRY(mark_of(log_, lsn));
    if (!mark || *mark == *candidate.header.record) return {};
    return {
        Code::corrupt,
        concat(file, ": the snapshot is of another record at LSN ", lsn.value,
               " than the log has: the end of the log was dropped (keep_through) and written anew "
               "behind the snapshot's back, or the files are of different times. In the first "
               "case remove the snapshot")};
  }

  // False: it is damaged, and the state may be anything now.
  Result<bool> load(const Listed& candidate) {
    std::optional<Damage> damage;
    const auto reader = SnapshotReader::open(*snapshots_.dir, candidate.name,
                                             snapshots_.options.compression, &damage);
    Status loaded = reader
                        ? base::contained("the state's load", [&] { return state_.load(**reader); })
                        : reader.error();
    if (loaded.ok()) loaded = (*reader)->finish();
    if (loaded.ok()) return true;
    if (!damage) {
      const std::string file = (snapshots_.dir->path() / candidate.name).string();
      // What the reader finds names the file, also where the state has passed that on.
      const bool names_it = loaded.message().find(file) != std::string_view::npos;
      return names_it ? loaded : loaded.with_context(concat("load ", file));
    }
    recovered_.damaged.push_back(*std::move(damage));
    snapshots_.note_damaged(candidate.header.lsn);
    return false;
  }

  const Log& log_;
  const Snapshots::Impl& snapshots_;
  StateMachine& state_;
  const RecoverOptions& options_;
  Bytes as_made_;
  Lsn newest_;  // Of the snapshots that there were when it last looked.
  Recovered recovered_;
  std::optional<Lsn> failed_at_;
};

}  // namespace
}  // namespace snapshot

Result<Recovered> recover(const Log& log, const Snapshots& snapshots, StateMachine& state,
                          const RecoverOptions& options) {
  return base::contained(
      "the state", [&] { return snapshot::Recovery(log, snapshots.impl(), state, options).run(); });
}

std::string Recovered::to_string() const {
  const auto milliseconds = [](std::chrono::nanoseconds time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  };
  std::string text;
  for (const Damage& damage : damaged) {
    text += concat("passed over a damaged snapshot: ", damage.to_string(), "\n");
  }
  text += snapshot == Lsn() ? std::string("no snapshot")
                            : concat("snapshot of LSN ", snapshot.value, ", ", snapshot_bytes,
                                     " bytes, loaded in ", milliseconds(load_time), " ms");
  text +=
      concat("; ", records, base::plural(records, " record"), " of ", bytes, " bytes replayed in ",
             milliseconds(replay_time), " ms, up to LSN ", applied.value);
  return text;
}

}  // namespace forelog
