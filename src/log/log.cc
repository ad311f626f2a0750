// Log: the façade. What it adds to its parts: holders and trimming, which touch several of them, and
// the two kinds of log, one that this process writes and one that it only reads.
#include "forelog/log.h"

#include <algorithm>

#include "base/guarded.h"
#include "base/text.h"
#include "forelog/file_system.h"
#include "forelog/try.h"
#include "log/completions.h"
#include "log/directory_view.h"
#include "log/holders.h"
#include "log/recover.h"
#include "log/remover.h"
#include "log/writer.h"

namespace forelog {

using base::concat;
using base::guarded;

struct Log::Impl {
  // In this order: each may use those before it, and threads end before what they use goes.
  std::unique_ptr<Directory> dir;
  std::unique_ptr<DirectoryLock> lock;
  log::Remover remover;
  RecoveryReport report;
  std::shared_ptr<log::LiveView> live;            // Null when only read.
  std::shared_ptr<log::DirectoryView> directory;  // Null when written.
  std::unique_ptr<log::Writer> writer;
  std::unique_ptr<log::Completions> completions;
  mutable base::Mutex trim_mutex;  // Serialises trimming and holders.

  Directory& directory_of() { return directory != nullptr ? directory->directory() : *dir; }
  std::shared_ptr<log::View> view() const {
    if (live != nullptr) return live;
    return directory;
  }
  Status only_read() const {
    return {Code::invalid_argument, "the log was opened with RecoveryPolicy::read_only"};
  }
  // Before any lock is taken: in a forked child nobody may be there to release it.
  Status writable() const { return writer == nullptr ? only_read() : writer->check_process(); }

  ~Impl() {
    if (completions != nullptr) completions->stop();
  }

  static Result<std::unique_ptr<Impl>> open_for_writing(FileSystem& file_system,
                                                        const std::filesystem::path& path,
                                                        const Options& options) {
    log::Recovered recovered = FORELOG_TRY(log::recover(file_system, path, options));
    auto impl = std::make_unique<Impl>();
    impl->dir = std::move(recovered.dir);
    impl->lock = std::move(recovered.lock);
    impl->report = std::move(recovered.report);
    auto file = FORELOG_TRY(log::WatermarkFile::open(*impl->dir, recovered.watermark.sequence));
    impl->live = std::make_shared<log::LiveView>(
        *impl->dir, std::move(file), std::move(recovered.links), recovered.active->segment(),
        recovered.active->tail(), recovered.watermark);
    FORELOG_TRY(impl->live->announce_start());
    // Where space is short, what is removed has to be gone before the first append asks for some.
    const auto free = impl->dir->free_bytes();
    const bool later = options.preallocate && free && *free / 4 >= options.segment_bytes;
    FORELOG_TRY(
        impl->remover.remove(*impl->dir, std::move(recovered.remains), later, impl->report));
    impl->writer = std::make_unique<log::Writer>(*impl->dir, file_system, options, *impl->live,
                                                 std::move(*recovered.active), recovered.capacity,
                                                 recovered.last_time, recovered.next_number);
    impl->live->set_flush([writer = impl->writer.get()] { writer->write_behind(); });
    impl->completions = std::make_unique<log::Completions>(*impl->writer, *impl->live, options);
    return impl;
  }

  static Result<std::unique_ptr<Impl>> open_for_reading(FileSystem& file_system,
                                                        const std::filesystem::path& path,
                                                        const Options& options) {
    auto dir = FORELOG_TRY(file_system.open_directory(path, false));
    auto impl = std::make_unique<Impl>();
    impl->directory = FORELOG_TRY(log::DirectoryView::open(std::move(dir), options.on_progress));
    impl->report = impl->directory->report();
    return impl;
  }

  Status wait(Lsn lsn, Durability level, std::optional<Deadline> deadline) {
    FORELOG_TRY(writable());
    if (lsn == Lsn()) return {Code::invalid_argument, "LSN 0 is no record"};
    // A thread inside a sync cannot look at its watch: one with a deadline leaves the work to
    // another.
    if (deadline && level == Durability::synced && lsn > live->synced()) {
      completions->request(lsn, level);
      return writer->wait(lsn, level, deadline, false);
    }
    return writer->wait(lsn, level, deadline, true);
  }

  template <typename Records>
  auto commit(Log& whole, const Records& records, Durability level,
              std::optional<Deadline> deadline) -> decltype(whole.append(records)) {
    if (writer != nullptr && level == Durability::synced && !deadline) {
      return guarded([&] { return writer->commit(records); });
    }
    auto appended = whole.append(records);
    if (!appended) return appended;
    FORELOG_TRY(whole.wait(log::last_of(*appended), level, deadline));
    return appended;
  }

  Result<std::vector<Holder>> holders() {
    std::vector<Holder> found = FORELOG_TRY(log::read_holders(directory_of()));
    const std::vector<log::Link> links = live != nullptr ? live->links() : std::vector<log::Link>();
    std::vector<log::HeldSegment> segments;
    segments.reserve(links.size());
    for (const log::Link& link : links) segments.push_back({link.first_lsn, link.end_offset});
    log::mark_overrun(found, segments);
    return found;
  }

  Status keep_from(Lsn first_kept) {
    FORELOG_TRY(writable());
    base::MutexLock guard(trim_mutex);
    FORELOG_TRY(writer->health());
    if (first_kept > live->watermarks().appended.next()) {
      return {Code::invalid_argument,
              concat("LSN ", first_kept.value, " was not appended; the last one is ",
                     live->watermarks().appended.value, "; nothing was dropped")};
    }
    for (const Holder& holder : FORELOG_TRY(holders())) {
      if (!holder.overrun) first_kept = std::min(first_kept, holder.keep_from);
    }
    const Lsn last = live->watermarks().appended;
    const bool all = first_kept > last;
    // What is in memory may still be on its way to segments of its own.
    if (all && last > live->synced()) FORELOG_TRY(wait(last, Durability::synced, std::nullopt));
    FORELOG_TRY(drop_segments_before(first_kept));
    if (!all) return {};
    // In this order, so that a full disk gets space before a new segment asks for some.
    FORELOG_TRY(writer->start_new_segment());
    return drop_segments_before(first_kept);
  }

  Status drop_segments_before(Lsn first_kept) {
    const std::vector<log::Link> links = live->links();
    std::uint64_t first = links.front().number;
    for (const log::Link& link : links) {
      if (link.first_lsn <= first_kept) first = link.number;
    }
    return remove_files(FORELOG_TRY(live->drop_before(first)));
  }

  // Oldest first, so that what a crash leaves behind is still a log without its beginning.
  Status remove_files(const std::vector<log::Link>& links) {
    for (const log::Link& link : links) FORELOG_TRY(writer->discard(link.name));
    return links.empty() ? Status() : dir->sync();
  }

  Status keep_through(Lsn last_kept) {
    FORELOG_TRY(writable());
    base::MutexLock guard(trim_mutex);
    // Why dropped: the records are gone, durably, which is what was asked for. What is left of their
    // files is dead, and the next open removes it.
    (void)remove_files(FORELOG_TRY(writer->truncate(last_kept)));
    return {};
  }

  Result<Epoch> begin_epoch(Lsn last_kept) {
    FORELOG_TRY(writable());
    base::MutexLock guard(trim_mutex);
    Epoch epoch;
    (void)remove_files(FORELOG_TRY(writer->truncate(last_kept, &epoch)));
    return epoch;
  }

  Status hold(std::string_view name, Lsn keep_from, std::uint64_t bytes_max) {
    FORELOG_TRY(writable());
    base::MutexLock guard(trim_mutex);
    FORELOG_TRY(log::check_holder_name(name));
    const Lsn first = FORELOG_TRY(live->first_lsn());
    if (keep_from < first) return log::trimmed_error(keep_from, first);
    return log::put_holder(*dir, {std::string(name), keep_from, bytes_max, false});
  }

  Status close() {
    FORELOG_TRY(writable());
    // First what is due: a callback may still append.
    Status closed = writer->close();
    if (closed.code() == Code::cancelled) return closed;
    completions->stop();
    const Status saved = guarded([&] { return live->save(); });
    live->wake_all();
    writer->drop_spares();  // Whoever opens the log next uses the same names.
    const Status removed = remover.finish();
    lock.reset();
    FORELOG_TRY(Status(closed));
    return saved.ok() ? removed : saved;
  }
};

Log::Log(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Log::Log(Log&&) noexcept = default;
Log& Log::operator=(Log&& other) noexcept {
  Log taken(std::move(other));
  impl_.swap(taken.impl_);
  return *this;
}
Log::~Log() {
  // A forked child leaves all of it as it is: the threads that it would wait for are its parent's,
  // and so are the files that it would remove.
  if (impl_ != nullptr && impl_->writer != nullptr && !impl_->writer->check_process().ok()) {
    static_cast<void>(impl_.release());
  }
}

Result<Log> Log::open(const std::filesystem::path& dir, Options options) {
  return guarded([&]() -> Result<Log> {
    FileSystem& file_system =
        options.file_system != nullptr ? *options.file_system : posix_file_system();
    const bool reading = options.recovery == RecoveryPolicy::read_only;
    return Log(reading ? FORELOG_TRY(Impl::open_for_reading(file_system, dir, options))
                       : FORELOG_TRY(Impl::open_for_writing(file_system, dir, options)));
  });
}

Result<Lsn> Log::append(ByteView record) {
  return guarded([&]() -> Result<Lsn> {
    if (impl_->writer == nullptr) return impl_->only_read();
    return impl_->writer->append(record);
  });
}

Result<LsnRange> Log::append(const Batch& batch) {
  return guarded([&]() -> Result<LsnRange> {
    if (impl_->writer == nullptr) return impl_->only_read();
    return impl_->writer->append(batch);
  });
}

Status Log::wait(Lsn lsn, Durability level, std::optional<Deadline> deadline) {
  return guarded([&] { return impl_->wait(lsn, level, deadline); }, Code::outcome_unknown);
}

Result<Lsn> Log::commit(ByteView record, Durability level, std::optional<Deadline> deadline) {
  return impl_->commit(*this, record, level, deadline);
}

Result<LsnRange> Log::commit(const Batch& batch, Durability level,
                             std::optional<Deadline> deadline) {
  return impl_->commit(*this, batch, level, deadline);
}

void Log::notify(Lsn lsn, Durability level, Done done) {
  if (const Status status = guarded([&] { return impl_->writable(); }); !status)
    return done(status);
  impl_->completions->add(lsn, level, std::move(done));
}

Cursor Log::read(ReadOptions options) const {
  return log::make_cursor(impl_->view(), std::move(options), false);
}

Cursor Log::tail(ReadOptions options) const {
  return log::make_cursor(impl_->view(), std::move(options), true);
}

Result<Lsn> Log::find(Timestamp time) const {
  return guarded([&]() -> Result<Lsn> {
    ReadOptions options;
    if (const auto start = FORELOG_TRY(impl_->view()->seek_time(time))) options.from = *start;
    Cursor cursor = read(std::move(options));
    while (const auto entry = FORELOG_TRY(cursor.next())) {
      if (entry->time >= time) return entry->lsn;
    }
    return Status(Code::not_found, "no record is that young yet");
  });
}

Status Log::keep_from(Lsn first_kept) {
  return guarded([&] { return impl_->keep_from(first_kept); });
}

Status Log::keep_through(Lsn last_kept) {
  return guarded([&] { return impl_->keep_through(last_kept); });
}

Result<Epoch> Log::begin_epoch(Lsn last_kept) {
  return guarded([&] { return impl_->begin_epoch(last_kept); });
}

Status Log::hold(std::string_view name, Lsn keep_from, std::uint64_t bytes_max) {
  return guarded([&] { return impl_->hold(name, keep_from, bytes_max); });
}

Status Log::release(std::string_view name) {
  return guarded([&]() -> Status {
    FORELOG_TRY(impl_->writable());
    base::MutexLock guard(impl_->trim_mutex);
    FORELOG_TRY(log::check_holder_name(name));
    return log::remove_holder(*impl_->dir, name);
  });
}

Result<std::vector<Holder>> Log::holders() const {
  return guarded([&]() -> Result<std::vector<Holder>> {
    base::MutexLock guard(impl_->trim_mutex);
    return impl_->holders();
  });
}

std::string Log::id() const {
  return impl_->live != nullptr ? impl_->live->log_id() : impl_->directory->log_id();
}

Watermarks Log::watermarks() const {
  return impl_->live != nullptr ? impl_->live->watermarks() : impl_->directory->watermarks();
}

Lsn Log::first_lsn() const {
  const Result<Lsn> first = guarded([&] { return impl_->view()->first_lsn(); });
  return first ? *first : impl_->report.first_lsn;
}

const RecoveryReport& Log::recovery() const { return impl_->report; }

Status Log::health() const {
  return guarded([&]() -> Status {
    if (impl_->writer == nullptr) return {};
    FORELOG_TRY(impl_->writer->check_process());
    return impl_->writer->health();
  });
}

Status Log::close() {
  if (impl_->writer == nullptr) return {};
  return guarded([&] { return impl_->close(); });
}

}  // namespace forelog
