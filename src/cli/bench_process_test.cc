#include "cli/bench_process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

namespace forelog::bench {
namespace {

using Path = std::filesystem::path;

class BenchProcess : public testing::Test {
 protected:
  static Measurement some() {
    Measurement measurement;
    measurement.records = 7;
    measurement.seconds = 0.5;
    measurement.cpu_seconds = 0.25;
    measurement.context_switches = 11;
    measurement.others_share = 0.125;
    measurement.payload_bytes = 1000;
    measurement.device_bytes = 3000;
    measurement.memory_peak_bytes = 4096;
    for (std::uint64_t i = 1; i <= 1000; ++i) measurement.latencies.record(i * 1000);
    return measurement;
  }
  // A contestant that does `work` at each measurement, and then tells of some().
  static ContestantProcess::Open doing(const std::function<Status()>& work) {
    return [work](const Path&) -> Result<Session> {
      return Session([work](const RoundLimits&) -> Result<Measurement> {
        if (Status status = work(); !status.ok()) return status;
        return some();
      });
    };
  }
  Result<ContestantProcess> start(const ContestantProcess::Open& open) {
    return ContestantProcess::start(open, home_.path() / "contestant");
  }
  static bool has_children() { return ::waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD; }

  TemporaryDirectory home_ = TemporaryDirectory::make(std::filesystem::current_path()).value();
};

TEST_F(BenchProcess, WhatIsMeasuredInItComesBack) {
  auto process = start(doing([] { return Status(); }));
  ASSERT_TRUE(process.has_value()) << process.error().message();
  for (int round = 0; round < 3; ++round) {
    const auto measured = process->measure({});
    ASSERT_TRUE(measured.has_value()) << measured.error().message();
    EXPECT_EQ(measured->records, 7u);
    EXPECT_EQ(measured->cpu_seconds, 0.25);
    EXPECT_EQ(measured->context_switches, 11u);
    EXPECT_EQ(measured->latencies.at(0.5), some().latencies.at(0.5));
    EXPECT_EQ(measured->latency()->max_us, 1000);
  }
}

TEST_F(BenchProcess, LimitsReachIt) {
  const RoundLimits wanted{.warm_up = std::chrono::milliseconds(3),
                           .measured = std::chrono::seconds(5),
                           .payload_bytes_max = UINT64_MAX};
  auto process = start([=](const Path&) -> Result<Session> {
    return Session([=](const RoundLimits& limits) -> Result<Measurement> {
      if (limits.warm_up == wanted.warm_up && limits.measured == wanted.measured &&
          limits.payload_bytes_max == wanted.payload_bytes_max) {
        return some();
      }
      return Status(Code::invalid_argument, "other limits");
    });
  });
  ASSERT_TRUE(process.has_value());
  EXPECT_TRUE(process->measure(wanted).has_value());
}

TEST_F(BenchProcess, ItIsAnotherProcessAndItsMemoryItsOwn) {
  std::string mine(std::size_t{32} << 20, 'm');
  auto process = start(doing([parent = ::getpid()] {
    std::string its(std::size_t{16} << 20, 'i');
    return ::getpid() != parent && its.back() == 'i' ? Status() : Status(Code::io_error, "no copy");
  }));
  ASSERT_TRUE(process.has_value());
  const auto measured = process->measure({});
  ASSERT_TRUE(measured.has_value()) << measured.error().message();
  EXPECT_GE(measured->memory_peak_bytes, std::uint64_t{12} << 20);
  EXPECT_EQ(mine.back(), 'm');
}

TEST_F(BenchProcess, ErrorsKeepTheirCodeAndTheirMessage) {
  const auto refused = start([](const Path&) -> Result<Session> {
    return Status(Code::unsupported, "no such thing here");
  });
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::unsupported);
  EXPECT_EQ(refused.error().message(), "no such thing here");

  auto fails = start(doing([] { return Status(Code::no_space, "full"); }));
  ASSERT_TRUE(fails.has_value());
  const auto measured = fails->measure({});
  ASSERT_FALSE(measured.has_value());
  EXPECT_EQ(measured.error().code(), Code::no_space);
  EXPECT_EQ(measured.error().message(), "full");
}

TEST_F(BenchProcess, AnExceptionIsAnError) {
  const auto process = start(
      [](const Path&) -> Result<Session> { throw std::runtime_error("thrown by a contestant"); });
  ASSERT_FALSE(process.has_value());
  EXPECT_EQ(process.error().message(), "thrown by a contestant");
}

TEST_F(BenchProcess, AProcessThatDiesIsAnError) {
  auto process = start(doing([]() -> Status {
    ::kill(::getpid(), SIGKILL);
    return {};
  }));
  ASSERT_TRUE(process.has_value());
  const auto measured = process->measure({});
  ASSERT_FALSE(measured.has_value());
  EXPECT_EQ(measured.error().message(), "the contestant's process died of signal 9");
  EXPECT_FALSE(process->measure({}).has_value());
}

TEST_F(BenchProcess, NoneIsLeft) {
  {
    auto first = start(doing([] { return Status(); }));
    auto second = start(doing([] { return Status(); }));
    ASSERT_TRUE(first.has_value() && second.has_value());
    EXPECT_TRUE(has_children());
  }
  EXPECT_FALSE(has_children());
}

TEST_F(BenchProcess, WhatItStartedEndsWithIt) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  {
    auto process = start([&](const Path&) -> Result<Session> {
      if (::fork() == 0) {
        for (;;) ::pause();
      }
      return Session();
    });
    ASSERT_TRUE(process.has_value());
  }
  ::close(ends[1]);
  char byte = 0;
  EXPECT_EQ(::read(ends[0], &byte, 1), 0) << "the last copy of the pipe is closed";
  ::close(ends[0]);
}

// In a process of its own, because an interrupt is for ever.
TEST_F(BenchProcess, AnInterruptEndsAMeasurementAndItsProcess) {
  const auto interrupted_while_measuring = [&] {
    const InterruptGuard guard;
    int code = 1;
    {
      auto process = start([](const Path&) -> Result<Session> {
        return Session([](const RoundLimits& limits) {
          ::kill(::getppid(), SIGTERM);
          return measure({}, limits, [](unsigned) { return Status(); });
        });
      });
      if (process) {
        const auto measured = process->measure({.measured = std::chrono::hours(1)});
        if (!measured && measured.error().code() == Code::cancelled) code = 0;
      }
    }
    ::_exit(has_children() ? 2 : code);
  };
  EXPECT_EXIT(interrupted_while_measuring(), testing::ExitedWithCode(0), "");
}

TEST_F(BenchProcess, WorkIsDoneElsewhere) {
  const Path made = home_.path() / "made";
  EXPECT_TRUE(run_in_process(
                  [&] {
                    std::filesystem::create_directory(made);
                    return Status();
                  },
                  home_.path())
                  .ok());
  EXPECT_TRUE(std::filesystem::exists(made));
  const Status failed = run_in_process([] { return Status(Code::no_space, "full"); }, home_.path());
  EXPECT_EQ(failed.code(), Code::no_space);
  EXPECT_FALSE(has_children());
}

TEST(BenchMeasurement, CrossesTheSocketWhole) {
  Measurement here;
  here.records = 1;
  here.latencies.record(5);
  const auto there = decoded(encoded(here));
  ASSERT_TRUE(there.has_value());
  EXPECT_EQ(there->device_bytes, std::nullopt);
  EXPECT_EQ(there->device_bytes_per_payload_byte(), std::nullopt);
  EXPECT_EQ(there->latencies.count(), 1u);
  EXPECT_FALSE(decoded(nlohmann::json::object()).has_value());
  EXPECT_FALSE(Measurement().latency().has_value());
}

TEST(BenchMeasurement, SlicesAddUp) {
  Measurement sum;
  for (const double seconds : {1.0, 3.0}) {
    Measurement slice;
    slice.records = 10;
    slice.seconds = seconds;
    slice.context_switches = 5;
    slice.others_share = seconds / 4;
    slice.payload_bytes = 100;
    slice.device_bytes = 150;
    slice.memory_peak_bytes = 7;
    sum.add(slice);
  }
  EXPECT_EQ(sum.records, 20u);
  EXPECT_EQ(sum.rate(), 5);
  EXPECT_EQ(sum.context_switches_per_record(), 0.5);
  EXPECT_EQ(sum.others_share, (0.25 * 1 + 0.75 * 3) / 4);
  EXPECT_EQ(sum.device_bytes_per_payload_byte(), 1.5);
  EXPECT_EQ(sum.memory_peak_bytes, 7u);
}

}  // namespace
}  // namespace forelog::bench
