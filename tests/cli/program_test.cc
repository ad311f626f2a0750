// The program as a whole: help, version, wrong usage, and the demo.
#include <string>

#include "forelog/version.h"
#include "support/program.h"

namespace forelog::cli_test {
namespace {

class ProgramItself : public ProgramTest {};
class Demo : public ProgramTest {};

TEST_F(ProgramItself, TellsItsVersion) {
  const Outcome outcome = run_command(forelog({"--version"}));
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "forelog " + std::string(version()) + "\n");
}

TEST_F(ProgramItself, DocumentsItsExitCodes) {
  const Outcome outcome = run_command(forelog({"--help"}));
  EXPECT_EQ(outcome.code, 0);
  for (const char* line : {"  0  done", "  1  operating failure", "  2  wrong usage",
                           "  3  corruption found", "  4  nothing there", "  5  busy"}) {
    EXPECT_TRUE(mentions(outcome.out, line)) << line;
  }
}

TEST_F(ProgramItself, HelpsWithAnExampleForEveryCommand) {
  const std::string help = run_command(forelog({"--help"})).out;
  for (const char* command : {"append", "cat", "tail", "info", "verify", "repair", "trim", "bench",
                              "demo", "torture", "doctor"}) {
    EXPECT_TRUE(mentions(help, "\n  " + std::string(command) + " ")) << command;
    const Outcome outcome = run_command(forelog({command, "--help"}));
    EXPECT_EQ(outcome.code, 0) << command;
    EXPECT_TRUE(mentions(outcome.out, "Examples:\n")) << command;
    EXPECT_TRUE(mentions(outcome.out, "forelog " + std::string(command))) << command;
  }
}

TEST_F(ProgramItself, RefusesWrongUsageOnStandardError) {
  for (const Arguments& arguments : {Arguments{}, Arguments{"frobnicate"}, Arguments{"cat"},
                                     Arguments{"cat", "--frobnicate", "x"}}) {
    const Outcome outcome = run_command(forelog(arguments));
    EXPECT_EQ(outcome.code, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err.substr(0, 9), "forelog: ") << outcome.err;
    EXPECT_TRUE(mentions(outcome.err, "--help")) << outcome.err;
  }
}

TEST_F(Demo, LosesNothing) {
  const Outcome outcome =
      run_command(forelog({"demo", "--kills", "12", "--seed", "7", "--dir", log(), "--json"}));
  expect_nothing_lost(outcome, 12, 7);
}

TEST_F(Demo, AppendsTheFileThatIsGiven) {
  const std::string file = dir() / "text";
  std::ofstream(file) << "a line\nanother\n";
  const Outcome outcome =
      run_command(forelog({"demo", file, "--kills", "2", "--seed", "1", "--dir", log()}));
  EXPECT_EQ(outcome.code, 0) << outcome.out << outcome.err;
  EXPECT_TRUE(mentions(outcome.out, "Nothing acknowledged was lost.")) << outcome.out;
  EXPECT_EQ(run("cat", {"--to", "3"}).out, "1\t1\ta line\n2\t2\tanother\n3\t3\ta line\n");
}

TEST_F(Demo, CleansUpBehindItself) {
  const Outcome outcome = run_command(forelog({"demo", "--kills", "2", "--seed", "1"}), {},
                                      {"TMPDIR=" + dir().string()});
  EXPECT_EQ(outcome.code, 0) << outcome.out << outcome.err;
  EXPECT_TRUE(std::filesystem::is_empty(dir()));
}

TEST_F(Demo, KeepsItsLogOnRequest) {
  const Outcome outcome = run_command(forelog({"demo", "--kills", "2", "--seed", "1", "--keep"}),
                                      {}, {"TMPDIR=" + dir().string()});
  EXPECT_EQ(outcome.code, 0) << outcome.out << outcome.err;
  EXPECT_TRUE(mentions(outcome.err, "the log is kept in " + dir().string())) << outcome.err;
  EXPECT_FALSE(std::filesystem::is_empty(dir()));
}

TEST_F(Demo, StopsWhenItIsInterrupted) {
  Process demo(forelog({"demo", "--seconds", "80000", "--dir", log(), "--json"}));
  demo.signal(SIGINT);  // Whenever that comes: before it listens to signals, or later.
  const Outcome outcome = demo.wait();
  EXPECT_TRUE(outcome.code == 0 || outcome.code == 128 + SIGINT) << outcome.out << outcome.err;
}

TEST_F(Demo, RefusesADirectoryWithALog) {
  append("one\n");
  EXPECT_EQ(run_command(forelog({"demo", "--dir", log()})).code, 2);
  EXPECT_EQ(raw(), "one\n");
  EXPECT_EQ(run_command(forelog({"demo", dir() / "missing", "--dir", dir() / "other"})).code, 1);
}

TEST_F(Demo, SaysWhyItHasNothingToAppend) {
  const auto fails = [this](const std::string& file, int code, const std::string& why) {
    const Outcome outcome = run_command(forelog({"demo", file, "--dir", log()}));
    EXPECT_EQ(outcome.code, code) << file;
    EXPECT_TRUE(mentions(outcome.err, file + ": " + why)) << outcome.err;
  };
  fails(dir() / "missing", 1, "cannot be read: No such file");
  fails(dir(), 1, "cannot be read: Is a directory");
  fails("/dev/null", 2, "is empty");
}

}  // namespace
}  // namespace forelog::cli_test
