// What is read from a key-value store (kv.h): values, and views of all of it with scans in both
// directions.
//
// Threading: a KvView from any thread; a KvCursor is owned by one thread at a time. Both may outlive
// their Kv.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "forelog/bytes.h"
#include "forelog/export.h"
#include "forelog/lsn.h"
#include "forelog/status.h"

namespace forelog {

struct KvValue {
  std::string value;
  Lsn version;
  std::optional<Timestamp> expires;
};

// Which keys a scan gives: from `from` on, and before `to`; nullopt: to the end.
struct KvRange {
  std::string from = {};
  std::optional<std::string> to = {};

  FORELOG_EXPORT static KvRange prefix(std::string_view prefix);
};

enum class KvOrder : std::uint8_t { ascending, descending };

struct KvEntry {
  ByteView key, value;  // Live until the next next(), or the cursor's end.
  Lsn version;
  std::optional<Timestamp> expires;
};

// Keeps its view alive.
class FORELOG_EXPORT KvCursor {
 public:
  KvCursor(KvCursor&&) noexcept;
  KvCursor& operator=(KvCursor&&) noexcept;
  ~KvCursor();

  // The next entry; nullopt at the end. Errors: no_space (memory); it may be asked again.
  Result<std::optional<KvEntry>> next();

  struct FORELOG_HIDDEN Impl;
  explicit KvCursor(std::unique_ptr<Impl> impl) noexcept;

 private:
  std::unique_ptr<Impl> impl_;
};

// The store as it was when the view was made, clock included, while writers go on. Copies are one view.
// What it sees and was replaced since stays in memory until the view, its copies and cursors are gone.
class FORELOG_EXPORT KvView {
 public:
  Lsn lsn() const noexcept;         // The last write that it sees.
  Timestamp time() const noexcept;  // What had expired by then is absent.

  Result<std::optional<KvValue>> get(ByteView key) const;
  Result<KvCursor> scan(KvRange range = {}, KvOrder order = KvOrder::ascending) const;

  struct FORELOG_HIDDEN Impl;
  explicit KvView(std::shared_ptr<const Impl> impl) noexcept : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace forelog
