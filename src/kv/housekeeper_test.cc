#include "kv/housekeeper.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <set>
#include <thread>

#include "kv/test_store.h"

namespace forelog::kv {
namespace {

using namespace forelog::kv::testing;
using namespace std::chrono_literals;

constexpr Timestamp kNow(1000s);

template <typename Condition>
void wait_for(Condition condition) {
  const auto give_up = std::chrono::steady_clock::now() + 20s;
  while (!condition() && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
}

TEST(HousekeeperTest, FindsWhatIsInTheStoreOnlyBehindTheLook) {
  std::atomic<int> looks = 0;
  std::atomic<bool> removed = false;
  Housekeeper housekeeper({.next_expiry = [&]() -> std::optional<Timestamp> {
                             if (++looks == 1 || removed)
                               return std::nullopt;  // It was told of, and is not there yet.
                             return kNow - 1s;
                           },
                           .now = [] { return kNow; },
                           .tick =
                               [&] {
                                 removed = true;
                                 return Status();
                               }},
                          1ms);
  housekeeper.expect(kNow - 1s);
  wait_for([&] { return removed.load(); });
  EXPECT_TRUE(removed);
}

// Where threads wait from shut() to open().
class Gate {
 public:
  void shut() { shut_ = true; }
  void open() {
    if (shut_.exchange(false)) promise_.set_value();
  }
  void pass() {
    if (shut_) opened_.wait();
  }

 private:
  std::atomic<bool> shut_ = false;
  std::promise<void> promise_;
  const std::shared_future<void> opened_ = promise_.get_future().share();
};

// A clock with a gate for threads that were started behind shut().
class GatedClock final : public FileSystem {
 public:
  explicit GatedClock(FileSystem& base) : base_(base) {}
  Result<std::unique_ptr<Directory>> open_directory(const std::filesystem::path& path,
                                                    bool create) override {
    return base_.open_directory(path, create);
  }
  Timestamp now() override {
    if (!older_.contains(std::to_string(::gettid()))) gate_.pass();
    return base_.now();
  }
  std::uint64_t random() override { return base_.random(); }

  // Before any other thread than ours asks for the time.
  void know_threads() {
    for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
      older_.insert(thread.path().filename());
    }
  }
  void shut() { gate_.shut(); }
  void open() { gate_.open(); }

 private:
  FileSystem& base_;
  std::set<std::string> older_;
  Gate gate_;
};

class KvHousekeeperTest : public ::testing::Test, protected StoreDriver {
 protected:
  KvHousekeeperTest() {
    options.durable.log.file_system = &clocks;
    calls.set_hook([this, ours = std::this_thread::get_id()](const FaultFileSystem::Call&) {
      if (std::this_thread::get_id() != ours) disk_gate.pass();
      return std::optional<FaultFileSystem::Fault>();
    });
  }
  ~KvHousekeeperTest() override {
    disk_gate.open();
    clocks.open();
    store.reset();
  }
  Gate disk_gate;  // For other threads than the test's.
  GatedClock clocks{calls};
};

TEST_F(KvHousekeeperTest, WhatTimedOutAndIsAppliedLaterIsRemovedWhenItExpires) {
  open();
  clocks.know_threads();
  clocks.shut();
  disk_gate.shut();
  const Deadline past = std::chrono::steady_clock::now() - 1h;
  const auto late = store->put("a", "1", 10s, {.deadline = past});
  ASSERT_FALSE(late);
  ASSERT_EQ(late.error().code(), Code::timed_out);
  disk_gate.open();
  put("b", "1");  // Applies both, before the housekeeper has looked.
  ASSERT_EQ(stats().expiring, 1u);
  pass(11s);
  clocks.open();
  wait_for([&] { return stats().keys == 1; });
  EXPECT_EQ(stats().keys, 1u);
}

}  // namespace
}  // namespace forelog::kv
