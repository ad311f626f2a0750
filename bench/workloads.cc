#include "workloads.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "cli/bench_forelog.h"
#include "cli/bench_passes.h"
#include "cli/bench_raw.h"
#include "cli/units.h"
#include "peer.h"
#include "state_workloads.h"

namespace forelog::bench {
namespace {

using Path = std::filesystem::path;
using Open = std::function<Result<Session>(const Path&)>;

constexpr std::uint64_t kBatchRecords = 1000;
constexpr std::uint64_t kSmall = 128, kLarge = 1024;
constexpr const char* kDirect = "limit: O_DIRECT|O_DSYNC";

std::string record_text(std::uint64_t bytes) { return cli::bytes_text(bytes); }

void add_peers(Workload& workload, unsigned threads, std::uint64_t bytes, Durability level) {
  for (const PeerKind& kind : all_peers()) {
    workload.contestants.push_back({kind.name, Role::peer, [=](const Path& dir) {
                                      return peer_puts(kind, dir, threads, bytes, level);
                                    }});
  }
}

Open commits(unsigned threads, std::uint64_t bytes, Durability level, Age age = Age::steady) {
  return [=](const Path& dir) { return forelog_commits(dir, threads, bytes, level, age); };
}

Open raw(Blocks blocks, std::uint64_t records, std::uint64_t bytes) {
  return [=](const Path& dir) { return raw_synced(dir, blocks, records, bytes); };
}

Workload one_writer(std::uint64_t bytes) {
  Workload workload{
      .name = "synced-1-" + std::to_string(bytes),
      .title = "1 writer, " + record_text(bytes) + ", each record synced",
      .contestants = {{"limit: written blocks", Role::limit, raw(Blocks::written, 1, bytes)},
                      {kDirect, Role::limit, raw(Blocks::direct, 1, bytes)},
                      {"limit: growing file", Role::limit, raw(Blocks::growing, 1, bytes)},
                      {"Forelog", Role::forelog, commits(1, bytes, Durability::synced)},
                      {"Forelog, new log", Role::reference,
                       commits(1, bytes, Durability::synced, Age::fresh)}},
      .in_slices = true};
  add_peers(workload, 1, bytes, Durability::synced);
  return workload;
}

Workload many_writers(unsigned threads) {
  constexpr std::chrono::microseconds kNone(0), kSome(100);
  const auto group = [=](std::chrono::microseconds gather, Blocks blocks) -> Open {
    return [=](const Path& dir) { return raw_group_commit(dir, blocks, threads, kSmall, gather); };
  };
  Workload workload{
      .name = "synced-" + std::to_string(threads),
      .title = std::to_string(threads) + " writers that block, " + record_text(kSmall) +
               ", each record synced",
      .contestants = {{"limit: leader", Role::limit, group(kNone, Blocks::written)},
                      {"limit: leader, 100 us", Role::limit, group(kSome, Blocks::written)},
                      {"limit: leader, direct", Role::limit, group(kNone, Blocks::direct)},
                      {"limit: 100 us, direct", Role::limit, group(kSome, Blocks::direct)},
                      {"Forelog", Role::forelog, commits(threads, kSmall, Durability::synced)}}};
  add_peers(workload, threads, kSmall, Durability::synced);
  return workload;
}

Workload batches() {
  const Open forelog = [](const Path& dir) { return forelog_batches(dir, kBatchRecords, kSmall); };
  Workload workload{
      .name = "batches-1000",
      .title =
          "1 writer, batches of 1,000 records of " + record_text(kSmall) + ", each batch synced",
      .contestants = {
          {"limit: written blocks", Role::limit, raw(Blocks::written, kBatchRecords, kSmall)},
          {kDirect, Role::limit, raw(Blocks::direct, kBatchRecords, kSmall)},
          {"limit: growing file", Role::limit, raw(Blocks::growing, kBatchRecords, kSmall)},
          {"Forelog", Role::forelog, forelog}}};
  for (const PeerKind& kind : all_peers()) {
    workload.contestants.push_back({kind.name, Role::peer, [=](const Path& dir) {
                                      return peer_batches(kind, dir, kBatchRecords, kSmall);
                                    }});
  }
  return workload;
}

Workload buffered(unsigned threads) {
  const Open one = [](const Path& dir) { return raw_buffered(dir, kSmall); };
  const auto two = [](Blocks blocks) -> Open {
    return [=](const Path& dir) { return raw_buffered_two_threads(dir, blocks, kSmall); };
  };
  const Open forelog = [=](const Path& dir) { return forelog_buffered(dir, threads, kSmall); };
  const std::string who = threads == 1 ? "1 thread" : std::to_string(threads) + " threads";
  Workload workload{.name = "buffered-" + std::to_string(threads),
                    .title = who + ", " + record_text(kSmall) + ", buffered in the process",
                    .contestants = {{"limit: 1 thread, 1 MiB", Role::limit, one},
                                    {"limit: 2 threads, 1 MiB", Role::limit, two(Blocks::growing)},
                                    {"limit: 2 threads, direct", Role::limit, two(Blocks::direct)},
                                    {"Forelog", Role::forelog, forelog}}};
  add_peers(workload, threads, kSmall, Durability::buffered);
  return workload;
}

Workload written() {
  const Open limit = [](const Path& dir) { return raw_written(dir, kSmall); };
  const Open mapped = [](const Path& dir) { return raw_mapped(dir, kSmall); };
  Workload workload{
      .name = "written-1",
      .title = "1 thread, " + record_text(kSmall) + ", each record given to the kernel",
      .contestants = {{"limit: pwrite each", Role::limit, limit},
                      {"raw: mapped pages", Role::reference, mapped},
                      {"Forelog", Role::forelog, commits(1, kSmall, Durability::written)}}};
  add_peers(workload, 1, kSmall, Durability::written);
  return workload;
}

Workload in_flight(std::uint64_t records) {
  const auto one = [=](Blocks blocks) -> Open {
    return [=](const Path& dir) { return raw_async_one_thread(dir, blocks, records, kSmall); };
  };
  const auto two = [=](Blocks blocks) -> Open {
    return [=](const Path& dir) { return raw_async_two_threads(dir, blocks, records, kSmall); };
  };
  const Open forelog = [=](const Path& dir) { return forelog_notify(dir, records, kSmall); };
  return {.name = "in-flight-" + std::to_string(records),
          .title = "1 thread, " + cli::count_text(records) + " records of " + record_text(kSmall) +
                   " in flight, a callback each, synced",
          .contestants = {{"limit: 2 threads", Role::limit, two(Blocks::written)},
                          {"limit: 2 threads, direct", Role::limit, two(Blocks::direct)},
                          {"limit: 1 thread, in turn", Role::limit, one(Blocks::written)},
                          {"limit: in turn, direct", Role::limit, one(Blocks::direct)},
                          {"Forelog, notify", Role::forelog, forelog}}};
}

Workload reading(Pages pages, std::uint64_t bytes, std::uint64_t log_bytes) {
  const std::uint64_t records = std::max<std::uint64_t>(log_bytes / bytes, 1);
  const bool cold = pages == Pages::cold;
  // The reader of a peer is compared warm: what it reads behind its own log, nobody knows.
  const PeerLog peer = cold ? PeerLog() : rocksdb_log(records, bytes);
  Workload workload{
      .name = (cold ? "scan-cold-" : "scan-") + std::to_string(bytes),
      .title = "A log of " + cli::count_text(records) + " records of " + record_text(bytes) +
               (cold ? " is read, from the disk" : " is read, from the page cache"),
      .contestants = {{"limit: read, add up", Role::limit,
                       [=](const Path& dir) {
                         return Result<Session>(raw_read(pages, forelog_files(dir), records));
                       }},
                      {"Forelog, cursor", Role::forelog,
                       [=](const Path& dir) { return forelog_scan(pages, dir, records); }},
                      {"Forelog, verify", Role::forelog,
                       [=](const Path& dir) {
                         return Result<Session>(forelog_verify(pages, dir, records));
                       }}},
      .prepare = [=](const Path& dir) -> Status {
        Status filled = forelog_fill(dir, records, bytes);
        return filled.ok() && peer.fill ? peer.fill(dir) : filled;
      }};
  if (peer.open)
    workload.contestants.push_back({"RocksDB, GetUpdatesSince", Role::peer, peer.open});
  return workload;
}

}  // namespace

std::vector<Workload> all_workloads(std::uint64_t read_bytes) {
  std::vector<Workload> all = {one_writer(kSmall),
                               one_writer(kLarge),
                               many_writers(8),
                               many_writers(32),
                               many_writers(128),
                               batches(),
                               buffered(1),
                               buffered(4),
                               written(),
                               in_flight(1024),
                               in_flight(8192),
                               reading(Pages::warm, kSmall, read_bytes),
                               reading(Pages::warm, kLarge, read_bytes),
                               reading(Pages::cold, kSmall, read_bytes)};
  for (Workload& workload : state_workloads()) all.push_back(std::move(workload));
  return all;
}

}  // namespace forelog::bench
