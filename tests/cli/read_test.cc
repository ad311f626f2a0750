// forelog cat and forelog tail, run as programs.
#include <cstdlib>
#include <string>

#include "support/program.h"

namespace forelog::cli_test {
namespace {

using namespace std::string_literals;

class Cat : public ProgramTest {};
class Tail : public ProgramTest {};

TEST_F(Cat, PrintsLsnAndPayload) {
  append("one\ntwo\n");
  const Outcome outcome = run("cat");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "1\tone\n2\ttwo\n");
  EXPECT_EQ(outcome.err, "");
}

TEST_F(Cat, PrintsBytesAsTheyAreToAPipe) {
  ASSERT_EQ(run("append", {"--null"}, "\x1b[31m\xff\n\0"s).code, 0);
  EXPECT_EQ(run("cat").out, "1\t\x1b[31m\xff\n\n");
}

TEST_F(Cat, PrintsEveryFormat) {
  ASSERT_EQ(run("append", {"--null"}, "text\0\xff\xfe\0"s).code, 0);
  EXPECT_EQ(run("cat", {"--format", "raw"}).out, "text\n\xff\xfe\n");
  EXPECT_EQ(run("cat", {"--format", "raw", "--null"}).out, "text\0\xff\xfe\0"s);
  EXPECT_EQ(run("cat", {"--null"}).out, "1\ttext\0"s + "2\t\xff\xfe\0"s);
  EXPECT_TRUE(mentions(run("cat", {"--format", "hex"}).out, "00000000  74 65 78 74 "));

  const std::string json = run("cat", {"--format", "json"}).out;
  EXPECT_EQ(run("cat", {"--json"}).out, json);
  const Json first = Json::parse(json.substr(0, json.find('\n')));
  EXPECT_EQ(first["lsn"], 1);
  EXPECT_EQ(first["size"], 4);
  EXPECT_EQ(first["payload"], "text");
  EXPECT_EQ(first["time"].get<std::string>().size(), "2026-01-02T03:04:05.123456789Z"s.size());
  const Json second = Json::parse(json.substr(json.find('\n')));
  EXPECT_EQ(second["payload_base64"], "//4=");
}

TEST_F(Cat, PrintsARange) {
  append("one\ntwo\nthree\nfour\n");
  EXPECT_EQ(run("cat", {"--from", "2", "--to", "3"}).out, "2\ttwo\n3\tthree\n");
  EXPECT_EQ(run("cat", {"--from", "4"}).out, "4\tfour\n");
  EXPECT_EQ(run("cat", {"--to", "1"}).out, "1\tone\n");
  EXPECT_EQ(run("cat", {"--to", "99"}).out, "1\tone\n2\ttwo\n3\tthree\n4\tfour\n");
}

TEST_F(Cat, SaysWhereTheLogEndsBeforeTheRecordThatWasAskedFor) {
  append("one\ntwo\n");
  const Outcome beyond = run("cat", {"--to", "9"});
  EXPECT_EQ(beyond.code, 4);
  EXPECT_EQ(beyond.out, "1\tone\n2\ttwo\n");
  EXPECT_TRUE(mentions(beyond.err, "LSN 9 is not yet written: the log ends at LSN 2"))
      << beyond.err;
  EXPECT_EQ(run("cat", {"--from", "3"}).err, run("cat", {"--from", "3", "--to", "9"}).err);
  EXPECT_EQ(run("cat", {"--to", "2"}).err, "");
  ASSERT_EQ(run("trim", {"--keep-through", "0"}).code, 0);
  EXPECT_TRUE(mentions(run("cat", {"--to", "1"}).err, "the log has no record"));
}

TEST_F(Cat, PrintsSinceATime) {
  append_one_by_one({"one", "two"});
  const std::string last = run("cat", {"--json", "--from", "2"}).out;
  const std::string time = Json::parse(last)["time"];
  EXPECT_EQ(run("cat", {"--since", time}).out, "2\ttwo\n");
  EXPECT_EQ(run("cat", {"--since", "1h"}).out, "1\tone\n2\ttwo\n");
  EXPECT_EQ(run("cat", {"--since", "@1", "--from", "2"}).out, "2\ttwo\n");
  EXPECT_EQ(run("cat", {"--since", "2026-01-02"}).out, "1\tone\n2\ttwo\n");
  const Outcome later = run("cat", {"--since", "2261-01-01 00:00:00"});
  EXPECT_EQ(later.code, 4);
  EXPECT_NE(later.err, "");
}

TEST_F(Cat, EscapesAndColoursOnATerminalOnly) {
  ASSERT_EQ(run("append", {}, "a\x1b[2Jb\n").code, 0);
  const auto on_terminal = [this](const Arguments& environment) {
    const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    check(master >= 0 && ::grantpt(master) == 0 && ::unlockpt(master) == 0, "posix_openpt");
    std::array<char, 128> name;
    check(::ptsname_r(master, name.data(), name.size()) == 0, "ptsname_r");
    const int terminal = ::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC);
    Process process(on_log("cat"), environment, terminal);
    EXPECT_EQ(process.wait().code, 0);
    std::array<char, 1024> shown;
    const ssize_t bytes = ::read(master, shown.data(), shown.size());
    ::close(terminal);
    ::close(master);
    return std::string(shown.data(), static_cast<std::size_t>(bytes));
  };
  EXPECT_EQ(on_terminal({"TERM=xterm", "NO_COLOR="}), "\x1b[36m1\x1b[0m\ta\\x1b[2Jb\r\n");
  EXPECT_EQ(on_terminal({"TERM=xterm", "NO_COLOR=1"}), "1\ta\\x1b[2Jb\r\n");
}

TEST_F(Cat, SaysThatNothingIsThere) {
  EXPECT_EQ(run("cat").code, 4);  // No directory.
  std::filesystem::create_directory(log());
  EXPECT_EQ(run("cat").code, 4);  // No log in it.
  append("one\n");
  const Outcome beyond = run("cat", {"--from", "2"});
  EXPECT_EQ(beyond.code, 4);
  EXPECT_TRUE(mentions(beyond.err, "not yet written")) << beyond.err;
  append("");
  EXPECT_EQ(run("cat", {"--from", "2"}).code, 4);
}

TEST_F(Cat, PrintsNothingOfAnEmptyLog) {
  append("");
  const Outcome outcome = run("cat");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "");
}

TEST_F(Cat, NamesTheFirstRecordThatIsKept) {
  std::string lines;
  for (int n = 1; n <= 20'000; ++n) lines += "line " + std::to_string(n) + "\n";
  ASSERT_EQ(run("append", {"--quiet", "--segment-bytes", "64KiB"}, lines).code, 0);
  ASSERT_EQ(run("trim", {"--keep-from", "15000"}).code, 0);
  const std::string first = std::to_string(json_of("info")["first_lsn"].get<int>());
  EXPECT_GT(std::stoi(first), 1);
  const Outcome trimmed = run("cat", {"--from", "1"});
  EXPECT_EQ(trimmed.code, 4);
  EXPECT_TRUE(mentions(trimmed.err, first)) << trimmed.err;
  EXPECT_EQ(run("cat", {"--to", first}).out, first + "\tline " + first + "\n");
}

TEST_F(Cat, RefusesWrongUsage) {
  append("one\n");
  EXPECT_EQ(run("cat", {"--from", "2", "--to", "1"}).code, 2);
  EXPECT_EQ(run("cat", {"--from", "0"}).code, 2);
  EXPECT_EQ(run("cat", {"--since", "soon"}).code, 2);
  const Outcome too_late = run("cat", {"--since", "2262-01-01"});
  EXPECT_EQ(too_late.code, 2);
  EXPECT_TRUE(mentions(too_late.err, "out of range")) << too_late.err;
  EXPECT_EQ(run("cat", {"--format", "xml"}).code, 2);
  EXPECT_EQ(run("cat", {"--format", "json", "--null"}).code, 2);
  EXPECT_EQ(run("cat", {"--format", "raw", "--json"}).code, 2);
}

TEST_F(Cat, FailsWhenItsOutputDoes) {
  append("one\n");
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  Process process(on_log("cat"), {}, full);
  const Outcome outcome = process.wait();
  ::close(full);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_TRUE(mentions(outcome.err, "standard output")) << outcome.err;
}

TEST_F(Cat, StopsQuietlyWhenItsReaderLeaves) {
  std::string lines;
  for (int n = 1; n <= 100'000; ++n) lines += "a line of some length " + std::to_string(n) + "\n";
  append(lines);
  Process process(on_log("cat"));
  EXPECT_EQ(process.read_line(), "1\ta line of some length 1");
  process.close_output();
  const Outcome outcome = process.wait();
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.err, "");
}

TEST_F(Cat, ShowsWhatIsSyncedBesideAWriter) {
  Process writer(on_log("append"));
  writer.write("one\n");
  ASSERT_EQ(writer.read_line(), "1");
  EXPECT_EQ(run("cat").out, "1\tone\n");
  writer.write("two\n");
  ASSERT_EQ(writer.read_line(), "2");
  EXPECT_EQ(run("cat").out, "1\tone\n2\ttwo\n");
  EXPECT_EQ(writer.wait().code, 0);
}

TEST_F(Cat, ChangesNoByteOfTheLog) {
  append_one_by_one({"one", "two"});
  const auto snapshot = [this] {
    std::string all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(log())) {
      all += entry.path().string() + ":" + read_file(entry.path().string()) + "\n";
    }
    return all;
  };
  const std::string before = snapshot();
  for (const char* command : {"cat", "info", "verify"}) EXPECT_EQ(run(command).code, 0);
  EXPECT_EQ(run("repair", {"--dry-run"}).code, 0);
  EXPECT_TRUE(snapshot() == before);
}

TEST_F(Tail, FollowsAnotherProcess) {
  append("one\n");
  Process tail(on_log("tail"));
  EXPECT_EQ(tail.read_line(), "1\tone");
  Process writer(on_log("append"));
  for (int n = 2; n <= 10; ++n) {
    writer.write("line\n");
    EXPECT_EQ(tail.read_line(), std::to_string(n) + "\tline");
  }
  EXPECT_EQ(writer.wait().code, 0);
  tail.signal(SIGINT);
  const Outcome outcome = tail.wait();
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "");
}

TEST_F(Tail, GoesOnWithTheNextWriter) {
  append("one\n");
  Process tail(on_log("tail", {"--format", "raw"}));
  EXPECT_EQ(tail.read_line(), "one");
  append("two\n");
  EXPECT_EQ(tail.read_line(), "two");
  {
    Process killed(on_log("append"));
    killed.write("three\n");
    EXPECT_EQ(tail.read_line(), "three");
    killed.signal(SIGKILL);
    EXPECT_EQ(killed.wait().code, 128 + SIGKILL);
  }
  append("four\n");
  EXPECT_EQ(tail.read_line(), "four");
  tail.signal(SIGTERM);
  EXPECT_EQ(tail.wait().code, 0);
}

TEST_F(Tail, BeginsWhereItIsTold) {
  std::string lines;
  for (int n = 1; n <= 30; ++n) lines += "line\n";
  append(lines);
  const auto first_line = [this](const Arguments& arguments) {
    Process tail(on_log("tail", arguments));
    const std::string line = tail.read_line();
    tail.signal(SIGINT);
    EXPECT_EQ(tail.wait().code, 0);
    return line;
  };
  EXPECT_EQ(first_line({}), "21\tline");
  EXPECT_EQ(first_line({"--lines", "3"}), "28\tline");
  EXPECT_EQ(first_line({"--lines", "99"}), "1\tline");
  EXPECT_EQ(first_line({"--from", "7"}), "7\tline");
  EXPECT_EQ(Json::parse(first_line({"--from", "7", "--json"}))["lsn"], 7);
  EXPECT_EQ(run("tail", {"--from", "1", "--lines", "1"}).code, 2);
}

TEST_F(Tail, WaitsForARecordThatIsStillToCome) {
  append("one\n");
  Process tail(on_log("tail", {"--from", "3"}));
  append("two\n");
  append("three\n");
  EXPECT_EQ(tail.read_line(), "3\tthree");
  tail.signal(SIGINT);
  EXPECT_EQ(tail.wait().code, 0);
}

TEST_F(Tail, SaysThatNothingIsThere) { EXPECT_EQ(run("tail").code, 4); }

TEST_F(Tail, SaysWhereToGoOnWhenWhatItPrintedIsDropped) {
  append("one\ntwo\nthree\n");
  Process tail(on_log("tail", {"--lines", "1"}));
  EXPECT_EQ(tail.read_line(), "3\tthree");
  ASSERT_EQ(run("trim", {"--keep-through", "1"}).code, 0);
  const Outcome outcome = tail.wait();
  EXPECT_EQ(outcome.code, 4);
  EXPECT_TRUE(mentions(outcome.err, "forelog: " + log() + ": ")) << outcome.err;
  EXPECT_TRUE(mentions(outcome.err, "from LSN 2 on")) << outcome.err;
  EXPECT_TRUE(mentions(outcome.err, "`forelog tail " + log() + " --from N`")) << outcome.err;
}

TEST_F(Tail, EndsWhenItsLogIsRemovedOrExchanged) {
  const auto expect_end_after = [this](const auto& change) {
    append("one\n");
    Process tail(on_log("tail"));
    EXPECT_EQ(tail.read_line(), "1\tone");
    change();
    const Outcome outcome = tail.wait();
    EXPECT_EQ(outcome.code, 4) << outcome.err;
    EXPECT_TRUE(mentions(outcome.err, log() + ": the log that was read here is gone"))
        << outcome.err;
    std::filesystem::remove_all(log());
  };
  expect_end_after([this] { std::filesystem::remove_all(log()); });
  expect_end_after([this] {
    std::filesystem::remove_all(log());
    append("another\n");
  });
  expect_end_after([this] {
    append("one\n");
    const std::string other = dir() / "other";
    ASSERT_EQ(run_command(forelog({"append", other, "--quiet"}), "another\n").code, 0);
    for (const auto& file : std::filesystem::directory_iterator(other)) {
      std::filesystem::rename(file.path(), log() / file.path().filename());
    }
    std::filesystem::remove_all(other);
  });
  // Without a watermark file there are only the segments to tell of it.
  expect_end_after([this] {
    std::filesystem::remove(log() + "/WATERMARK");
    std::filesystem::remove_all(log());
  });
}

TEST_F(Tail, EndsWhenItsReaderLeaves) {
  append("one\n");
  Process tail(on_log("tail"));
  EXPECT_EQ(tail.read_line(), "1\tone");
  tail.close_output();
  const Outcome outcome = tail.wait();  // Though no further record comes.
  EXPECT_EQ(outcome.err, "");
}

}  // namespace
}  // namespace forelog::cli_test
