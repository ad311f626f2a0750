// SQLite in WAL mode: one table, the key its rowid. synchronous=FULL for `synced`, OFF below.
#include "peer.h"

#ifdef FORELOG_BENCH_SQLITE

#include <sqlite3.h>

#include <mutex>

#include "forelog/try.h"

namespace forelog::bench {
namespace {

struct CloseDb {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Db = std::unique_ptr<sqlite3, CloseDb>;
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

Status check(sqlite3* db, int result) {
  if (result == SQLITE_OK || result == SQLITE_DONE || result == SQLITE_ROW) return {};
  return {Code::io_error, std::string("SQLite: ") + sqlite3_errmsg(db)};
}

Status execute(sqlite3* db, const char* sql) {
  return check(db, sqlite3_exec(db, sql, nullptr, nullptr, nullptr));
}

// One connection behind a lock: connections of their own would poll for SQLite's one write lock.
class Sqlite final : public Peer {
 public:
  Sqlite(Db db, Statement insert) : db_(std::move(db)), insert_(std::move(insert)) {}

  Status put(std::uint64_t key, ByteView value) override {
    const std::lock_guard lock(mutex_);
    return insert(key, value);
  }

  Status put_batch(std::uint64_t first_key, std::uint64_t count, ByteView value) override {
    const std::lock_guard lock(mutex_);
    FORELOG_TRY(execute(db_.get(), "BEGIN"));
    for (std::uint64_t key = first_key; key < first_key + count; ++key) {
      FORELOG_TRY(insert(key, value));
    }
    return execute(db_.get(), "COMMIT");
  }

 private:
  Status insert(std::uint64_t key, ByteView value) {
    sqlite3_bind_int64(insert_.get(), 1, static_cast<sqlite3_int64>(key));
    sqlite3_bind_blob64(insert_.get(), 2, value.data(), value.size(), SQLITE_STATIC);
    Status status = check(db_.get(), sqlite3_step(insert_.get()));
    sqlite3_reset(insert_.get());
    return status;
  }

  std::mutex mutex_;
  Db db_;
  Statement insert_;
};

Result<std::unique_ptr<Peer>> open_sqlite(const std::filesystem::path& dir,
                                          const PeerOptions& wanted) {
  std::filesystem::create_directory(dir);
  sqlite3* opened = nullptr;
  const int result = sqlite3_open((dir / "db").c_str(), &opened);
  Db db(opened);
  FORELOG_TRY(check(db.get(), result));
  FORELOG_TRY(execute(db.get(), "PRAGMA journal_mode=WAL"));
  FORELOG_TRY(execute(db.get(), wanted.level == Durability::synced ? "PRAGMA synchronous=FULL"
                                                                   : "PRAGMA synchronous=OFF"));
  if (wanted.whole_log) FORELOG_TRY(execute(db.get(), "PRAGMA wal_autocheckpoint=0"));
  FORELOG_TRY(
      execute(db.get(), "CREATE TABLE IF NOT EXISTS log (key INTEGER PRIMARY KEY, record BLOB)"));
  sqlite3_stmt* prepared = nullptr;
  FORELOG_TRY(check(db.get(), sqlite3_prepare_v2(db.get(), "INSERT INTO log VALUES (?, ?)", -1,
                                                 &prepared, nullptr)));
  return std::unique_ptr<Peer>(std::make_unique<Sqlite>(std::move(db), Statement(prepared)));
}

}  // namespace

std::vector<PeerKind> sqlite_kinds() { return {{"SQLite", open_sqlite, true, true}}; }

}  // namespace forelog::bench

#else

namespace forelog::bench {

std::vector<PeerKind> sqlite_kinds() { return {}; }

}  // namespace forelog::bench

#endif
