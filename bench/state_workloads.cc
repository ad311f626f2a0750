#include "state_workloads.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "cli/bench_forelog.h"
#include "forelog/try.h"
#include "tested_state.h"

namespace forelog::bench {
namespace {

using Path = std::filesystem::path;

constexpr std::uint64_t kRecordBytes = 128;
constexpr std::uint64_t kEntries = 100'000;

// In no order; no two threads share a word that they write.
std::uint64_t next_index(unsigned thread) {
  thread_local std::uint64_t count = 0;
  return (++count * 64 + thread) * 0x9e3779b97f4a7c15 % kEntries;
}

Result<Session> state_updates(const Path& dir, const std::string& kind, unsigned threads) {
  const std::shared_ptr<TestedState> state = FORELOG_TRY(open_state(dir / "state", kind));
  FORELOG_TRY(state->fill(kEntries));
  FORELOG_TRY(grow_past_first_segment(*state));
  const Load load{.threads = threads, .record_bytes = kRecordBytes, .latencies = true};
  return Session([=](const RoundLimits& limits) {
    return measure(load, limits, [&](unsigned thread) {
      return state->update(next_index(thread), Durability::synced);
    });
  });
}

Workload updates(unsigned threads) {
  return {.name = "states-" + std::to_string(threads),
          .title = (threads == 1 ? "1 caller" : std::to_string(threads) + " callers") +
                   ", 128 B, each update synced and applied",
          .contestants = {{"bare log", Role::limit,
                           [=](const Path& dir) {
                             return forelog_commits(dir, threads, kRecordBytes, Durability::synced);
                           }},
                          {"Durable", Role::forelog,
                           [=](const Path& dir) { return state_updates(dir, "images", threads); }},
                          {"Kv", Role::forelog,
                           [=](const Path& dir) { return state_updates(dir, "kv", threads); }}},
          .in_slices = true};
}

}  // namespace

std::vector<Workload> state_workloads() { return {updates(1), updates(8), updates(32)}; }

}  // namespace forelog::bench
