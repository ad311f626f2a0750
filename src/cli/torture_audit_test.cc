#include "cli/torture_audit.h"

#include <gtest/gtest.h>

#include <vector>

namespace forelog::cli {
namespace {

class TortureAuditTest : public ::testing::Test {
 protected:
  // The verdict on a log that holds these, where records 1 to `last_due` must be.
  TortureVerdict verdict(const std::vector<std::string>& log, std::uint64_t last_due) {
    TortureAudit audit(input_);
    std::uint64_t lsn = 0;
    for (const std::string& payload : log) audit.see(Lsn(++lsn), payload);
    return audit.finish(1, last_due);
  }
  std::string record(std::uint64_t number) const { return input_.record(number); }

  TortureInput input_{"a test", {"same", "same", "other"}};
};

TEST_F(TortureAuditTest, NumbersMakeEveryRecordDifferent) {
  EXPECT_EQ(record(1), "1\tsame");
  EXPECT_EQ(record(2), "2\tsame");
  EXPECT_EQ(record(6), "6\tother");
  EXPECT_EQ(input_.number_of("6\tother"), 6u);
  EXPECT_FALSE(input_.number_of("6\tsame"));
  EXPECT_FALSE(input_.number_of("0\tother"));
  EXPECT_FALSE(input_.number_of(""));
}

TEST_F(TortureAuditTest, AcceptsALogAsItWasSent) {
  const TortureVerdict good = verdict({record(1), record(2), record(3)}, 2);
  EXPECT_TRUE(good.good());
  EXPECT_EQ(good.recovered, 3u);
  EXPECT_TRUE(verdict({}, 0).good());
}

TEST_F(TortureAuditTest, SeesALostEnd) {
  const TortureVerdict bad = verdict({record(1)}, 3);
  EXPECT_EQ(bad.lost, 2u);
  EXPECT_FALSE(bad.good());
}

TEST_F(TortureAuditTest, SeesALostRecordInTheMiddle) {
  const TortureVerdict bad = verdict({record(1), record(3), record(4)}, 4);
  EXPECT_EQ(bad.lost, 1u);
  EXPECT_EQ(bad.out_of_order, 2u);
}

TEST_F(TortureAuditTest, SeesAChangedRecord) {
  const TortureVerdict bad = verdict({record(1), "2\tsamf", record(3)}, 3);
  EXPECT_EQ(bad.changed, 1u);
  EXPECT_EQ(bad.lost, 0u);
  EXPECT_FALSE(bad.good());
}

TEST_F(TortureAuditTest, SeesADoubledRecord) {
  const TortureVerdict bad = verdict({record(1), record(2), record(3), record(2)}, 3);
  EXPECT_EQ(bad.doubled, 1u);
  EXPECT_EQ(bad.lost, 0u);
}

TEST_F(TortureAuditTest, SeesTwoThatChangedPlaces) {
  const TortureVerdict bad = verdict({record(1), record(3), record(2)}, 3);
  EXPECT_EQ(bad.out_of_order, 2u);
  EXPECT_EQ(bad.lost, 0u);
}

}  // namespace
}  // namespace forelog::cli
