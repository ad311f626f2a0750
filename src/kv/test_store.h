// The vocabulary of tests of Kv: a store on a disk in memory that can lose power and whose calls can
// be made to fail.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "forelog/fault_file_system.h"
#include "forelog/kv.h"
#include "forelog/memory_file_system.h"
#include "kv/test_state.h"

namespace forelog::kv::testing {

// What a scan gives; the one in the other direction is compared with it.
inline Seen all_of(const KvView& view, const KvRange& range = {}) {
  std::vector<std::pair<std::string, std::string>> forward, backward;
  for (const KvOrder order : {KvOrder::ascending, KvOrder::descending}) {
    auto cursor = view.scan(range, order);
    EXPECT_TRUE(cursor);
    auto& into = order == KvOrder::ascending ? forward : backward;
    for (auto entry = cursor->next(); entry && *entry; entry = cursor->next()) {
      into.emplace_back((*entry)->key.text(), (*entry)->value.text());
    }
  }
  std::reverse(backward.begin(), backward.end());
  EXPECT_EQ(forward, backward);
  return {forward.begin(), forward.end()};
}

class StoreDriver {
 public:
  StoreDriver() {
    options.durable.log.file_system = &calls;
    options.durable.log.segment_bytes = 64 * KiB;
    options.durable.log.record_bytes_max = 1 * MiB;
    options.durable.checkpoints.automatic = false;
    options.value_bytes_max = 64 * KiB;
    disk.set_now(clock);
  }
  ~StoreDriver() { store.reset(); }

  void open() {
    auto opened = Kv::open(kDir, options);
    ASSERT_TRUE(opened) << opened.error().message();
    store.emplace(*std::move(opened));
  }
  void kill() {
    disk.kill_process();
    store.reset();
  }
  void kill_and_open() {
    kill();
    open();
  }

  Lsn put(std::string_view key, std::string_view value) {
    const auto lsn = store->put(key, value);
    EXPECT_TRUE(lsn) << lsn.error().message();
    return lsn ? *lsn : Lsn();
  }
  std::optional<std::string> get(std::string_view key) {
    auto value = store->get(key);
    EXPECT_TRUE(value) << value.error().message();
    if (!value || !*value) return std::nullopt;
    return (*value)->value;
  }
  KvView view() {
    auto made = store->view();
    EXPECT_TRUE(made);
    return *made;
  }
  Seen all() { return all_of(view()); }
  KvStats stats() {
    auto stats = store->stats();
    EXPECT_TRUE(stats) << stats.error().message();
    return *stats;
  }
  void pass(std::chrono::nanoseconds time) {
    clock += time;
    disk.set_now(clock);
  }

  static constexpr const char* kDir = "/store";
  Timestamp clock = at_second(1'000'000);
  MemoryFileSystem disk;
  FaultFileSystem calls{disk};
  KvOptions options;
  std::optional<Kv> store;
};

}  // namespace forelog::kv::testing
