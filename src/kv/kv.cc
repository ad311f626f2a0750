#include "forelog/kv.h"

#include <algorithm>
#include <utility>

#include "base/guarded.h"
#include "base/text.h"
#include "forelog/try.h"
#include "kv/kv_impl.h"
#include "kv/view.h"

namespace forelog {

using base::guarded;
using kv::OperationKind;

Kv::Kv(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Kv::Kv(Kv&&) noexcept = default;
Kv& Kv::operator=(Kv&&) noexcept = default;
Kv::~Kv() = default;

Result<Kv> Kv::open(const std::filesystem::path& dir, KvOptions options) {
  return guarded([&]() -> Result<Kv> {
    auto impl = std::make_unique<Impl>(dir, std::move(options));
    FORELOG_TRY(impl->open());
    return Kv(std::move(impl));
  });
}

Result<Lsn> Kv::put(ByteView key, ByteView value, const KvWriteOptions& options) {
  return guarded([&] {
    return impl_->write({.kind = OperationKind::put, .key = key, .value = value}, options);
  });
}

Result<Lsn> Kv::put(ByteView key, ByteView value, std::chrono::nanoseconds time_to_live,
                    const KvWriteOptions& options) {
  return guarded([&]() -> Result<Lsn> {
    KvBatch batch;
    batch.put(key, value, time_to_live);
    const KvOutcome outcome = FORELOG_TRY(write(batch, options));
    return outcome.lsn;
  });
}

Result<Lsn> Kv::erase(ByteView key, const KvWriteOptions& options) {
  return guarded([&] { return impl_->write({.kind = OperationKind::erase, .key = key}, options); });
}

Result<KvOutcome> Kv::compare_and_set(ByteView key, Lsn version, ByteView value,
                                      const KvWriteOptions& options) {
  return guarded([&] {
    KvBatch batch;
    return write(batch.require(key, version).put(key, value), options);
  });
}

Result<KvOutcome> Kv::compare_and_erase(ByteView key, Lsn version, const KvWriteOptions& options) {
  return guarded([&] {
    KvBatch batch;
    return write(batch.require(key, version).erase(key), options);
  });
}

Result<KvOutcome> Kv::write(const KvBatch& batch, const KvWriteOptions& options) {
  return guarded([&]() -> Result<KvOutcome> {
    FORELOG_TRY(impl_->check(batch.key_bytes_max_, batch.value_bytes_max_, batch.encoded_.size()));
    const Timestamp now = impl_->now();
    std::string command;
    command.reserve(kv::kCommandHeadBytes + batch.encoded_.size());
    kv::put_command_head(command, kv::CommandKind::write, now);
    command += batch.encoded_;
    Timestamp soonest = batch.soonest_expiry_;
    for (const KvBatch::Expiry& each : batch.expiries_) {
      if (each.time_to_live.count() <= 0) {
        return Status(Code::invalid_argument, "a time to live must be more than 0");
      }
      const Timestamp expires =
          each.time_to_live < kv::kNever - now ? now + each.time_to_live : kv::kNever;
      kv::set_time(command, kv::kCommandHeadBytes + each.offset, expires);
      soonest = std::min(soonest, expires);
    }
    Result<KvOutcome> outcome = impl_->submit(command, options);
    // Why also behind an error: what timed out may be applied later, and nobody else tells of it.
    if (impl_->housekeeper) impl_->housekeeper->expect(soonest);
    return outcome;
  });
}

Status Kv::wait(Lsn lsn, Durability level, std::optional<Deadline> deadline) {
  return impl_->durable->log().wait(lsn, level, deadline);
}

Result<std::optional<KvValue>> Kv::get(ByteView key) const {
  return guarded([&]() -> Result<std::optional<KvValue>> {
    // The clock costs more than the look, where many readers share what it said last.
    const Timestamp now = impl_->table->expires_anything() ? impl_->now() : Timestamp::min();
    return impl_->table->look(key.text(), std::nullopt, now, kv::value_of);
  });
}

Result<KvView> Kv::view() const {
  return guarded([&]() -> Result<KvView> {
    return KvView(std::make_shared<const KvView::Impl>(impl_->table, impl_->now()));
  });
}

Result<Lsn> Kv::checkpoint() {
  return guarded([&]() -> Result<Lsn> {
    FORELOG_TRY(impl_->check_writable());
    return impl_->durable->checkpoint();
  });
}

Status Kv::health() const { return impl_->durable->health(); }

const Recovered& Kv::recovered() const noexcept { return impl_->durable->recovered(); }

Result<KvStats> Kv::stats() const {
  return guarded([&] { return impl_->stats(); });
}

Status Kv::close() {
  if (impl_->housekeeper) impl_->housekeeper->stop();
  return impl_->durable->close();
}

}  // namespace forelog
