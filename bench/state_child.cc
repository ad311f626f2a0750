#include "state_child.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cli/bench_forelog.h"
#include "cli/bench_measure.h"
#include "cli/bench_raw_file.h"
#include "forelog/bytes.h"
#include "forelog/log.h"
#include "forelog/try.h"
#include "tested_state.h"

namespace forelog::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kEntryBytes = 128;

Json wanted(const ChildTask& task) { return Json::parse(task.state); }

// The nth of many entries, in no order.
std::uint64_t scattered(std::uint64_t n, std::uint64_t entries) {
  return n * 0x9e3779b97f4a7c15 % entries;
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// What is updated, and what goes on beside that.
struct Scene {
  std::function<Status(unsigned thread)> update;
  std::function<Status()> disturb;
};

Json figures(const Measurement& measured) {
  const Latency latency = measured.latency().value_or(Latency());
  return {{"rate", measured.rate()},
          {"p50_us", latency.p50_us},
          {"p99_us", latency.p99_us},
          {"p999_us", latency.p999_us},
          {"max_us", latency.max_us},
          {"seconds", measured.seconds},
          {"others_share", measured.others_share}};
}

// For some time undisturbed, and then until the disturbance is over.
Result<Json> play(const Scene& scene, double seconds) {
  constexpr unsigned kCallers = 8;
  constexpr std::chrono::milliseconds kWarmUp{300};
  const Load load{.threads = kCallers, .record_bytes = kEntryBytes, .latencies = true};
  const Measurement quiet =
      FORELOG_TRY(measure(load,
                          {.warm_up = kWarmUp,
                           .measured = std::chrono::duration_cast<std::chrono::nanoseconds>(
                               std::chrono::duration<double>(seconds))},
                          scene.update));
  std::atomic<bool> over = false;
  Status disturbed;
  double disturbance = 0;
  std::jthread disturber([&] {
    std::this_thread::sleep_for(kWarmUp);
    const Clock::time_point begin = Clock::now();
    disturbed = scene.disturb();
    disturbance = seconds_since(begin);
    over = true;
  });
  Result<Measurement> during =
      measure(load, {.warm_up = kWarmUp, .measured = std::chrono::minutes(10), .until = &over},
              scene.update);
  disturber.join();
  FORELOG_TRY(std::move(disturbed));
  if (!during) return during.error();
  return Json{
      {"quiet", figures(quiet)}, {"during", figures(*during)}, {"checkpoint_seconds", disturbance}};
}

// What a checkpoint of such a size does to the disk, and nothing else: a log, and a file.
Result<Json> pause_of_log(const ChildTask& task, Blocks blocks) {
  constexpr std::size_t kPieceBytes = 256 * KiB;
  constexpr std::uint64_t kBytesPerSync = 8 * MiB;
  std::error_code failed;
  std::filesystem::create_directory(task.log, failed);
  if (failed) return Status(Code::io_error, task.log.string() + ": " + failed.message());
  const std::shared_ptr<Log> log = FORELOG_TRY(open_log(task.log, Age::steady));
  const std::string record(kEntryBytes, 'r');
  const std::vector<std::byte> piece(kPieceBytes, std::byte{1});
  RawFile file = FORELOG_TRY(RawFile::make(task.log / "file", blocks, task.bytes));
  const Scene scene{.update = [&](unsigned) -> Status {
                      FORELOG_TRY(log->commit(record));
                      return {};
                    },
                    .disturb = [&]() -> Status {
                      for (std::uint64_t done = 0; done < task.bytes; done += kPieceBytes) {
                        FORELOG_TRY(file.append(piece));
                        if (done % kBytesPerSync == 0) FORELOG_TRY(file.sync());
                      }
                      return file.sync();
                    }};
  return play(scene, wanted(task)["seconds"]);
}

Result<Json> pause(const ChildTask& task) {
  const Json asked = wanted(task);
  const std::string kind = asked["kind"];
  if (kind == "log") return pause_of_log(task, Blocks::growing);
  if (kind == "log, direct") return pause_of_log(task, Blocks::direct);
  DurableOptions options;
  options.checkpoints.automatic = false;
  options.snapshots.bytes_per_second_max = asked["bytes_per_second_max"];
  const auto state = FORELOG_TRY(open_state(task.log, kind, options));
  FORELOG_TRY(state->fill(task.bytes / kEntryBytes));
  // The first one, so that there is a snapshot to build a second state from, and to be removed.
  FORELOG_TRY(state->checkpoint());
  FORELOG_TRY(grow_past_first_segment(*state));
  std::atomic<std::uint64_t> next = 0;
  const Scene scene{.update =
                        [&](unsigned) {
                          return state->update(next.fetch_add(1) * 0x9e3779b97f4a7c15,
                                               Durability::synced);
                        },
                    .disturb = [&] { return state->checkpoint(); }};
  Json played = FORELOG_TRY(play(scene, asked["seconds"]));
  played["last_pause_us"] =
      std::chrono::duration<double, std::micro>(state->stats().last_pause).count();
  return played;
}

DurableOptions options_of(const Json& state) {
  DurableOptions options;
  options.checkpoints.reopen_within = std::chrono::milliseconds(state["reopen_within_ms"]);
  options.checkpoints.automatic = options.checkpoints.reopen_within.count() != 0;
  return options;
}

Result<Json> grow(const ChildTask& task, const std::function<void(Json)>& answer) {
  const Json asked = wanted(task);
  const auto state = FORELOG_TRY(open_state(task.log, asked["kind"], options_of(asked)));
  const std::uint64_t entries = asked["entries"], updates = asked["updates"];
  Json took;
  Clock::time_point begin = Clock::now();
  const auto tell = [&](const char* what) {
    took[what] = seconds_since(begin) * 1e3;
    begin = Clock::now();
  };
  if (asked["fill"]) FORELOG_TRY(state->fill(entries));
  tell("fill_ms");
  for (std::uint64_t i = 1; i <= updates; ++i) {
    const Durability level = i == updates ? Durability::synced : Durability::buffered;
    FORELOG_TRY(state->update(scattered(i, entries), level));
  }
  tell("updates_ms");
  if (asked["checkpoint"]) FORELOG_TRY(state->checkpoint());
  tell("checkpoint_ms");
  const DurableStats stats = state->stats();
  took["checkpoints"] = stats.checkpoints;
  took["commands_behind"] = stats.commands_behind;
  took["reopen_estimate_ms"] =
      std::chrono::duration<double, std::milli>(stats.reopen_estimate).count();
  answer(std::move(took));
  ::kill(::getpid(), SIGKILL);
  return Json();  // Not reached.
}

Result<Json> open(const ChildTask& task, const std::function<void(Json)>& answer) {
  using Milliseconds = std::chrono::duration<double, std::milli>;
  const Clock::time_point begin = Clock::now();
  const Json asked = wanted(task);
  const auto state = FORELOG_TRY(open_state(task.log, asked["kind"], options_of(asked)));
  const double took = seconds_since(begin) * 1e3;
  const Recovered& recovered = state->recovered();
  answer({{"open_ms", took},
          {"load_ms", Milliseconds(recovered.load_time).count()},
          {"replay_ms", Milliseconds(recovered.replay_time).count()},
          {"replayed", recovered.records},
          {"snapshot_bytes", recovered.snapshot_bytes}});
  // Why: so that what is opened the next time is what the killed process has left.
  ::_exit(0);
}

}  // namespace

Result<Json> run_state_child(const ChildTask& task, const std::function<void(Json)>& answer) {
  if (task.verb == "state-pause") return pause(task);
  if (task.verb == "state-grow") return grow(task, answer);
  if (task.verb == "state-open") return open(task, answer);
  return Status(Code::invalid_argument, "no such task: " + task.verb);
}

}  // namespace forelog::bench
