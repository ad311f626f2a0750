// RocksDB, followed by a thread of the process that writes it: GetUpdatesSince, again for each look,
// since an iterator that came to the end does not go on.
#include "follow.h"

#ifdef FORELOG_BENCH_ROCKSDB

#include <rocksdb/db.h>
#include <rocksdb/transaction_log.h>
#include <rocksdb/write_batch.h>

#include <thread>

#include "forelog/try.h"

namespace forelog::bench {
namespace {

Status from(const rocksdb::Status& status) {
  return status.ok() ? Status() : Status(Code::io_error, "RocksDB: " + status.ToString());
}

class Writer final : public Peer {
 public:
  explicit Writer(std::shared_ptr<rocksdb::DB> db) : db_(std::move(db)) { options_.sync = true; }

  Status put(std::uint64_t key, ByteView value) override { return put_batch(key, 1, value); }
  Status put_batch(std::uint64_t first_key, std::uint64_t count, ByteView value) override {
    batch_.Clear();
    for (std::uint64_t key = first_key; key < first_key + count; ++key) {
      const auto bytes = key_bytes(key);
      FORELOG_TRY(
          from(batch_.Put({bytes.data(), bytes.size()}, {value.text().data(), value.size()})));
    }
    return from(db_->Write(options_, &batch_));
  }

 private:
  std::shared_ptr<rocksdb::DB> db_;
  rocksdb::WriteOptions options_;
  rocksdb::WriteBatch batch_;
};

// Every record is one Put: its sequence number is its key.
class Receiver final : public rocksdb::WriteBatch::Handler {
 public:
  Receiver(Stamps& stamps, unsigned tail, std::uint64_t& next)
      : stamps_(stamps), tail_(tail), next_(next) {}
  rocksdb::Status PutCF(std::uint32_t, const rocksdb::Slice& name, const rocksdb::Slice&) override {
    std::uint64_t key = 0;
    for (std::size_t i = 0; i < name.size(); ++i) {
      key = key << 8 | static_cast<unsigned char>(name[i]);
    }
    if (key < next_) return rocksdb::Status::OK();  // Its batch began before.
    stamps_.note_received(tail_, key, Stamps::now_ns());
    next_ = key + 1;
    return rocksdb::Status::OK();
  }

 private:
  Stamps& stamps_;
  unsigned tail_;
  std::uint64_t& next_;
};

Status look(rocksdb::DB& db, Receiver& receiver, std::uint64_t next) {
  std::unique_ptr<rocksdb::TransactionLogIterator> updates;
  const rocksdb::Status found = db.GetUpdatesSince(next, &updates);
  if (found.IsNotFound()) return {};  // "not yet written"
  FORELOG_TRY(from(found));
  for (; updates->Valid(); updates->Next()) {
    const rocksdb::BatchResult batch = updates->GetBatch();
    FORELOG_TRY(from(batch.writeBatchPtr->Iterate(&receiver)));
  }
  return {};
}

Status follow(rocksdb::DB& db, Stamps& stamps, unsigned tail, const std::stop_token& stop) {
  std::uint64_t next = stamps.first();
  Receiver receiver(stamps, tail, next);
  stamps.note_ready();
  while (!stop.stop_requested()) {
    const std::uint64_t before = next;
    if (db.GetLatestSequenceNumber() >= next) FORELOG_TRY(look(db, receiver, next));
    if (next == before) std::this_thread::sleep_for(kPollPause);
  }
  return {};
}

Result<FollowedPeer> open(const std::filesystem::path& dir) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.WAL_ttl_seconds = 3600;  // Else a log is dropped once its records have reached a table.
  rocksdb::DB* opened = nullptr;
  FORELOG_TRY(from(rocksdb::DB::Open(options, dir.string(), &opened)));
  const std::shared_ptr<rocksdb::DB> db(opened);
  return FollowedPeer{.peer = std::make_shared<Writer>(db),
                      .follow = [db](Stamps& stamps, unsigned tail, const std::stop_token& stop) {
                        return bench::follow(*db, stamps, tail, stop);
                      }};
}

}  // namespace

std::vector<FollowedPeerKind> followed_rocksdb() { return {{"RocksDB, GetUpdatesSince", open}}; }

}  // namespace forelog::bench

#else

namespace forelog::bench {

std::vector<FollowedPeerKind> followed_rocksdb() { return {}; }

}  // namespace forelog::bench

#endif
