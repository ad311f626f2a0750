// LMDB: one database, keys appended. MDB_NOSYNC below `synced`. It has no log: a commit writes the
// pages that changed.
#include "peer.h"

#ifdef FORELOG_BENCH_LMDB

#include <lmdb.h>

#include "forelog/try.h"

namespace forelog::bench {
namespace {

Status check(int result) {
  if (result == MDB_SUCCESS) return {};
  return {Code::io_error, std::string("LMDB: ") + mdb_strerror(result)};
}

struct CloseEnv {
  void operator()(MDB_env* env) const { mdb_env_close(env); }
};
struct AbortTxn {
  void operator()(MDB_txn* txn) const { mdb_txn_abort(txn); }
};
using Env = std::unique_ptr<MDB_env, CloseEnv>;
using Txn = std::unique_ptr<MDB_txn, AbortTxn>;

class Lmdb final : public Peer {
 public:
  Lmdb(Env env, MDB_dbi dbi) : env_(std::move(env)), dbi_(dbi) {}

  Status put(std::uint64_t key, ByteView value) override { return put_batch(key, 1, value); }

  // Write transactions wait for each other inside LMDB. Keys of several threads come out of order.
  Status put_batch(std::uint64_t first_key, std::uint64_t count, ByteView value) override {
    MDB_txn* begun = nullptr;
    FORELOG_TRY(check(mdb_txn_begin(env_.get(), nullptr, 0, &begun)));
    Txn txn(begun);
    for (std::uint64_t key = first_key; key < first_key + count; ++key) {
      auto bytes = key_bytes(key);
      MDB_val name{bytes.size(), bytes.data()};
      MDB_val data{value.size(), const_cast<std::byte*>(value.data())};
      FORELOG_TRY(check(mdb_put(txn.get(), dbi_, &name, &data, 0)));
    }
    return check(mdb_txn_commit(txn.release()));
  }

 private:
  Env env_;
  MDB_dbi dbi_;
};

Result<std::unique_ptr<Peer>> open_lmdb(const std::filesystem::path& dir,
                                        const PeerOptions& wanted) {
  std::filesystem::create_directory(dir);
  MDB_env* made = nullptr;
  FORELOG_TRY(check(mdb_env_create(&made)));
  Env env(made);
  FORELOG_TRY(check(mdb_env_set_mapsize(env.get(), 64 * GiB)));
  const unsigned flags = wanted.level == Durability::synced ? 0 : MDB_NOSYNC;
  FORELOG_TRY(check(mdb_env_open(env.get(), dir.c_str(), flags, 0600)));
  MDB_txn* begun = nullptr;
  FORELOG_TRY(check(mdb_txn_begin(env.get(), nullptr, 0, &begun)));
  Txn txn(begun);
  MDB_dbi dbi = 0;
  FORELOG_TRY(check(mdb_dbi_open(txn.get(), nullptr, 0, &dbi)));
  FORELOG_TRY(check(mdb_txn_commit(txn.release())));
  return std::unique_ptr<Peer>(std::make_unique<Lmdb>(std::move(env), dbi));
}

}  // namespace

std::vector<PeerKind> lmdb_kinds() { return {{"LMDB", open_lmdb, true, false}}; }

}  // namespace forelog::bench

#else

namespace forelog::bench {

std::vector<PeerKind> lmdb_kinds() { return {}; }

}  // namespace forelog::bench

#endif
