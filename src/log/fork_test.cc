// A child of fork() has its parent's log, and none of its threads: calls fail, and nothing hangs.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "log/test_disk.h"

namespace forelog::testing {
namespace {

class ForkTest : public TestDisk {
 protected:
  // What the child returns, or nothing when it hangs.
  template <typename Body>
  static std::optional<int> in_child(Body body) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(10);
      ::_exit(body());
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    if (!WIFEXITED(status)) return std::nullopt;
    return WEXITSTATUS(status);
  }
  static bool refused(const Status& status) { return status.code() == Code::invalid_argument; }
  template <typename T>
  static bool refused(const Result<T>& result) {
    return !result && refused(result.error());
  }
};

TEST_F(ForkTest, AChildIsRefusedWhereverTheParentsThreadsWere) {
  options_.preallocate = true;
  options_.write_behind = std::chrono::milliseconds(1);
  open();
  std::atomic<bool> stop = false;
  std::vector<std::jthread> appenders;
  for (int i = 0; i < 3; ++i) {
    appenders.emplace_back([&] {
      const std::string record(50'000, 'r');
      while (!stop) EXPECT_TRUE(log_->append(record));
    });
  }
  for (int round = 0; round < 20; ++round) {
    const auto left = in_child([&] {
      int answers = 0;
      answers += refused(log_->append("from the child"));
      answers += refused(log_->commit("from the child"));
      answers += refused(log_->wait(Lsn(1)));
      answers += refused(log_->keep_through(Lsn(1)));
      answers += refused(log_->health());
      answers += refused(log_->close());
      log_->notify(Lsn(1), Durability::synced, [&](const Status& s) { answers += refused(s); });
      log_.reset();
      return answers;
    });
    if (left != 7) {
      ADD_FAILURE() << "round " << round << (left ? ": not all was refused" : ": the child hangs");
      break;
    }
  }
  stop = true;
}

}  // namespace
}  // namespace forelog::testing
