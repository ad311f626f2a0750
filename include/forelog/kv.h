// Kv: an ordered map of bytes to bytes, in memory, that survives. Each write is logged, waits for the
// level that it is given, and is then seen; reopening loads the newest snapshot and replays what came
// behind it (durable.h). Implements docs/kv.md.
//
//   auto store = FORELOG_TRY(Kv::open("/var/lib/shop"));
//   FORELOG_TRY(store.put("order/17", "two pizzas"));
//   const auto value = FORELOG_TRY(store.get("order/17"));
//
// A key's version is the LSN of the write that gave it its value; Lsn{} stands for "absent". What
// expires is absent once it has, by the clock of the file system (FileSystem::now); a clock that is
// set back, while the store is open, brings nothing back.
//
// Threading: every method may be called from any thread, but for open, close, moves and destruction,
// which no other call may overlap. Views and cursors may outlive their Kv.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "forelog/bytes.h"
#include "forelog/durable.h"
#include "forelog/export.h"
#include "forelog/kv_view.h"
#include "forelog/log.h"
#include "forelog/lsn.h"
#include "forelog/status.h"

namespace forelog {

namespace kv {
struct Operation;
}

struct KvOptions {
  // Beside the process that writes, or without one: takes no lock, changes nothing, and sees what was
  // synced when it was opened. Writes are then invalid_argument.
  bool read_only = false;
  // Checked when something is written; what was written under other limits is read all the same.
  std::size_t key_bytes_max = 4 * KiB;  // At most 65,535.
  std::uint64_t value_bytes_max =
      8 * MiB;  // A write must fit into a record: Options::record_bytes_max.
  // A thread removes what has expired where no writes do, so that its memory is free again. What has
  // expired is not seen in any case.
  bool housekeeping = true;
  DurableOptions durable = {};  // The kind of its snapshots is the store's own.
};

struct KvWriteOptions {
  Durability level = Durability::synced;  // That the write has on return, and before it is seen.
  std::optional<Deadline> deadline = {};
};

// What became of a write that may be refused.
struct KvOutcome {
  Lsn lsn;              // Of the write: the version of what it wrote.
  bool applied = true;  // False: a requirement was not met, and nothing was changed.
  // If not applied: which requirement was the first that was not met, counted from 0, and the version
  // that its key had.
  std::size_t unmet = 0;
  Lsn found;
};

// Writes that happen together or not at all: no crash and no reader comes in between. Of several to
// one key the last one counts. Owned by one thread at a time; reusable.
// Memory that runs out is std::bad_alloc, as with a container of std.
class FORELOG_EXPORT KvBatch {
 public:
  KvBatch& put(ByteView key, ByteView value);
  KvBatch& put(ByteView key, ByteView value, std::chrono::nanoseconds time_to_live);
  KvBatch& put_until(ByteView key, ByteView value, Timestamp expires);
  KvBatch& erase(ByteView key);
  // The batch is refused unless the key has this version before it; Lsn{}: unless it is absent.
  KvBatch& require(ByteView key, Lsn version);
  void clear() noexcept;

  bool empty() const noexcept { return operations_ == 0; }
  std::size_t size() const noexcept { return operations_; }
  std::uint64_t encoded_bytes() const noexcept { return encoded_.size(); }

 private:
  friend class Kv;
  struct Expiry {
    std::size_t offset;  // In encoded_, of where the point in time goes.
    std::chrono::nanoseconds time_to_live;
  };
  void add(const kv::Operation& operation);

  std::string encoded_;
  std::vector<Expiry> expiries_;
  Timestamp soonest_expiry_ = Timestamp::max();  // Of put_until.
  std::size_t operations_ = 0;
  std::uint64_t key_bytes_max_ = 0, value_bytes_max_ = 0;
};

struct KvStats {
  Lsn applied;                     // The last write that is seen.
  std::uint64_t keys = 0;          // What has expired counts until it is removed, moments later.
  std::uint64_t key_bytes = 0;     // Of these.
  std::uint64_t value_bytes = 0;   // Of these.
  std::uint64_t expiring = 0;      // Of the keys: those with a time to live.
  std::uint64_t memory_bytes = 0;  // About what all of it takes, what views keep included.
  std::uint64_t versions_kept =
      0;                        // Values that were replaced or erased, and that a view still sees.
  std::uint64_t views = 0;      // LSNs that views, or a checkpoint, look at.
  Lsn oldest_view;              // Lsn{}: none.
  std::uint64_t log_bytes = 0;  // Of the files of the log.
  std::uint64_t snapshot_bytes = 0;  // Of all snapshots.
  std::uint64_t snapshots = 0;
  DurableStats durable;
};

class FORELOG_EXPORT Kv {
 public:
  // Opens the store in `dir`, or makes one (DurableOptions::log.create_if_missing).
  // Errors: those of Durable::open; not_found for a read-only one that is not there.
  static Result<Kv> open(const std::filesystem::path& dir, KvOptions options = {});
  Kv(Kv&&) noexcept;
  Kv& operator=(Kv&&) noexcept;
  ~Kv();  // Without close(): as if the process had been killed. Nothing acknowledged is lost.

  // On return the write has its level, and is seen. Returns the key's version.
  // Errors: invalid_argument (over a limit, read-only), and those of Durable::update: on timed_out and
  // outcome_unknown the write may yet be seen; after the others it is not.
  Result<Lsn> put(ByteView key, ByteView value, const KvWriteOptions& options = {});
  Result<Lsn> put(ByteView key, ByteView value, std::chrono::nanoseconds time_to_live,
                  const KvWriteOptions& options = {});
  Result<Lsn> erase(ByteView key, const KvWriteOptions& options = {});  // Absent: no error.

  // If the key has this version; Lsn{}: if it is absent.
  Result<KvOutcome> compare_and_set(ByteView key, Lsn version, ByteView value,
                                    const KvWriteOptions& options = {});
  Result<KvOutcome> compare_and_erase(ByteView key, Lsn version,
                                      const KvWriteOptions& options = {});
  // An empty batch is legal.
  Result<KvOutcome> write(const KvBatch& batch, const KvWriteOptions& options = {});

  // Waits until a write that was made with a lower level has this one, as Log::wait.
  Status wait(Lsn lsn, Durability level = Durability::synced,
              std::optional<Deadline> deadline = {});

  // What is seen now; nullopt: absent. Errors: no_space (memory).
  Result<std::optional<KvValue>> get(ByteView key) const;
  Result<KvView> view() const;

  Result<KvStats> stats() const;  // Looks at the directory. Errors: io_error, no_space (memory).
  Result<Lsn> checkpoint();       // As Durable::checkpoint.
  Status health() const;          // Ok, or why writes fail until it is reopened.
  const Recovered& recovered() const noexcept;  // What open did.

  Status close();  // As Durable::close. What is in memory can still be read.

  struct FORELOG_HIDDEN Impl;

 private:
  explicit Kv(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace forelog
