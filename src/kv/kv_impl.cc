#include "kv/kv_impl.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/simulation.h"
#include "base/text.h"
#include "forelog/maintain.h"
#include "forelog/snapshot.h"
#include "forelog/try.h"

namespace forelog {

using base::concat;

namespace {

FileSystem& file_system_of(const KvOptions& options) {
  FileSystem* const given = options.durable.log.file_system;
  return given != nullptr ? *given : posix_file_system();
}

Status check_options(const KvOptions& options) {
  if (options.key_bytes_max > kv::kKeyBytesLimit) {
    return {Code::invalid_argument, concat("KvOptions::key_bytes_max is ", options.key_bytes_max,
                                           ", at most ", kv::kKeyBytesLimit, " is possible")};
  }
  const kv::Operation longest{.kind = kv::OperationKind::put_until, .key = {}};
  const std::uint64_t around = kv::kCommandHeadBytes + kv::operation_bytes(longest);
  const std::uint64_t record_bytes_max = options.durable.log.record_bytes_max;
  if (options.value_bytes_max > kv::kValueBytesLimit ||
      around + options.key_bytes_max + options.value_bytes_max > record_bytes_max) {
    return {Code::invalid_argument,
            concat("a key of KvOptions::key_bytes_max ", options.key_bytes_max,
                   " and a value of KvOptions::value_bytes_max ", options.value_bytes_max,
                   " do not fit into a record of Options::record_bytes_max ", record_bytes_max)};
  }
  return {};
}

}  // namespace

Kv::Impl::Impl(std::filesystem::path dir_given, KvOptions options_given)
    : dir(std::move(dir_given)),
      options(std::move(options_given)),
      file_system(file_system_of(options)) {}

Status Kv::Impl::open() {
  FORELOG_TRY(check_options(options));
  DurableOptions opening = options.durable;
  opening.snapshots.kind = kv::kStateKind;
  if (options.read_only) {
    opening.log.recovery = RecoveryPolicy::read_only;
    opening.log.create_if_missing = false;
  }
  auto opened = FORELOG_TRY(Durable<kv::KvState>::open(dir, opening));
  durable.emplace(std::move(opened));
  table = durable->state().table();
  // Where the clock was set back meanwhile, what is now put with a time to live must not be expired
  // already by what earlier writers told of the time.
  latest = table->stats().time.time_since_epoch().count();
  if (options.read_only || !options.housekeeping) return {};
  housekeeper.emplace(kv::Housekeeper::Store{.next_expiry = [this] { return table->next_expiry(); },
                                             .now = [this] { return now(); },
                                             .tick = [this] { return tick(); }});
  if (const auto next = table->next_expiry()) housekeeper->expect(*next);
  return {};
}

Timestamp Kv::Impl::now() const {
  const Timestamp::rep read = file_system.now().time_since_epoch().count();
  if (base::makes(base::Mistake::turn_clock_back)) return file_system.now();
  Timestamp::rep known = latest.load(std::memory_order_relaxed);
  while (known < read && !latest.compare_exchange_weak(known, read, std::memory_order_relaxed)) {
  }
  return Timestamp(Timestamp::duration(std::max(known, read)));
}

Status Kv::Impl::check_writable() const {
  if (!options.read_only) return {};
  return {Code::invalid_argument, "the store was opened with KvOptions::read_only"};
}

Status Kv::Impl::check(std::uint64_t key_bytes, std::uint64_t value_bytes,
                       std::uint64_t bytes) const {
  FORELOG_TRY(check_writable());
  if (key_bytes > options.key_bytes_max) {
    return {Code::invalid_argument,
            concat("a key of ", key_bytes, " bytes is over the limit: KvOptions::key_bytes_max is ",
                   options.key_bytes_max)};
  }
  if (value_bytes > options.value_bytes_max) {
    return {Code::invalid_argument,
            concat("a value of ", value_bytes,
                   " bytes is over the limit: KvOptions::value_bytes_max is ",
                   options.value_bytes_max)};
  }
  const std::uint64_t limit = options.durable.log.record_bytes_max;
  if (kv::kCommandHeadBytes + bytes > limit) {
    return {Code::invalid_argument,
            concat("a batch of ", kv::kCommandHeadBytes + bytes,
                   " bytes is over the limit: Options::record_bytes_max of the log is ", limit)};
  }
  return {};
}

Result<Lsn> Kv::Impl::write(const kv::Operation& operation, const KvWriteOptions& write_options) {
  const std::uint64_t bytes = kv::operation_bytes(operation);
  FORELOG_TRY(check(operation.key.size(), operation.value.size(), bytes));
  std::string command;
  command.reserve(static_cast<std::size_t>(kv::kCommandHeadBytes + bytes));
  kv::put_command_head(command, kv::CommandKind::write, now());
  kv::put_operation(command, operation);
  return durable->update(command, write_options.level, write_options.deadline);
}

Result<KvOutcome> Kv::Impl::submit(const std::string& command,
                                   const KvWriteOptions& write_options) {
  kv::Outcome outcome;
  const auto look = [&outcome](const kv::KvState& state) { outcome = state.last_outcome(); };
  const Lsn lsn =
      FORELOG_TRY(durable->update_then(command, look, write_options.level, write_options.deadline));
  return KvOutcome{
      .lsn = lsn, .applied = outcome.applied, .unmet = outcome.unmet, .found = outcome.found};
}

// Buffered, because what a crash loses of it is done again.
Status Kv::Impl::tick() {
  std::string command;
  kv::put_command_head(command, kv::CommandKind::tick, now());
  FORELOG_TRY(durable->update(command, Durability::buffered));
  return {};
}

Result<KvStats> Kv::Impl::stats() const {
  const kv::TableStats seen = table->stats();
  KvStats stats{.applied = seen.applied,
                .keys = seen.keys,
                .key_bytes = seen.key_bytes,
                .value_bytes = seen.value_bytes,
                .expiring = seen.expiring,
                .memory_bytes = seen.memory_bytes,
                .versions_kept = seen.versions_kept,
                .views = seen.pins,
                .oldest_view = seen.oldest_pin,
                .durable = durable->stats()};
  const LogInfo log = FORELOG_TRY(inspect(dir / "log", {.file_system = &file_system}));
  for (const SegmentInfo& segment : log.segments) stats.log_bytes += segment.file_bytes;
  const auto list = FORELOG_TRY(durable->snapshots().list());
  for (const SnapshotInfo& each : list) stats.snapshot_bytes += each.bytes;
  stats.snapshots = list.size();
  return stats;
}

}  // namespace forelog
