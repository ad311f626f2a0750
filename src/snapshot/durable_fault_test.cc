// A Durable whose every call that touches the disk fails in turn, once and from then on; and one that the
// power is cut from behind every call. Nothing acknowledged is lost, nothing hangs, and no honest failure
// leaves a damaged snapshot.
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <random>

#include "forelog/fault_file_system.h"
#include "forelog/memory_file_system.h"
#include "snapshot/test_diary.h"

namespace forelog::testing {
namespace {

using Hook = std::function<std::optional<FaultFileSystem::Fault>(const FaultFileSystem::Call&)>;

template <typename Freezes>
class DurableFaultTest : public ::testing::Test {
 protected:
  // How many calls of each kind there were.
  static std::uint64_t run(const Hook& hook, FileOperation operation,
                           const std::function<void(MemoryFileSystem&)>& end) {
    MemoryFileSystem disk;
    FaultFileSystem calls(disk);
    DiaryCourse<Freezes::value> course(calls);
    calls.set_hook(hook);
    course.run();
    const std::uint64_t count = calls.count(operation);
    calls.fail_nothing();
    end(disk);
    course.check(disk);
    return count;
  }
};
using Kinds = ::testing::Types<std::true_type, std::false_type>;
TYPED_TEST_SUITE(DurableFaultTest, Kinds);

TYPED_TEST(DurableFaultTest, EveryCallFails) {
  const auto kill = [](MemoryFileSystem& disk) { disk.kill_process(); };
  const auto cut = [](MemoryFileSystem& disk) { disk.power_cut(); };
  for (std::size_t kind = 0; kind < kFileOperations; ++kind) {
    const auto operation = static_cast<FileOperation>(kind);
    const std::uint64_t count = this->run([](const auto&) { return std::nullopt; }, operation, cut);
    ASSERT_FALSE(this->HasFailure()) << "without any fault";
    for (std::uint64_t n = 1; n <= count; ++n) {
      for (const bool once : {true, false}) {
        for (const Code code : {Code::io_error, Code::no_space}) {
          const auto hook =
              [&](const FaultFileSystem::Call& call) -> std::optional<FaultFileSystem::Fault> {
            if (call.operation != operation) return std::nullopt;
            if (once ? call.index != n : call.index < n) return std::nullopt;
            return FaultFileSystem::Fault{Status(code, "injected"), call.bytes / 2};
          };
          this->run(hook, operation, n % 2 == 0 ? std::function(kill) : std::function(cut));
          ASSERT_FALSE(this->HasFailure())
              << to_string(operation) << " " << n << " of " << count
              << (once ? ", once, " : " and later, ") << to_string(code);
        }
      }
    }
  }
}

// From some call on nothing reaches the disk any more, and what of the unsynced did is up to dice.
TYPED_TEST(DurableFaultTest, ThePowerIsCutAtEveryCall) {
  bool cut = true;
  for (std::uint64_t n = 1; cut; ++n) {
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      cut = false;
      std::uint64_t calls = 0;
      const auto hook =
          [&](const FaultFileSystem::Call& call) -> std::optional<FaultFileSystem::Fault> {
        if (++calls < n) return std::nullopt;
        cut = true;
        return FaultFileSystem::Fault{Status(Code::io_error, "the power went"),
                                      calls == n ? call.bytes / 2 : 0};
      };
      this->run(hook, FileOperation::write, [&](MemoryFileSystem& disk) {
        std::mt19937_64 dice(n * 3 + seed);
        disk.power_cut([&](std::uint64_t choices) { return seed == 0 ? 0 : dice() % choices; });
      });
      ASSERT_FALSE(this->HasFailure()) << "call " << n << ", seed " << seed;
    }
  }
}

}  // namespace
}  // namespace forelog::testing
