// forelog bench, interrupted: what it made is gone, however often the signal comes at once.
#include <filesystem>
#include <string>
#include <thread>

#include "support/program.h"

namespace forelog::cli_test {
namespace {

class Bench : public ProgramTest {};

TEST_F(Bench, RemovesItsDirectoryWhenItIsInterrupted) {
  Process bench(forelog({"bench", dir() / "made", "--seconds", "3600"}));
  while (!std::filesystem::exists(dir() / "made")) std::this_thread::yield();
  // As timeout(1) does: one for the process, and one for its group.
  for (int signals = 0; signals < 100; ++signals) {
    bench.signal(SIGINT);
    std::this_thread::yield();
  }
  const Outcome outcome = bench.wait();
  EXPECT_EQ(outcome.code, 1);
  EXPECT_TRUE(mentions(outcome.err, "interrupted")) << outcome.err;
  EXPECT_TRUE(std::filesystem::is_empty(dir()));
}

}  // namespace
}  // namespace forelog::cli_test
