// LMDB, followed from another process: a read transaction for each look, and a cursor to the keys
// behind the last one seen.
#include "follow.h"

#ifdef FORELOG_BENCH_LMDB

#include <lmdb.h>

#include <cstring>
#include <thread>

#include "forelog/try.h"

namespace forelog::bench {
namespace {

Status check(int result) {
  if (result == MDB_SUCCESS) return {};
  return {Code::io_error, std::string("LMDB: ") + mdb_strerror(result)};
}

std::uint64_t key_of(const MDB_val& name) {
  std::uint64_t key = 0;
  for (std::size_t i = 0; i < name.mv_size; ++i) {
    key = key << 8 | static_cast<const unsigned char*>(name.mv_data)[i];
  }
  return key;
}

// Notes all that is there from the key `next` on, and moves it behind them.
Status look(MDB_cursor* cursor, Stamps& stamps, unsigned tail, std::uint64_t& next) {
  auto bytes = key_bytes(next);
  MDB_val name{bytes.size(), bytes.data()}, record{};
  int found = mdb_cursor_get(cursor, &name, &record, MDB_SET_RANGE);
  while (found == MDB_SUCCESS) {
    next = key_of(name) + 1;
    stamps.note_received(tail, next - 1, Stamps::now_ns());
    found = mdb_cursor_get(cursor, &name, &record, MDB_NEXT);
  }
  return found == MDB_NOTFOUND ? Status() : check(found);
}

Status follow(const std::filesystem::path& dir, Stamps& stamps, unsigned tail) {
  MDB_env* env = nullptr;
  FORELOG_TRY(check(mdb_env_create(&env)));
  FORELOG_TRY(check(mdb_env_set_mapsize(env, 64 * GiB)));
  FORELOG_TRY(check(mdb_env_open(env, dir.c_str(), MDB_RDONLY, 0600)));
  MDB_txn* txn = nullptr;
  FORELOG_TRY(check(mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn)));
  MDB_dbi dbi = 0;
  FORELOG_TRY(check(mdb_dbi_open(txn, nullptr, 0, &dbi)));
  MDB_cursor* cursor = nullptr;
  FORELOG_TRY(check(mdb_cursor_open(txn, dbi, &cursor)));
  std::uint64_t next = stamps.first();
  stamps.note_ready();
  for (;;) {
    const std::uint64_t before = next;
    FORELOG_TRY(look(cursor, stamps, tail, next));
    mdb_txn_reset(txn);
    if (next == before) std::this_thread::sleep_for(kPollPause);
    FORELOG_TRY(check(mdb_txn_renew(txn)));
    FORELOG_TRY(check(mdb_cursor_renew(txn, cursor)));
  }
}

}  // namespace

std::vector<PolledPeerKind> polled_lmdb() { return {{"LMDB", lmdb_kinds().front(), follow}}; }

}  // namespace forelog::bench

#else

namespace forelog::bench {

std::vector<PolledPeerKind> polled_lmdb() { return {}; }

}  // namespace forelog::bench

#endif
