// Memory runs out at every allocation in turn, once and from then on, while a key-value store is used:
// nothing aborts, hangs or throws; a write happens whole or not at all; and with memory back everything
// that was acknowledged is there.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include <unistd.h>

#include "forelog/kv.h"
#include "memory/allocations.h"

namespace forelog::testing {
namespace {

using namespace std::chrono_literals;

class KvOutOfMemoryTest : public ::testing::Test {
 protected:
  KvOutOfMemoryTest() {
    std::string made = quick_directory() + "forelog-kv-XXXXXX";
    EXPECT_NE(::mkdtemp(made.data()), nullptr);
    dir_ = made;
    options_.durable.log.segment_bytes = 64 * KiB;
    options_.durable.checkpoints.automatic = false;
    batch_.put("x", "1").put("y", "1").erase("a").put("soon", "1", 1h);
    large_ = std::string(10'000, 'v');
  }
  ~KvOutOfMemoryTest() override {
    store_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
  }

  // Only calls of the library take memory in here.
  void run() {
    Result<Kv> opened = Kv::open(dir_, options_);
    if (!opened) return;
    store_.emplace(*std::move(opened));
    put_a_ = store_->put("a", "1").has_value();
    const auto view = store_->view();
    put_large_ = store_->put("a", large_).has_value();
    wrote_ = store_->write(batch_).has_value();
    see_all_or_nothing_of_the_batch();
    if (view) look(*view);
    made_ = store_->checkpoint().has_value();
    look_at_late(store_->put("late", "1", {.deadline = Deadline()}));
    swapped_ = false;
    if (const auto outcome = store_->compare_and_set("c", Lsn(), "1")) swapped_ = outcome->applied;
    health_ = store_->health();
    (void)store_->stats();
    closed_ = store_->close().ok();
    store_.reset();
  }

  void see_all_or_nothing_of_the_batch() {
    const auto x = store_->get("x");
    const auto y = store_->get("y");
    if (x && y) {
      EXPECT_EQ(x->has_value(), y->has_value());
      EXPECT_TRUE(!wrote_ || x->has_value());
    }
  }
  // Its caller waits no longer, or waits on for want of memory: that closes the store to nobody.
  void see_that_it_closed_nothing() const {
    const auto is = [&](std::string_view part) {
      return health_.message().find(part) != std::string_view::npos;
    };
    EXPECT_TRUE(health_.ok() || is("the log is closed") || is("apply the command"))
        << health_.message();
  }
  void look_at_late(const Result<Lsn>& lsn) {
    late_ = lsn || lsn.error().code() == Code::timed_out;
  }
  static void look(const KvView& view) {
    auto cursor = view.scan();
    if (!cursor) return;
    int entries = 0;
    for (auto entry = cursor->next(); entry && *entry; entry = cursor->next()) ++entries;
    EXPECT_LE(entries, 1) << "the view was made before the batch";
  }

  void check() {
    store_.reset();
    Result<Kv> opened = Kv::open(dir_, options_);
    ASSERT_TRUE(opened) << opened.error().message();
    const auto there = [&](const char* key) { return (*opened->get(key)).has_value(); };
    EXPECT_EQ(there("x"), there("y"));
    EXPECT_TRUE(!wrote_ || (there("x") && !there("a")));
    EXPECT_TRUE(!put_a_ || there("a") || there("x"));
    EXPECT_TRUE(!swapped_ || there("c"));
    EXPECT_TRUE(!late_ || !closed_ || there("late"));
    EXPECT_TRUE(opened->put("z", "1"));
  }

  // False: nothing was refused any more.
  bool once(std::uint64_t nth, bool and_later) {
    std::filesystem::remove_all(dir_);
    put_a_ = put_large_ = wrote_ = made_ = swapped_ = closed_ = late_ = false;
    health_ = {};
    refuse_allocation(nth, and_later);
    run();
    const std::uint64_t refused = allocations_refused();
    if (!and_later && late_) see_that_it_closed_nothing();
    refuse_allocation(0, false);
    store_.reset();
    SCOPED_TRACE(nth);
    check();
    return refused > 0;
  }

  std::filesystem::path dir_;
  KvOptions options_;
  KvBatch batch_;
  std::string large_;
  std::optional<Kv> store_;
  bool put_a_ = false, put_large_ = false, wrote_ = false, made_ = false, swapped_ = false,
       closed_ = false, late_ = false;
  Status health_;
};

TEST_F(KvOutOfMemoryTest, AtEachAllocationOnce) {
  std::uint64_t nth = 1;
  while (once(nth, false) && !HasFailure()) ++nth;
  EXPECT_TRUE(put_large_ && wrote_ && made_ && late_ && swapped_ && closed_);
  EXPECT_GT(nth, 100u) << "the store does take memory";
}

TEST_F(KvOutOfMemoryTest, FromEachAllocationOn) {
  for (std::uint64_t nth = 1; once(nth, true) && !HasFailure(); ++nth) {
  }
}

}  // namespace
}  // namespace forelog::testing
