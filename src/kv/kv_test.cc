#include "forelog/kv.h"

#include <chrono>
#include <thread>

#include "kv/test_store.h"

namespace forelog::kv {
namespace {

using namespace forelog::kv::testing;
using namespace std::chrono_literals;

class KvTest : public ::testing::Test, protected StoreDriver {};

TEST_F(KvTest, WhatIsPutIsSeenAndSurvives) {
  open();
  const Lsn version = put("a", "1");
  put("b", "2");
  ASSERT_TRUE(store->erase("b"));
  kill_and_open();
  EXPECT_EQ(all(), (Seen{{"a", "1"}}));
  const auto value = store->get("a");
  ASSERT_TRUE(value && *value);
  EXPECT_EQ((*value)->version, version);
  EXPECT_EQ((*value)->expires, std::nullopt);
  EXPECT_EQ(get("b"), std::nullopt);
}

TEST_F(KvTest, ABatchIsSeenAsOneAndIsOneRecord) {
  open();
  KvBatch batch;
  batch.put("a", "1").put("b", "2").erase("c").put("a", "3");
  EXPECT_EQ(batch.size(), 4u);
  const auto outcome = store->write(batch);
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->applied);
  EXPECT_EQ(outcome->lsn, Lsn(1));
  EXPECT_EQ(all(), (Seen{{"a", "3"}, {"b", "2"}}));
  batch.clear();
  EXPECT_TRUE(batch.empty());
  EXPECT_TRUE(store->write(batch)) << "an empty batch is legal";
}

TEST_F(KvTest, CompareAndSetTellsWhatItFound) {
  open();
  const auto made = store->compare_and_set("a", Lsn(), "1");
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->applied);
  const auto again = store->compare_and_set("a", Lsn(), "2");
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->applied);
  EXPECT_EQ(again->found, made->lsn);
  EXPECT_EQ(get("a"), "1");
  const auto changed = store->compare_and_set("a", made->lsn, "2");
  ASSERT_TRUE(changed);
  EXPECT_TRUE(changed->applied);
  const auto stale = store->compare_and_erase("a", made->lsn);
  ASSERT_TRUE(stale);
  EXPECT_FALSE(stale->applied);
  kill_and_open();
  EXPECT_EQ(get("a"), "2");
  ASSERT_TRUE(store->compare_and_erase("a", changed->lsn)->applied);
  EXPECT_EQ(get("a"), std::nullopt);
}

TEST_F(KvTest, ABatchNamesTheRequirementThatWasNotMet) {
  open();
  const Lsn a = put("a", "1");
  KvBatch batch;
  batch.put("c", "1").require("b", Lsn()).require("a", Lsn(99)).require("c", Lsn());
  const auto outcome = store->write(batch);
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(outcome->applied);
  EXPECT_EQ(outcome->unmet, 1u);
  EXPECT_EQ(outcome->found, a);
  EXPECT_EQ(all(), (Seen{{"a", "1"}}));
}

TEST_F(KvTest, AViewStandsStillAndMayOutliveTheStore) {
  open();
  put("a", "1");
  put("b", "1");
  const KvView before = view();
  put("a", "2");
  ASSERT_TRUE(store->erase("b"));
  EXPECT_EQ(all_of(before), (Seen{{"a", "1"}, {"b", "1"}}));
  EXPECT_EQ(before.lsn(), Lsn(2));
  EXPECT_EQ((*before.get("a"))->value, "1");
  EXPECT_EQ(stats().versions_kept, 2u);
  EXPECT_EQ(stats().views, 1u);
  EXPECT_EQ(stats().oldest_view, Lsn(2));
  ASSERT_TRUE(store->close().ok());
  EXPECT_EQ(get("a"), "2") << "closed, and still in memory";
  store.reset();
  EXPECT_EQ(all_of(before), (Seen{{"a", "1"}, {"b", "1"}}));
}

TEST_F(KvTest, ScansTakeRangesAndPrefixesInBothDirections) {
  open();
  for (const char* key : {"a", "ab", "abc", "ac", "b", "\xff", "\xff\xff", "\xff\xff\x01"}) {
    put(key, key);
  }
  const auto keys = [&](const KvRange& range) {
    std::vector<std::string> found;
    for (const auto& [key, value] : all_of(view(), range)) found.push_back(key);
    return found;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(keys({.from = "ab", .to = "b"}), (Names{"ab", "abc", "ac"}));
  EXPECT_EQ(keys({.from = "ac"}), (Names{"ac", "b", "\xff", "\xff\xff", "\xff\xff\x01"}));
  EXPECT_EQ(keys({.to = "ab"}), (Names{"a"}));
  EXPECT_EQ(keys(KvRange::prefix("ab")), (Names{"ab", "abc"}));
  EXPECT_EQ(keys(KvRange::prefix("\xff\xff")), (Names{"\xff\xff", "\xff\xff\x01"}));
  EXPECT_EQ(keys(KvRange::prefix("")).size(), 8u);
  EXPECT_TRUE(keys(KvRange::prefix("abcd")).empty());
  EXPECT_TRUE(keys({.from = "b", .to = "a"}).empty());
}

TEST_F(KvTest, WhatExpiresIsGoneThenAndIsRemovedThoughNobodyWrites) {
  open();
  ASSERT_TRUE(store->put("a", "1", 10s));
  put("b", "1");
  const auto value = store->get("a");
  ASSERT_TRUE(value && *value && (*value)->expires);
  EXPECT_GE(*(*value)->expires, clock + 10s);
  pass(11s);
  EXPECT_EQ(get("a"), std::nullopt);
  EXPECT_EQ(all(), (Seen{{"b", "1"}}));
  // Something that expires sooner than what it sleeps for wakes the housekeeper: it finds both.
  ASSERT_TRUE(store->put("c", "1", 1ns));
  while (stats().expiring > 0) std::this_thread::yield();
  EXPECT_EQ(stats().keys, 1u);
  EXPECT_EQ(get("b"), "1");
}

TEST_F(KvTest, WhatExpiredWhileTheStoreWasClosedIsRemovedWhenItIsOpened) {
  open();
  KvBatch batch;
  for (int i = 0; i < 3000; ++i) batch.put("key" + std::to_string(i), "v", 10s);
  ASSERT_TRUE(store->write(batch));
  kill();
  pass(1h);
  open();
  EXPECT_TRUE(all().empty());
  while (stats().keys > 0) std::this_thread::yield();
}

TEST_F(KvTest, AClockThatIsSetBackBringsNothingBackThatAnAcknowledgedWriteSawGone) {
  open();
  ASSERT_TRUE(store->put("a", "1", 10s));
  pass(1h);
  EXPECT_EQ(get("a"), std::nullopt);
  pass(-2h);
  EXPECT_EQ(get("a"), std::nullopt);
  ASSERT_TRUE(store->compare_and_set("a", Lsn(), "2")->applied);
  put("b", "1");
  kill_and_open();
  EXPECT_EQ(get("a"), "2");
}

TEST_F(KvTest, ATimeToLiveIsMoreThanNothingAndMayBeAsLongAsTimeItself) {
  open();
  EXPECT_EQ(store->put("a", "1", 0ns).error().code(), Code::invalid_argument);
  EXPECT_EQ(store->put("a", "1", -1s).error().code(), Code::invalid_argument);
  ASSERT_TRUE(store->put("a", "1", std::chrono::nanoseconds::max()));
  EXPECT_EQ((*store->get("a"))->expires, std::nullopt);
}

TEST_F(KvTest, AKeyMayBeGivenTheTimeAtWhichItExpires) {
  open();
  KvBatch batch;
  batch.put_until("a", "1", clock + 10s).put_until("b", "1", clock - 10s);
  ASSERT_TRUE(store->write(batch));
  EXPECT_EQ(*(*store->get("a"))->expires, clock + 10s);
  EXPECT_EQ(get("b"), std::nullopt);
  pass(10s);
  EXPECT_EQ(get("a"), std::nullopt);
  while (stats().keys > 0) std::this_thread::yield();
}

TEST_F(KvTest, AClockThatIsSetBackBeforeItIsOpenedLetsNothingExpireTooSoon) {
  open();
  put("a", "1");
  kill();
  pass(-1h);
  open();
  ASSERT_TRUE(store->put("b", "1", 1s));
  EXPECT_EQ(get("b"), "1");
}

TEST_F(KvTest, LimitsAreCheckedWhenItIsWritten) {
  options.key_bytes_max = 10;
  options.value_bytes_max = 100;
  open();
  EXPECT_EQ(store->put(std::string(11, 'k'), "").error().code(), Code::invalid_argument);
  EXPECT_EQ(store->put("", std::string(101, 'v')).error().code(), Code::invalid_argument);
  put(std::string(10, 'k'), std::string(100, 'v'));
  KvBatch batch;
  batch.put(std::string(70'000, 'k'), "v");
  EXPECT_EQ(store->write(batch).error().code(), Code::invalid_argument);
  batch.clear();
  for (int i = 0; i < 20'000; ++i) batch.put("k", std::string(100, 'v'));
  EXPECT_EQ(store->write(batch).error().code(), Code::invalid_argument);
  EXPECT_EQ(all().size(), 1u);
  kill();
  options.key_bytes_max = 5;
  open();
  EXPECT_EQ(all().size(), 1u) << "what was written under other limits is read";
}

TEST_F(KvTest, OptionsThatDoNotFitTogetherAreRefused) {
  options.key_bytes_max = 65536;
  EXPECT_EQ(Kv::open(kDir, options).error().code(), Code::invalid_argument);
  options.key_bytes_max = 100;
  options.value_bytes_max = 1 * MiB;
  EXPECT_EQ(Kv::open(kDir, options).error().code(), Code::invalid_argument);
}

TEST_F(KvTest, ReopensFromACheckpoint) {
  open();
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(store->put("key" + std::to_string(i), "v", {.level = Durability::buffered}));
  }
  const Seen expected = all();
  const auto made = store->checkpoint();
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(*made, Lsn(1000));
  put("more", "v");
  kill_and_open();
  EXPECT_EQ(store->recovered().snapshot, Lsn(1000));
  EXPECT_EQ(store->recovered().records, 1u);
  EXPECT_EQ(all().size(), expected.size() + 1);
  EXPECT_EQ(stats().snapshots, 1u);
  EXPECT_GT(stats().snapshot_bytes, 0u);
  EXPECT_GT(stats().log_bytes, 0u);
}

TEST_F(KvTest, AReadOnlyStoreSeesWhatWasSyncedBesideTheWriterAndChangesNothing) {
  open();
  put("a", "1");
  ASSERT_TRUE(store->checkpoint());
  put("b", "1");
  KvOptions reading = options;
  reading.read_only = true;
  auto reader = Kv::open(kDir, reading);
  ASSERT_TRUE(reader) << reader.error().message();
  put("c", "1");
  EXPECT_EQ(all_of(*reader->view()), (Seen{{"a", "1"}, {"b", "1"}}));
  EXPECT_EQ(reader->put("d", "1").error().code(), Code::invalid_argument);
  EXPECT_EQ(reader->erase("d").error().code(), Code::invalid_argument);
  EXPECT_EQ(reader->checkpoint().error().code(), Code::invalid_argument);
  EXPECT_EQ(reader->stats()->keys, 2u);
  EXPECT_TRUE(reader->close().ok());
}

TEST_F(KvTest, AReadOnlyStoreThatIsNotThereIsNotFoundAndNotMade) {
  options.read_only = true;
  EXPECT_EQ(Kv::open(kDir, options).error().code(), Code::not_found);
  EXPECT_TRUE(disk.list_files().empty());
}

TEST_F(KvTest, AfterAFailedSyncWritesFailAndReadsGoOn) {
  open();
  put("a", "1");
  disk.fail_next_sync();
  calls.set_hook([](const FaultFileSystem::Call& call) {
    return call.operation == FileOperation::sync_data || call.operation == FileOperation::write
               ? std::optional<FaultFileSystem::Fault>({Status(Code::io_error, "made to fail"), 0})
               : std::nullopt;
  });
  EXPECT_FALSE(store->put("a", "2"));
  EXPECT_FALSE(store->put("a", "3"));
  EXPECT_FALSE(store->health().ok());
  EXPECT_EQ(get("a"), "1") << "what was not durable is not seen";
  calls.fail_nothing();
  kill_and_open();
  EXPECT_NE(get("a"), "3");
}

TEST_F(KvTest, ASecondWriterIsBusy) {
  open();
  EXPECT_EQ(Kv::open(kDir, options).error().code(), Code::busy);
}

}  // namespace
}  // namespace forelog::kv
