#include "forelog/durable.h"

#include <utility>

#include "base/guarded.h"
#include "forelog/file_system.h"
#include "forelog/try.h"
#include "snapshot/apply_queue.h"
#include "snapshot/checkpointer.h"
#include "snapshot/durable_directory.h"
#include "snapshot/snapshots.h"

namespace forelog {

using base::guarded;

namespace {

// Throws nothing: the queue knows the update by its place.
Status behind_others() {
  return guarded(
      [] {
        return Status(Code::timed_out,
                      "the updates before it are not applied yet: it is in the log, and will be "
                      "applied once it is durable and they are applied");
      },
      Code::timed_out);
}

}  // namespace

// The destructor and close() end the threads before the log, which both use.
struct DurableBase::Impl {
  std::unique_ptr<StateMachine> state;
  std::optional<Snapshots> snapshots;
  Recovered recovered;
  std::unique_ptr<snapshot::ApplyQueue> queue;
  std::unique_ptr<snapshot::Checkpointer> checkpointer;
  std::optional<Log> log;

  ~Impl() {
    if (checkpointer != nullptr) checkpointer->stop();
    if (queue != nullptr) queue->stop();
    log.reset();
  }

  Result<Lsn> update(ByteView command, Durability level, std::optional<Deadline> deadline,
                     const Then* then) {
    if (queue->failed()) [[unlikely]] {
      return queue->health().with_context("closed to updates until reopened");
    }
    const Lsn lsn = FORELOG_TRY(log->append(command));
    snapshot::Update update;
    update.command = command;
    update.level = level;
    update.then = then;
    update.lsn = lsn;
    Status status;
    if (!settle(update, deadline, status) && !queue->abandon(update, status)) {
      (void)settle(update, {}, status);  // Without a deadline it never says no.
    }
    checkpointer->note_update();
    FORELOG_TRY(std::move(status));
    return lsn;
  }

  // `status` is what became of it. False: the deadline passed before, as `status` says, and it is to be
  // abandoned.
  bool settle(snapshot::Update& update, const std::optional<Deadline>& deadline, Status& status) {
    if (queue->enter(update, deadline)) {
      status = log->wait(update.lsn, update.level, deadline);
      if (status.code() == Code::timed_out) return false;
      if (!status.ok()) {
        status = queue->fail(update, std::move(status));
        return true;
      }
      if (queue->settle(update, deadline)) {
        status = std::move(update.status);
        return true;
      }
    }
    status = behind_others();
    return false;
  }
};

Result<DurableBase> DurableBase::open(const std::filesystem::path& dir,
                                      const DurableOptions& options, Make make) {
  return guarded([&]() -> Result<DurableBase> {
    FileSystem& file_system =
        options.log.file_system != nullptr ? *options.log.file_system : posix_file_system();
    FORELOG_TRY(snapshot::prepare_directory(file_system, dir, options.log));
    auto impl = std::make_unique<Impl>();
    // The log first: its lock is the one that another process meets.
    impl->log.emplace(FORELOG_TRY(Log::open(dir / snapshot::kLogName, options.log)));
    SnapshotOptions snapshot_options = options.snapshots;
    snapshot_options.file_system = options.log.file_system;
    snapshot_options.create_if_missing = true;
    snapshot_options.read_only = options.log.recovery == RecoveryPolicy::read_only;
    const bool writes = !snapshot_options.read_only;
    impl->snapshots.emplace(
        FORELOG_TRY(Snapshots::open(dir / snapshot::kSnapshotsName, std::move(snapshot_options))));
    impl->state = FORELOG_TRY(snapshot::made(make));
    impl->recovered =
        FORELOG_TRY(recover(*impl->log, *impl->snapshots, *impl->state, options.recovery));
    impl->queue = std::make_unique<snapshot::ApplyQueue>(
        *impl->log, *impl->state,
        snapshot::Applied{impl->recovered.applied, impl->recovered.bytes});
    impl->checkpointer = std::make_unique<snapshot::Checkpointer>(
        *impl->log, *impl->snapshots, *impl->queue, std::move(make), options, impl->recovered);
    if (writes) FORELOG_TRY(impl->queue->start());
    if (writes) FORELOG_TRY(impl->checkpointer->start());
    return DurableBase(std::move(impl));
  });
}

DurableBase::DurableBase(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
DurableBase::DurableBase(DurableBase&&) noexcept = default;
DurableBase& DurableBase::operator=(DurableBase&&) noexcept = default;
DurableBase::~DurableBase() = default;

Result<Lsn> DurableBase::update(ByteView command, Durability level,
                                std::optional<Deadline> deadline, const Then* then) {
  return guarded([&] { return impl_->update(command, level, deadline, then); });
}

FORELOG_UNCHECKED void DurableBase::lock_for_reading() const {
  impl_->queue->state_mutex().lock_shared();
}
FORELOG_UNCHECKED void DurableBase::unlock_for_reading() const {
  impl_->queue->state_mutex().unlock_shared();
}
const StateMachine& DurableBase::state() const noexcept { return *impl_->state; }
Lsn DurableBase::applied() const noexcept { return impl_->queue->applied(); }
Result<Lsn> DurableBase::checkpoint() {
  return guarded([&] { return impl_->checkpointer->checkpoint(); });
}
Status DurableBase::health() const {
  Status applying = impl_->queue->health();
  return applying.ok() ? impl_->log->health() : applying;
}
DurableStats DurableBase::stats() const { return impl_->checkpointer->stats(); }
const Recovered& DurableBase::recovered() const noexcept { return impl_->recovered; }
Log& DurableBase::log() const noexcept { return *impl_->log; }
Snapshots& DurableBase::snapshots() const noexcept { return *impl_->snapshots; }

Status DurableBase::close() {
  impl_->checkpointer->stop();
  impl_->queue->stop();
  Status closed = impl_->log->close();
  // What its callers had given up, and is synced now.
  if (closed.ok()) impl_->queue->apply_ready(Lsn(UINT64_MAX));
  // As the log's: another process may open it now.
  impl_->snapshots->impl().lock.reset();
  return closed;
}

}  // namespace forelog
