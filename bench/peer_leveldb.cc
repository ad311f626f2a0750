// LevelDB, with its default options.
#include "peer.h"

#ifdef FORELOG_BENCH_LEVELDB

#include <leveldb/db.h>
#include <leveldb/write_batch.h>

#include "forelog/bytes.h"

namespace forelog::bench {
namespace {

Status from(const leveldb::Status& status) {
  return status.ok() ? Status() : Status(Code::io_error, "LevelDB: " + status.ToString());
}

leveldb::Slice slice(ByteView bytes) { return {bytes.text().data(), bytes.size()}; }

class LevelDb final : public Peer {
 public:
  LevelDb(leveldb::DB* db, bool sync) : db_(db) { options_.sync = sync; }

  Status put(std::uint64_t key, ByteView value) override {
    const auto bytes = key_bytes(key);
    return from(db_->Put(options_, {bytes.data(), bytes.size()}, slice(value)));
  }

  Status put_batch(std::uint64_t first_key, std::uint64_t count, ByteView value) override {
    batch_.Clear();
    for (std::uint64_t key = first_key; key < first_key + count; ++key) {
      const auto bytes = key_bytes(key);
      batch_.Put({bytes.data(), bytes.size()}, slice(value));
    }
    return from(db_->Write(options_, &batch_));
  }

 private:
  std::unique_ptr<leveldb::DB> db_;
  leveldb::WriteOptions options_;
  leveldb::WriteBatch batch_;
};

// It knows no level below `written`: with sync off it still hands each record to the kernel.
Result<std::unique_ptr<Peer>> open_leveldb(const std::filesystem::path& dir,
                                           const PeerOptions& wanted) {
  leveldb::Options options;
  options.create_if_missing = true;
  if (wanted.whole_log) options.write_buffer_size = 1 * GiB;
  leveldb::DB* db = nullptr;
  const Status status = from(leveldb::DB::Open(options, dir.string(), &db));
  if (!status.ok()) return status;
  return std::unique_ptr<Peer>(std::make_unique<LevelDb>(db, wanted.level == Durability::synced));
}

}  // namespace

std::vector<PeerKind> leveldb_kinds() { return {{"LevelDB", open_leveldb, true, true}}; }

}  // namespace forelog::bench

#else

namespace forelog::bench {

std::vector<PeerKind> leveldb_kinds() { return {}; }

}  // namespace forelog::bench

#endif
