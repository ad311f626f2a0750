// forelog append, run as a program.
#include <algorithm>
#include <cstdint>
#include <string>
#include <thread>

#include "support/program.h"

namespace forelog::cli_test {
namespace {

using namespace std::string_literals;

class Append : public ProgramTest {};

TEST_F(Append, MakesTheLogAndAcknowledgesEachLine) {
  const Outcome first = run("append", {}, "one\ntwo\n");
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(first.out, "1\n2\n");
  EXPECT_EQ(first.err, "");
  EXPECT_EQ(run("append", {}, "three\n").out, "3\n");
  EXPECT_EQ(raw(), "one\ntwo\nthree\n");
}

TEST_F(Append, TakesALastLineWithoutNewline) {
  EXPECT_EQ(run("append", {}, "one\ntwo").out, "1\n2\n");
  EXPECT_EQ(raw(), "one\ntwo\n");
}

TEST_F(Append, TakesEmptyLines) {
  EXPECT_EQ(run("append", {}, "\n\n").out, "1\n2\n");
  EXPECT_EQ(json_of("info")["records"], 2);
}

TEST_F(Append, MakesAnEmptyLogOfNoInput) {
  const Outcome outcome = run("append");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(json_of("info")["records"], 0);
}

TEST_F(Append, PrintsJsonOrNothing) {
  EXPECT_EQ(run("append", {"--json"}, "one\ntwo\n").out, "{\"lsn\":1}\n{\"lsn\":2}\n");
  EXPECT_EQ(run("append", {"--quiet"}, "three\n").out, "");
  EXPECT_EQ(raw(), "one\ntwo\nthree\n");
}

TEST_F(Append, TakesAnyBytesWithNull) {
  std::string bytes;
  for (int c = 1; c < 256; ++c) bytes += static_cast<char>(c);
  const std::string input = bytes + "\0"s + "\0"s + "with\nnewline\0"s + "last"s;
  EXPECT_EQ(run("append", {"--null"}, input).out, "1\n2\n3\n4\n");
  EXPECT_EQ(run("cat", {"--format", "raw", "--null"}).out, input + "\0"s);
}

TEST_F(Append, CountsOneLineAsOne) {
  const Outcome outcome = run("append", {}, "one\n" + std::string(16 * 1024 * 1024 + 1, 'x'));
  EXPECT_EQ(outcome.code, 1);
  EXPECT_TRUE(mentions(outcome.err, "the first 1 line of this input")) << outcome.err;
}

TEST_F(Append, AcknowledgesEachLevel) {
  EXPECT_EQ(run("append", {"--level", "buffered"}, "one\n").out, "1\n");
  EXPECT_EQ(run("append", {"--level", "written"}, "two\n").out, "2\n");
  EXPECT_EQ(run("append", {"--level", "synced"}, "three\n").out, "3\n");
  EXPECT_EQ(raw(), "one\ntwo\nthree\n");
}

TEST_F(Append, MakesBatches) {
  const Outcome outcome = run("append", {"--batch", "2"}, "a\nb\nc\nd\ne\n");
  EXPECT_EQ(outcome.out, "1\n2\n3\n4\n5\n");
  EXPECT_EQ(raw(), "a\nb\nc\nd\ne\n");
}

TEST_F(Append, PipelinesAndAcknowledgesInOrder) {
  std::string input, lsns;
  for (int n = 1; n <= 50'000; ++n) {
    const std::string number = std::to_string(n);
    input += "line " + number + "\n";
    lsns += number + "\n";
  }
  const Outcome outcome = run("append", {"--segment-bytes", "64KiB"}, input);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(outcome.out == lsns);
  EXPECT_TRUE(raw() == input);
  EXPECT_GT(json_of("info")["segments"].size(), 5u);
}

TEST_F(Append, AcknowledgesATrickleRecordByRecord) {
  Process process(on_log("append"));
  for (int n = 1; n <= 20; ++n) {
    process.write("line\n");
    ASSERT_EQ(process.read_line(), std::to_string(n));  // Before the next one is written.
  }
  EXPECT_EQ(process.wait().code, 0);
}

TEST_F(Append, KeepsWhatWasReadWhenItIsTerminated) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    Process process(on_log("append"));
    process.write("one\ntwo\npart of a li");
    process.read_line();
    process.read_line();
    process.signal(signal);
    // Why not wait() alone: it closes the input, and its end would make a record of the part.
    EXPECT_EQ(process.read_rest(), "");
    const Outcome outcome = process.wait();
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_TRUE(mentions(outcome.err, "middle of a line")) << outcome.err;
  }
  EXPECT_EQ(raw(), "one\ntwo\none\ntwo\none\ntwo\n");
  EXPECT_EQ(json_of("info")["recovery"]["closed_cleanly"], true);
}

TEST_F(Append, AppendsTheSmallerBatchWhenItIsTerminated) {
  Process process(on_log("append", {"--batch", "2"}));
  process.write("one\ntwo\nthree\n");
  EXPECT_EQ(process.read_line(), "1");
  EXPECT_EQ(process.read_line(), "2");
  process.signal(SIGTERM);
  EXPECT_EQ(process.read_rest(), "3\n");
  EXPECT_EQ(process.wait().code, 0);
  EXPECT_EQ(raw(), "one\ntwo\nthree\n");
}

TEST_F(Append, KeepsWhatWasReadWhenNobodyListens) {
  Process process(on_log("append"));
  process.write("one\n");
  EXPECT_EQ(process.read_line(), "1");
  process.close_output();
  process.write("two\nthree\n");
  const Outcome outcome = process.wait();
  EXPECT_EQ(outcome.code, 1);
  EXPECT_TRUE(mentions(outcome.err, "standard output")) << outcome.err;
  EXPECT_EQ(raw(), "one\ntwo\nthree\n");
}

TEST_F(Append, NamesTheLineThatIsTooLong) {
  const std::string longest(16 * 1024 * 1024, 'x');
  const Outcome outcome = run("append", {}, "one\n" + longest + "\n" + longest + "x\nfour\n");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out, "1\n2\n");
  EXPECT_TRUE(mentions(outcome.err, "line 3 ")) << outcome.err;
  EXPECT_EQ(json_of("info")["records"], 2);
}

// On a file system of 3 MiB, which a user may mount for itself where the kernel lets it.
TEST_F(Append, KeepsWhatFitsOnAFullDisk) {
  const std::string mount = "mount -t tmpfs -o size=3m tmpfs " + dir().string();
  const auto in_namespace = [](const std::string& script, std::string_view input) {
    return run_command({"unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script},
                       input);
  };
  if (in_namespace(mount, {}).code != 0) GTEST_SKIP() << "no file system can be mounted here";

  std::string lines;
  for (int n = 1; n <= 100'000; ++n) lines += "a line of some length, and this is its number\n";
  const std::string program = FORELOG_BINARY;
  const Outcome outcome = in_namespace(mount + " && { " + program + " append " + log() +
                                           " --segment-bytes 1MiB; echo exit $?; " + program +
                                           " verify " + log() + " --json; }",
                                       lines);
  const std::size_t end = outcome.out.find("exit 1\n");
  ASSERT_NE(end, std::string::npos) << outcome.err;
  EXPECT_TRUE(mentions(outcome.err, "No space left")) << outcome.err;
  const auto acknowledged =
      std::count(outcome.out.begin(), outcome.out.begin() + static_cast<std::ptrdiff_t>(end), '\n');
  EXPECT_GT(acknowledged, 0);
  EXPECT_TRUE(mentions(outcome.err, "the first " + std::to_string(acknowledged) + " lines"))
      << outcome.err;
  const Json verified = Json::parse(outcome.out.substr(end + 7));
  EXPECT_EQ(verified["records"], acknowledged);
  EXPECT_EQ(verified["verdict"], "clean");
}

TEST_F(Append, IsBusyBesideAnotherWriter) {
  Process writer(on_log("append"));
  writer.write("one\n");
  ASSERT_EQ(writer.read_line(), "1");
  const Outcome second = run("append", {}, "two\n");
  EXPECT_EQ(second.code, 5);
  EXPECT_EQ(second.out, "");
  EXPECT_TRUE(mentions(second.err, "another writer")) << second.err;
  EXPECT_EQ(run("trim", {"--keep-from", "1"}).code, 5);
  EXPECT_EQ(run("repair").code, 5);
  EXPECT_EQ(writer.wait().code, 0);
  EXPECT_EQ(raw(), "one\n");
}

TEST_F(Append, RefusesWrongUsage) {
  EXPECT_EQ(run("append", {"--level", "fast"}).code, 2);
  EXPECT_EQ(run("append", {"--batch", "0"}).code, 2);
  EXPECT_EQ(run("append", {"--segment-bytes", "many"}).code, 2);
  EXPECT_EQ(run("append", {"--segment-bytes", "1"}).code, 2);
  EXPECT_EQ(run("append", {"extra"}).code, 2);
  EXPECT_EQ(run_command(forelog({"append"})).code, 2);
  EXPECT_FALSE(std::filesystem::exists(log()));
}

TEST_F(Append, LosesNothingAcknowledgedWhenItIsKilled) {
  std::uint64_t sent = 0;
  std::uint64_t in_log = 0;
  for (int round = 0; round < 8; ++round) {
    Process process(on_log("append", {"--segment-bytes", "64KiB"}));
    sent = in_log;
    std::uint64_t acknowledged = in_log;
    std::string lines;
    for (int i = 0; i < 2000; ++i) lines += "record " + std::to_string(++sent) + "\n";
    std::thread feeder([&] { process.write(lines); });
    for (int i = 0; i < 1 + round * 150; ++i) {
      ASSERT_EQ(process.read_line(), std::to_string(++acknowledged));
    }
    process.signal(SIGKILL);
    // Whole lines that were printed before the kill are acknowledgements too.
    const std::string rest = process.read_rest();
    acknowledged += static_cast<std::uint64_t>(std::count(rest.begin(), rest.end(), '\n'));
    feeder.join();
    EXPECT_EQ(process.wait().code, 128 + SIGKILL);

    std::string expected;
    in_log = json_of("info")["records"];
    EXPECT_GE(in_log, acknowledged);
    for (std::uint64_t n = 1; n <= in_log; ++n) expected += "record " + std::to_string(n) + "\n";
    ASSERT_TRUE(raw() == expected);
  }
}

}  // namespace
}  // namespace forelog::cli_test
