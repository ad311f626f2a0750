// forelog torture, with its own workload and with programs of others: shell scripts around
// `forelog append`, honest ones and liars.
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "support/program.h"

namespace forelog::cli_test {
namespace {

class Torture : public ProgramTest {
 protected:
  Outcome torture(const Arguments& arguments) const { return run("torture", arguments); }
  // With a workload that is this script; $1 is the log's directory, $FORELOG the program.
  Outcome torture_script(const std::string& script, Arguments arguments = {"--kills", "4"}) const {
    const std::string path = dir() / "workload";
    std::ofstream(path) << "#!/bin/bash\nFORELOG=" << FORELOG_BINARY << "\n" << script << "\n";
    check(::chmod(path.c_str(), 0700) == 0, "chmod");
    arguments.insert(arguments.end(), {"--workload", path, "--seed", "5", "--json"});
    return torture(arguments);
  }
};

constexpr const char* kHonest = R"(seq 1000000000 | "$FORELOG" append "$1")";

TEST_F(Torture, LosesNothing) {
  const Outcome outcome = torture({"--kills", "12", "--seed", "7", "--json"});
  EXPECT_GE(expect_nothing_lost(outcome, 12, 7)["verifications"], 1);
}

TEST_F(Torture, GoesOnBehindWhatItLeft) {
  EXPECT_EQ(torture({"--kills", "2", "--seed", "1"}).code, 0);
  const std::uint64_t before = json_of("info")["last_lsn"];
  const Outcome outcome = torture({"--kills", "2", "--seed", "2", "--json"});
  EXPECT_EQ(outcome.code, 0) << outcome.out << outcome.err;
  const std::uint64_t recovered = Json::parse(outcome.out)["recovered"];
  EXPECT_EQ(json_of("info")["last_lsn"], before + recovered);
}

TEST_F(Torture, RefusesWhatIsNotItsOwn) {
  append("one\n");
  EXPECT_EQ(torture({"--kills", "1"}).code, 2);
  EXPECT_EQ(raw(), "one\n");
  const Outcome outcome = run_command(forelog({"torture", dir(), "--kills", "1"}));
  EXPECT_EQ(outcome.code, 2);
  EXPECT_TRUE(mentions(outcome.err, "is not empty")) << outcome.err;
}

TEST_F(Torture, TellsAFailureOfThePlaceFromALoss) {
  const Arguments nowhere = forelog({"torture", dir() / "no/log", "--kills", "1"});
  const Outcome outcome = run_command(nowhere);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_TRUE(mentions(outcome.out, "Nothing acknowledged was found missing.")) << outcome.out;
  Arguments as_json = nowhere;
  as_json.emplace_back("--json");
  const Json summary = Json::parse(run_command(as_json).out);
  EXPECT_EQ(summary["passed"], false);
  EXPECT_TRUE(mentions(summary["error"], "No such file or directory")) << summary;
}

TEST_F(Torture, SaysWhenNothingWasAcknowledged) {
  std::ofstream(dir() / "mute") << "#!/bin/sh\nexec sleep 100\n";
  check(::chmod((dir() / "mute").c_str(), 0700) == 0, "chmod");
  Process torture(on_log("torture", {"--workload", dir() / "mute"}));
  EXPECT_TRUE(mentions(torture.read_line(), "mute appends to"));
  torture.signal(SIGINT);
  const Outcome outcome = torture.wait();
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(mentions(outcome.out, "But nothing was acknowledged")) << outcome.out;
}

TEST_F(Torture, RefusesWrongTimes) {
  for (const char* minutes : {"0", "-1", "soon", "1e9", "nan"}) {
    EXPECT_EQ(torture({"--minutes", minutes}).code, 2) << minutes;
  }
}

TEST_F(Torture, FindsRotInItsOwnLog) {
  EXPECT_EQ(torture({"--kills", "2", "--seed", "1"}).code, 0);
  damage("1\t");
  EXPECT_EQ(torture({"--kills", "2", "--seed", "1"}).code, 3);
}

TEST_F(Torture, EndsWithItsReportWhenInterrupted) {
  Process torture(on_log("torture", {"--minutes", "10000"}));
  EXPECT_TRUE(mentions(torture.read_line(), "forelog append appends to"));
  torture.signal(SIGINT);
  const Outcome outcome = torture.wait();
  EXPECT_EQ(outcome.code, 0) << outcome.out << outcome.err;
  EXPECT_TRUE(mentions(outcome.out, "Nothing acknowledged was lost.")) << outcome.out;
}

TEST_F(Torture, KillsAProgramOfOthers) {
  append("mine\n");  // With --workload, a log that is there is the program's own.
  const Outcome outcome = torture_script(kHonest, {"--kills", "8"});
  EXPECT_EQ(outcome.code, 0) << outcome.out << outcome.err;
  const Json summary = Json::parse(outcome.out);
  EXPECT_EQ(summary["kills"], 8);
  EXPECT_GT(summary["acknowledged"], 0);
  const std::uint64_t recovered = summary["recovered"];
  EXPECT_EQ(json_of("info")["last_lsn"], 1 + recovered);
  EXPECT_EQ(run("cat", {"--to", "1"}).out, "1\tmine\n");
}

TEST_F(Torture, MakesTheDirectoryForAProgram) {
  EXPECT_EQ(torture_script(R"([ -d "$1" ] || exit 1; )" + std::string(kHonest)).code, 0);
}

TEST_F(Torture, ConvictsAProgramThatAcknowledgesWhatIsNotThere) {
  const Outcome outcome = torture_script("echo 1000000000; sleep 100");
  EXPECT_EQ(outcome.code, 3) << outcome.out << outcome.err;
}

TEST_F(Torture, ConvictsAProgramThatLosesWhatWasThere) {
  append("one\n");
  const Outcome outcome = torture_script(R"(rm -rf "$1"/*; )" + std::string(kHonest));
  EXPECT_EQ(outcome.code, 3) << outcome.out << outcome.err;
}

TEST_F(Torture, ConvictsAProgramThatAcknowledgesTwice) {
  const Outcome outcome = torture_script("echo 7; echo 7; sleep 100");
  EXPECT_EQ(outcome.code, 3) << outcome.out << outcome.err;
  EXPECT_TRUE(mentions(outcome.err, "LSN 7 was acknowledged twice")) << outcome.err;
}

TEST_F(Torture, TellsOfAProgramThatDoesNotDoItsPart) {
  const Outcome ends = torture_script("echo oh dear >&2; exit 9");
  EXPECT_EQ(ends.code, 1);
  EXPECT_TRUE(mentions(ends.err, "exit code 9")) << ends.err;
  EXPECT_TRUE(mentions(ends.err, "oh dear")) << ends.err;
  const Outcome talks = torture_script("echo hello; sleep 100");
  EXPECT_EQ(talks.code, 1);
  EXPECT_TRUE(mentions(talks.err, "printed 'hello'")) << talks.err;
  EXPECT_EQ(torture({"--workload", dir() / "missing"}).code, 1);
}

TEST_F(Torture, RefusesALogThatIsInUse) {
  Process writer(on_log("append"));
  writer.write("one\n");
  ASSERT_EQ(writer.read_line(), "1");
  EXPECT_EQ(torture_script(kHonest).code, 5);
}

}  // namespace
}  // namespace forelog::cli_test
