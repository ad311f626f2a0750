// Intents of format version 1, made once (make_golden_intents.cc) and frozen: they must stay readable
// for ever. If this test fails, the code is wrong, never the files.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "forelog/intents.h"
#include "forelog/memory_file_system.h"

namespace forelog {
namespace {

TEST(IntentsGoldenTest, AllOfThemAreRead) {
  const std::filesystem::path from =
      std::filesystem::path(FORELOG_SOURCE_DIR) / "tests" / "golden" / "v1-intents";
  MemoryFileSystem disk;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(from)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    const auto to = "/intents" / entry.path().lexically_relative(from);
    ASSERT_TRUE(disk.write_file(to, bytes).ok());
  }
  IntentsOptions options;
  options.durable.log.file_system = &disk;
  auto intents = Intents::open("/intents", options);
  ASSERT_TRUE(intents) << intents.error().message();
  EXPECT_NE(intents->recovered().snapshot, Lsn());
  const auto unfinished = intents->unfinished();
  ASSERT_EQ(unfinished.size(), 2u);

  const Intent& parked = *unfinished[0];
  EXPECT_EQ(parked.id, IntentId(1));
  EXPECT_TRUE(parked.parked);
  EXPECT_EQ(parked.plan->kind, "order");
  EXPECT_EQ(parked.plan->payload, "soup");
  EXPECT_EQ(parked.plan->pivot, 1u);
  EXPECT_EQ(parked.plan->timeout, std::chrono::hours(1));
  EXPECT_EQ(parked.steps[0].result, "receipt 17");
  EXPECT_EQ(parked.last_error, "step 1 (cook) failed 10 times: the kitchen is closed");
  EXPECT_EQ(*intents->begin({.kind = "order", .steps = {"x"}, .key = "order 1"}), IntentId(1));

  const Intent& undone = *unfinished[1];
  EXPECT_EQ(undone.phase, IntentPhase::aborting);
  EXPECT_EQ(undone.reason, "no soup");
  EXPECT_EQ(undone.steps[0].state, StepState::done);
  EXPECT_EQ(undone.steps[1].state, StepState::in_doubt);

  EXPECT_EQ(intents->find_finished(IntentId(2))->phase, IntentPhase::completed);
  EXPECT_EQ(intents->find_finished(IntentId(3))->phase, IntentPhase::aborted);
  EXPECT_EQ(intents->find_finished(IntentId(4))->phase, IntentPhase::dropped);
  EXPECT_EQ(intents->find_finished(IntentId(4))->reason, "enough");
}

}  // namespace
}  // namespace forelog
