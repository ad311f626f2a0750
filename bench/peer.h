// The other logs: what is asked of one of them, and the rounds that ask it (bench_run.h). Each is a
// key-value store with a write-ahead log; keys are 8 bytes, increasing, big-endian. Inserting into
// its memory table is part of its work: it cannot be told to keep a log and nothing else, except
// RocksDB, by PutLogData.
//
// Threading: put() from many threads, everything else from one.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/bench_measure.h"
#include "forelog/bytes.h"
#include "forelog/lsn.h"
#include "forelog/status.h"

namespace forelog::bench {

class Peer {
 public:
  virtual ~Peer() = default;
  virtual Status put(std::uint64_t key, ByteView value) = 0;
  // `count` records under the keys from `first_key` on, all or nothing.
  virtual Status put_batch(std::uint64_t first_key, std::uint64_t count, ByteView value) = 0;
};

// Everything else is a peer's default.
struct PeerOptions {
  Durability level = Durability::synced;  // What put() has reached when it returns.
  unsigned threads = 1;                   // That will put.
  // Nothing that is put leaves the log for tables: it is as long as a log of its own would be. Nothing to
  // set for those that know no such thing, or do so anyway.
  bool whole_log = false;
};

struct PeerKind {
  std::string name;
  // In a fresh directory, or in one that was used before.
  std::function<Result<std::unique_ptr<Peer>>(const std::filesystem::path& dir,
                                              const PeerOptions& options)>
      open;
  // Opening it after a kill is worth a look, by default and with PeerOptions::whole_log.
  bool recovers = false, recovers_whole_log = false;
};

// None when it was not there at compile time.
std::vector<PeerKind> leveldb_kinds();
std::vector<PeerKind> rocksdb_kinds();
std::vector<PeerKind> sqlite_kinds();
std::vector<PeerKind> lmdb_kinds();
std::vector<PeerKind> wiredtiger_kinds();
std::vector<PeerKind> postgresql_kinds();
std::vector<PeerKind> all_peers();

Result<Session> peer_puts(const PeerKind& kind, const std::filesystem::path& dir, unsigned threads,
                          std::uint64_t record_bytes, Durability level);
Result<Session> peer_batches(const PeerKind& kind, const std::filesystem::path& dir,
                             std::uint64_t records, std::uint64_t record_bytes);

// A write-ahead log that RocksDB wrote in batches of 1,000, read back by GetUpdatesSince, the only
// reader of a peer's log in a public API. Both are empty when RocksDB was not there.
struct PeerLog {
  std::function<Status(const std::filesystem::path& dir)> fill;
  std::function<Result<Session>(const std::filesystem::path& dir)> open;
};
PeerLog rocksdb_log(std::uint64_t records, std::uint64_t record_bytes);

// Big-endian, so that keys sort as they were given out.
std::array<char, 8> key_bytes(std::uint64_t key);

}  // namespace forelog::bench
