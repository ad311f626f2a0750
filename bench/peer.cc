#include "peer.h"

#include <atomic>
#include <cstddef>

#include "forelog/try.h"

namespace forelog::bench {

std::array<char, 8> key_bytes(std::uint64_t key) {
  std::array<char, 8> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(static_cast<unsigned char>(key >> (8 * (7 - i))));
  }
  return bytes;
}

std::vector<PeerKind> all_peers() {
  std::vector<PeerKind> kinds = leveldb_kinds();
  for (auto more : {rocksdb_kinds, sqlite_kinds, lmdb_kinds, wiredtiger_kinds, postgresql_kinds}) {
    for (PeerKind& kind : more()) kinds.push_back(std::move(kind));
  }
  return kinds;
}

Result<Session> peer_puts(const PeerKind& kind, const std::filesystem::path& dir, unsigned threads,
                          std::uint64_t record_bytes, Durability level) {
  const std::shared_ptr<Peer> peer =
      FORELOG_TRY(kind.open(dir / "peer", {.level = level, .threads = threads}));
  const std::string record(record_bytes, 'r');
  auto next_key = std::make_shared<std::atomic<std::uint64_t>>(1);
  const bool latencies = level != Durability::buffered;
  const std::uint64_t puts = latencies ? 1 : 16;  // So that reading the clock costs nothing.
  const Load load{.threads = threads,
                  .records_per_call = puts,
                  .record_bytes = record_bytes,
                  .latencies = latencies};
  return Session([=](const RoundLimits& limits) {
    return measure(load, limits, [&](unsigned) -> Status {
      for (std::uint64_t i = 0; i < puts; ++i) FORELOG_TRY(peer->put((*next_key)++, record));
      return {};
    });
  });
}

Result<Session> peer_batches(const PeerKind& kind, const std::filesystem::path& dir,
                             std::uint64_t records, std::uint64_t record_bytes) {
  const std::shared_ptr<Peer> peer = FORELOG_TRY(kind.open(dir / "peer", {}));
  const std::string record(record_bytes, 'r');
  auto next_key = std::make_shared<std::uint64_t>(1);
  const Load load{.records_per_call = records, .record_bytes = record_bytes, .latencies = true};
  return Session([=](const RoundLimits& limits) {
    return measure(load, limits, [&](unsigned) {
      const std::uint64_t first = *next_key;
      *next_key += records;
      return peer->put_batch(first, records, record);
    });
  });
}

}  // namespace forelog::bench
