#include "kv/view.h"

#include "base/guarded.h"

namespace forelog {

namespace kv {

std::optional<Timestamp> expiry_of(Timestamp expires) {
  if (expires == kNever) return std::nullopt;
  return expires;
}

KvValue value_of(const Version& version) {
  return {.value = std::string(version.value().text()),
          .version = version.lsn,
          .expires = expiry_of(version.expires)};
}

}  // namespace kv

KvRange KvRange::prefix(std::string_view prefix) {
  KvRange range{.from = std::string(prefix)};
  // Behind all that begin with it comes its successor among strings of its length: the last byte that
  // can be raised is, and what follows that is cut off. There is none behind "\xff\xff".
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (end.empty()) return range;
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  range.to = std::move(end);
  return range;
}

KvCursor::KvCursor(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
KvCursor::KvCursor(KvCursor&&) noexcept = default;
KvCursor& KvCursor::operator=(KvCursor&&) noexcept = default;
KvCursor::~KvCursor() = default;

Result<std::optional<KvEntry>> KvCursor::next() {
  return base::guarded([&]() -> Result<std::optional<KvEntry>> {
    const std::optional<kv::Chunk::Entry> entry = impl_->scan.next();
    if (!entry) return std::optional<KvEntry>();
    return std::optional<KvEntry>({.key = entry->key,
                                   .value = entry->value,
                                   .version = entry->version,
                                   .expires = kv::expiry_of(entry->expires)});
  });
}

Lsn KvView::lsn() const noexcept { return impl_->pin->lsn(); }
Timestamp KvView::time() const noexcept { return impl_->pin->time(); }

Result<std::optional<KvValue>> KvView::get(ByteView key) const {
  return base::guarded([&]() -> Result<std::optional<KvValue>> {
    const kv::Pin& pin = *impl_->pin;
    return pin.table().look(key.text(), pin.lsn(), pin.time(), kv::value_of);
  });
}

Result<KvCursor> KvView::scan(KvRange range, KvOrder order) const {
  return base::guarded([&]() -> Result<KvCursor> {
    kv::Span span{.from = std::move(range.from),
                  .to = std::move(range.to),
                  .descending = order == KvOrder::descending};
    return KvCursor(std::make_unique<KvCursor::Impl>(impl_->pin, std::move(span)));
  });
}

}  // namespace forelog
