#include "tested_state.h"

#include <array>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <thread>
#include <utility>

#include "cells.h"
#include "forelog/bytes.h"
#include "forelog/kv.h"
#include "forelog/options.h"
#include "forelog/try.h"

namespace forelog::bench {
namespace {

class DurableCells final : public TestedState {
 public:
  explicit DurableCells(Durable<Cells> durable) : durable_(std::move(durable)) {}

  Status fill(std::uint64_t entries) override { return put(Cells::fill(entries, 1)); }
  Status update(std::uint64_t index, Durability level) override {
    return put(Cells::set(index), level);
  }
  Status log_bytes(std::uint64_t bytes) override { return put(std::string(bytes, 'w')); }
  Status checkpoint() override {
    const auto made = durable_.checkpoint();
    return made ? Status() : made.error();
  }
  DurableStats stats() const override { return durable_.stats(); }
  const Recovered& recovered() const override { return durable_.recovered(); }

 private:
  Status put(ByteView command, Durability level = Durability::synced) {
    const auto put = durable_.update(command, level);
    return put ? Status() : put.error();
  }

  Durable<Cells> durable_;
};

class Store final : public TestedState {
 public:
  explicit Store(Kv kv) : kv_(std::move(kv)) {}

  // In order of key, as a dump is loaded.
  Status fill(std::uint64_t entries) override {
    constexpr std::uint64_t kBatch = 1000;
    KvBatch batch;
    for (std::uint64_t i = 0; i < entries; ++i) {
      batch.put(key(i), value(i));
      if (batch.size() < kBatch && i + 1 < entries) continue;
      FORELOG_TRY(kv_.write(batch));
      batch.clear();
    }
    return {};
  }
  Status update(std::uint64_t index, Durability level) override {
    const auto put = kv_.put(key(index), value(index), {.level = level});
    return put ? Status() : put.error();
  }
  Status log_bytes(std::uint64_t bytes) override {
    const auto put = kv_.put("filler", std::string(bytes, 'w'));
    return put ? Status() : put.error();
  }
  Status checkpoint() override {
    const auto made = kv_.checkpoint();
    return made ? Status() : made.error();
  }
  DurableStats stats() const override {
    const auto stats = kv_.stats();
    return stats ? stats->durable : DurableStats();
  }
  const Recovered& recovered() const override { return kv_.recovered(); }

 private:
  static std::string key(std::uint64_t index) {
    std::array<char, 17> text{};
    std::snprintf(text.data(), text.size(), "%016" PRIx64, index);
    return {text.data(), 16};
  }
  static std::string value(std::uint64_t index) {
    const Cells::Set bytes = Cells::set(index);
    return std::string(ByteView(bytes).text().substr(0, 112));
  }

  Kv kv_;
};

}  // namespace

Result<std::unique_ptr<TestedState>> open_state(const std::filesystem::path& dir,
                                                const std::string& kind,
                                                const DurableOptions& options) {
  using Opened = std::unique_ptr<TestedState>;
  if (kind == "kv") {
    Kv store = FORELOG_TRY(Kv::open(dir, {.durable = options}));
    return Opened(std::make_unique<Store>(std::move(store)));
  }
  const bool images = kind == "images";
  if (!images && kind != "no images") {
    return Status(Code::invalid_argument, "no such kind of state: " + kind);
  }
  Durable<Cells> cells = FORELOG_TRY(
      Durable<Cells>::open(dir, options, [images] { return std::make_unique<Cells>(images); }));
  return Opened(std::make_unique<DurableCells>(std::move(cells)));
}

Status grow_past_first_segment(TestedState& state) {
  constexpr std::chrono::milliseconds kPreparation{500};
  constexpr std::uint64_t kRecordBytes = 64 * KiB;
  const auto log_bytes = [&](std::uint64_t bytes) -> Status {
    for (std::uint64_t done = 0; done < bytes; done += kRecordBytes) {
      FORELOG_TRY(state.log_bytes(kRecordBytes));
    }
    return {};
  };
  const std::uint64_t segment = Options{}.segment_bytes;
  FORELOG_TRY(log_bytes(segment / 2 + segment / 16));
  std::this_thread::sleep_for(kPreparation);
  return log_bytes(segment / 2);
}

}  // namespace forelog::bench
