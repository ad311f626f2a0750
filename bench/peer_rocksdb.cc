// RocksDB, with its default options but for what a level needs: manual_wal_flush for `buffered`.
// "RocksDB, log only" writes each record by PutLogData, which goes to the write-ahead log and
// nowhere else: its log writer without its memory table.
#include "peer.h"

#ifdef FORELOG_BENCH_ROCKSDB

#include <rocksdb/db.h>
#include <rocksdb/transaction_log.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <atomic>
#include <cstddef>

#include "forelog/bytes.h"
#include "forelog/try.h"

namespace forelog::bench {
namespace {

Status from(const rocksdb::Status& status) {
  return status.ok() ? Status() : Status(Code::io_error, "RocksDB: " + status.ToString());
}

rocksdb::Slice slice(ByteView bytes) { return {bytes.text().data(), bytes.size()}; }

enum class Form : std::uint8_t { table_too, log_only };

class RocksDb final : public Peer {
 public:
  RocksDb(std::shared_ptr<rocksdb::DB> db, bool sync, Form form) : db_(std::move(db)), form_(form) {
    options_.sync = sync;
  }

  Status put(std::uint64_t key, ByteView value) override {
    if (form_ == Form::table_too) {
      const auto bytes = key_bytes(key);
      return from(db_->Put(options_, {bytes.data(), bytes.size()}, slice(value)));
    }
    thread_local rocksdb::WriteBatch batch;
    batch.Clear();
    FORELOG_TRY(from(batch.PutLogData(slice(value))));
    return from(db_->Write(options_, &batch));
  }

  Status put_batch(std::uint64_t first_key, std::uint64_t count, ByteView value) override {
    batch_.Clear();
    for (std::uint64_t key = first_key; key < first_key + count; ++key) {
      const auto bytes = key_bytes(key);
      FORELOG_TRY(from(form_ == Form::log_only
                           ? batch_.PutLogData(slice(value))
                           : batch_.Put({bytes.data(), bytes.size()}, slice(value))));
    }
    return from(db_->Write(options_, &batch_));
  }

 private:
  std::shared_ptr<rocksdb::DB> db_;
  Form form_;
  rocksdb::WriteOptions options_;
  rocksdb::WriteBatch batch_;
};

Result<std::shared_ptr<rocksdb::DB>> open_db(const std::filesystem::path& dir,
                                             rocksdb::Options options) {
  options.create_if_missing = true;
  rocksdb::DB* db = nullptr;
  const Status status = from(rocksdb::DB::Open(options, dir.string(), &db));
  if (!status.ok()) return status;
  return std::shared_ptr<rocksdb::DB>(db);
}

Result<std::unique_ptr<Peer>> open_peer(const std::filesystem::path& dir, const PeerOptions& wanted,
                                        Form form) {
  rocksdb::Options options;
  options.manual_wal_flush = wanted.level == Durability::buffered;
  if (wanted.whole_log) options.write_buffer_size = 1 * GiB;
  auto db = FORELOG_TRY(open_db(dir, options));
  return std::unique_ptr<Peer>(
      std::make_unique<RocksDb>(std::move(db), wanted.level == Durability::synced, form));
}

// Touches each record, as the scan of a Forelog log does.
class Toucher final : public rocksdb::WriteBatch::Handler {
 public:
  rocksdb::Status PutCF(std::uint32_t, const rocksdb::Slice&,
                        const rocksdb::Slice& value) override {
    sum += static_cast<unsigned char>(value[0]) + value.size();
    ++records;
    return rocksdb::Status::OK();
  }
  std::uint64_t records = 0;
  std::size_t sum = 0;
};

// Kept where the compiler must compute it.
std::atomic<std::size_t> payload_sink;

Status read_log(rocksdb::DB& db, std::uint64_t records) {
  std::unique_ptr<rocksdb::TransactionLogIterator> updates;
  Toucher toucher;
  for (FORELOG_TRY(from(db.GetUpdatesSince(1, &updates))); updates->Valid(); updates->Next()) {
    const rocksdb::BatchResult batch = updates->GetBatch();
    FORELOG_TRY(from(batch.writeBatchPtr->Iterate(&toucher)));
  }
  payload_sink.store(toucher.sum, std::memory_order_relaxed);
  if (toucher.records == records) return {};
  return {Code::io_error, "RocksDB: its log has " + std::to_string(toucher.records) + " records"};
}

}  // namespace

std::vector<PeerKind> rocksdb_kinds() {
  const auto opener = [](Form form) {
    return [form](const std::filesystem::path& dir, const PeerOptions& wanted) {
      return open_peer(dir, wanted, form);
    };
  };
  return {{"RocksDB", opener(Form::table_too), true, true},
          {"RocksDB, log only", opener(Form::log_only)}};
}

PeerLog rocksdb_log(std::uint64_t records, std::uint64_t record_bytes) {
  rocksdb::Options options;
  // So that the log is one, and is kept when its records have reached a table, which happens at the
  // end: opening need not read it then.
  options.write_buffer_size = 2 * records * (record_bytes + 128) + 64 * MiB;
  options.WAL_ttl_seconds = 24 * 3600;
  const auto fill = [=](const std::filesystem::path& dir) -> Status {
    const auto db = FORELOG_TRY(open_db(dir / "rocksdb", options));
    RocksDb writer(db, false, Form::table_too);
    const std::string record(record_bytes, 'r');
    constexpr std::uint64_t kBatch = 1000;
    for (std::uint64_t done = 0; done < records; done += kBatch) {
      FORELOG_TRY(writer.put_batch(done + 1, std::min(kBatch, records - done), record));
    }
    return from(db->Flush({}));
  };
  const auto open = [=](const std::filesystem::path& dir) -> Result<Session> {
    const auto db = FORELOG_TRY(open_db(dir / "rocksdb", options));
    const Load load{.records_per_call = records, .record_bytes = 0};
    return Session([=](const RoundLimits& limits) {
      return measure(load, limits, [&](unsigned) { return read_log(*db, records); });
    });
  };
  return {fill, open};
}

}  // namespace forelog::bench

#else

namespace forelog::bench {

std::vector<PeerKind> rocksdb_kinds() { return {}; }
PeerLog rocksdb_log(std::uint64_t, std::uint64_t) { return {}; }

}  // namespace forelog::bench

#endif
