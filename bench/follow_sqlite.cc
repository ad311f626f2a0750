// SQLite in WAL mode, followed from another process by key.
#include "follow.h"

#ifdef FORELOG_BENCH_SQLITE

#include <sqlite3.h>

#include <thread>

#include "forelog/try.h"

namespace forelog::bench {
namespace {

Status failed(sqlite3* db) {
  return {Code::io_error, std::string("SQLite: ") + sqlite3_errmsg(db)};
}

// Notes all that is there from the key `next` on, and moves it behind them.
Status look(sqlite3* db, sqlite3_stmt* select, Stamps& stamps, unsigned tail, std::uint64_t& next) {
  sqlite3_bind_int64(select, 1, static_cast<sqlite3_int64>(next));
  int step = sqlite3_step(select);
  for (; step == SQLITE_ROW; step = sqlite3_step(select)) {
    next = static_cast<std::uint64_t>(sqlite3_column_int64(select, 0)) + 1;
    stamps.note_received(tail, next - 1, Stamps::now_ns());
  }
  sqlite3_reset(select);
  return step == SQLITE_DONE || step == SQLITE_BUSY ? Status() : failed(db);
}

Status follow(const std::filesystem::path& dir, Stamps& stamps, unsigned tail) {
  sqlite3* db = nullptr;
  if (sqlite3_open_v2((dir / "db").c_str(), &db, SQLITE_OPEN_READONLY, nullptr) != SQLITE_OK) {
    return failed(db);
  }
  sqlite3_stmt* select = nullptr;
  if (sqlite3_prepare_v2(db, "SELECT key, record FROM log WHERE key >= ? ORDER BY key", -1, &select,
                         nullptr) != SQLITE_OK) {
    return failed(db);
  }
  std::uint64_t next = stamps.first();
  stamps.note_ready();
  for (;;) {
    const std::uint64_t before = next;
    FORELOG_TRY(look(db, select, stamps, tail, next));
    if (next == before) std::this_thread::sleep_for(kPollPause);
  }
}

}  // namespace

std::vector<PolledPeerKind> polled_sqlite() { return {{"SQLite", sqlite_kinds().front(), follow}}; }

}  // namespace forelog::bench

#else

namespace forelog::bench {

std::vector<PolledPeerKind> polled_sqlite() { return {}; }

}  // namespace forelog::bench

#endif
