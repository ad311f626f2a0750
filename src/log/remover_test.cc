// What recovery found to be of no use goes, at once or in the background, and is never in the way.
#include "log/remover.h"

#include <gtest/gtest.h>

#include "log/test_disk.h"

namespace forelog::log {
namespace {

class ConcurrentRemoverTest : public testing::TestDisk {
 protected:
  ConcurrentRemoverTest() {
    open();
    commit(3);
    end_process();
    damage_.put("spare-1.tmp", std::vector<std::byte>(100));
    damage_.put("old-spare-1.tmp", std::vector<std::byte>(100));
    damage_.put("first-2.tmp", std::vector<std::byte>(100));
  }
  void open_and_fill() {
    open();
    EXPECT_EQ(report_.notes.size(), 3u) << report_.to_string();
    while (damage_.files(".segment").size() < 3) commit(1, 5000);
  }
};

TEST_F(ConcurrentRemoverTest, LeftOversGoInTheBackgroundWhereTheLogHasThreads) {
  options_.preallocate = true;
  open_and_fill();
  close();
  EXPECT_TRUE(damage_.files(".tmp").empty());
  open();
  expect_records(1, expected_.rbegin()->first);
}

TEST_F(ConcurrentRemoverTest, LeftOversGoAtOnceWhereTheLogHasNoThreads) {
  open_and_fill();
  EXPECT_TRUE(damage_.files(".tmp").empty());
}

TEST_F(ConcurrentRemoverTest, LeftOversGoAtOnceWhereTheirSpaceIsNeeded) {
  options_.preallocate = true;
  disk_.set_capacity(200 * KiB);
  open();
  EXPECT_TRUE(damage_.files("old-").empty());
}

TEST_F(ConcurrentRemoverTest, CloseTellsOfALeftOverThatStays) {
  options_.preallocate = true;
  faults_.set_hook([](const FaultFileSystem::Call& call) -> std::optional<FaultFileSystem::Fault> {
    if (call.operation != FileOperation::remove || !call.name.starts_with("old-")) return {};
    return FaultFileSystem::Fault{Status(Code::io_error, "no such luck"), 0};
  });
  open();
  commit(3);
  EXPECT_EQ(log_->close().code(), Code::io_error);
  faults_.fail_nothing();
  open();
  EXPECT_TRUE(report_.closed_cleanly);
  expect_records(1, expected_.rbegin()->first);
  close();
  EXPECT_TRUE(damage_.files(".tmp").empty());
}

TEST_F(ConcurrentRemoverTest, ANameThatCannotBecomeLongerIsRemovedAtOnce) {
  options_.preallocate = true;
  const std::string name = "spare-" + std::string(240, '1') + ".tmp";
  damage_.put(name, {});
  open();
  EXPECT_FALSE(damage_.has(name));
}

}  // namespace
}  // namespace forelog::log
