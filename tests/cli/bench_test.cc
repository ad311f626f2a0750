// forelog bench, interrupted: what it made is gone, however often the signal comes at once, and so
// are the processes that it started. They have its standard output, whose end each test waits for.
#include <filesystem>
#include <string>
#include <system_error>
#include <thread>

#include "support/program.h"

namespace forelog::cli_test {
namespace {

class Bench : public ProgramTest {
 protected:
  // A contestant works in a process of its own as soon as its file is there.
  bool has_raw_file() {
    std::error_code error;
    std::filesystem::recursive_directory_iterator entry(dir(), error), end;
    for (; !error && entry != end; entry.increment(error)) {
      if (entry->path().filename() == "raw") return true;
    }
    return false;
  }
  void wait_for_a_contestant() {
    while (!has_raw_file()) std::this_thread::yield();
  }
};

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

TEST_F(Bench, EndsTheProcessesOfItsContestantsWhenItIsInterrupted) {
  Process bench(forelog({"bench", dir() / "made", "--seconds", "3600"}));
  wait_for_a_contestant();
  bench.signal(SIGTERM);
  const Outcome outcome = bench.wait();
  EXPECT_EQ(outcome.code, 1);
  EXPECT_TRUE(mentions(outcome.err, "interrupted")) << outcome.err;
  EXPECT_TRUE(std::filesystem::is_empty(dir()));
}

TEST_F(Bench, TakesTheProcessesOfItsContestantsWithItWhenItIsKilled) {
  Process bench(forelog({"bench", dir() / "made", "--seconds", "3600"}));
  wait_for_a_contestant();
  bench.signal(SIGKILL);
  EXPECT_EQ(bench.wait().code, 128 + SIGKILL);
}

}  // namespace
}  // namespace forelog::cli_test
