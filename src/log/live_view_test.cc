// LiveView: whether anyone follows, by which the writer chooses how to write.
#include "log/live_view.h"

#include <gtest/gtest.h>

#include "log/recover.h"
#include "log/test_disk.h"

namespace forelog::log {
namespace {

class LiveViewTest : public testing::TestDisk {
 protected:
  LiveViewTest() {
    recovered_ = *recover(disk_, testing::kLogDir, options_);
    view_ = std::make_shared<LiveView>(*recovered_.dir, *WatermarkFile::open(*recovered_.dir, 0),
                                       recovered_.links, recovered_.active->segment(),
                                       recovered_.active->tail(), recovered_.watermark);
    EXPECT_TRUE(view_->announce_start().ok());
  }

  // A record is synced, as far as the view is told.
  void move() {
    ++lsn_.value;
    view_->set_appended(lsn_);
    view_->set_written(lsn_, 0, false);
    view_->set_synced(lsn_, 0);
  }
  // A look for news, as a tail in another process takes it.
  static void watch(const File& mark) {
    mark.watch(format::kWatermarkSequenceOffset, 0, std::chrono::microseconds(1));
  }

  Recovered recovered_;
  std::shared_ptr<LiveView> view_;
  Lsn lsn_;
};

TEST_F(LiveViewTest, NobodyFollowsALogThatIsOnlyWrittenAndRead) {
  EXPECT_FALSE(view_->followed());
  const Cursor cursor = make_cursor(view_, {}, false);
  const auto mark = *recovered_.dir->open(kWatermarkName, OpenMode::read_only);
  move();
  EXPECT_FALSE(view_->followed());
}

TEST_F(LiveViewTest, ATailOfThisProcessFollowsAsLongAsItLives) {
  std::optional<Cursor> first = make_cursor(view_, {}, true);
  std::optional<Cursor> second = make_cursor(view_, {}, true);
  EXPECT_TRUE(view_->followed());
  Cursor moved = *std::move(first);
  first.reset();
  second.reset();
  EXPECT_TRUE(view_->followed());
  moved = make_cursor(view_, {}, false);
  EXPECT_FALSE(view_->followed());
}

TEST_F(LiveViewTest, WhoeverWatchesTheWatermarkFileFollowsUntilHeClosesIt) {
  auto first = *recovered_.dir->open(kWatermarkName, OpenMode::read_only);
  auto second = *recovered_.dir->open(kWatermarkName, OpenMode::read_only);
  watch(*first);
  watch(*first);
  watch(*second);
  move();
  EXPECT_TRUE(view_->followed());
  first.reset();
  move();
  EXPECT_TRUE(view_->followed());
  second.reset();
  move();
  EXPECT_FALSE(view_->followed());
}

}  // namespace
}  // namespace forelog::log
