// How the public views and cursors hold a pin.
// Threading: as kv_view.h says.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "forelog/kv_view.h"
#include "kv/pin.h"

namespace forelog {

struct KvView::Impl {
  Impl(std::shared_ptr<kv::Table> table, Timestamp now)
      : pin(std::make_shared<const kv::Pin>(std::move(table), now)) {}
  std::shared_ptr<const kv::Pin> pin;
};

struct KvCursor::Impl {
  Impl(std::shared_ptr<const kv::Pin> pin, kv::Span span) : scan(std::move(pin), std::move(span)) {}
  kv::Scan scan;
};

namespace kv {

std::optional<Timestamp> expiry_of(Timestamp expires);  // kNever: nullopt.
KvValue value_of(const Version& version);

}  // namespace kv
}  // namespace forelog
