#include "state_workloads.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "cells.h"
#include "cli/bench_forelog.h"
#include "forelog/bytes.h"
#include "forelog/durable.h"
#include "forelog/try.h"

namespace forelog::bench {
namespace {

using Path = std::filesystem::path;

constexpr std::uint64_t kRecordBytes = 128;
constexpr std::uint64_t kCells = 100'000;

// As open_log(…, Age::steady) does: past the first segment, and the next one is prepared.
Status grow_past_first_segment(const std::function<Status(ByteView)>& put) {
  constexpr std::chrono::milliseconds kPreparation{500};
  const std::string record(64 * KiB, 'w');
  const auto put_bytes = [&](std::uint64_t bytes) -> Status {
    for (std::uint64_t done = 0; done < bytes; done += record.size()) FORELOG_TRY(put(record));
    return {};
  };
  const std::uint64_t segment = Options{}.segment_bytes;
  FORELOG_TRY(put_bytes(segment / 2 + segment / 16));
  std::this_thread::sleep_for(kPreparation);
  return put_bytes(segment / 2);
}

// Another index each time; no two threads share a word that they write.
std::uint64_t next_index(unsigned thread) {
  thread_local std::uint64_t count = 0;
  return (++count * 64 + thread) * 0x9e3779b97f4a7c15;
}

Result<Session> durable_updates(const Path& dir, unsigned threads) {
  using State = Durable<Cells>;
  State opened =
      FORELOG_TRY(State::open(dir / "state", {}, [] { return std::make_unique<Cells>(true); }));
  auto state = std::make_shared<State>(std::move(opened));
  const auto update = [state](ByteView command) -> Status {
    FORELOG_TRY(state->update(command));
    return {};
  };
  FORELOG_TRY(update(Cells::fill(kCells, 1)));
  FORELOG_TRY(grow_past_first_segment(update));
  const Load load{.threads = threads, .record_bytes = kRecordBytes, .latencies = true};
  return Session([=](const RoundLimits& limits) {
    return measure(load, limits,
                   [&](unsigned thread) { return update(Cells::set(next_index(thread))); });
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
                           [=](const Path& dir) { return durable_updates(dir, threads); }}},
          .in_slices = true};
}

}  // namespace

std::vector<Workload> state_workloads() { return {updates(1), updates(8), updates(32)}; }

}  // namespace forelog::bench
