// forelog info, verify, repair and trim, run as programs, on logs that are good, torn and rotten.
#include <cstdint>
#include <string>

#include "support/program.h"

namespace forelog::cli_test {
namespace {

class Info : public ProgramTest {};
class Trim : public ProgramTest {};

TEST_F(Info, SaysWhatOfTheSyncedIsKnownToHaveBeenBeforeAKill) {
  Process killed(on_log("append"));
  killed.write("one\n");
  EXPECT_EQ(killed.read_line(), "1");
  killed.signal(SIGKILL);
  killed.wait();
  // It may have come to write down what was synced.
  std::filesystem::remove(std::filesystem::path(log()) / "WATERMARK");
  EXPECT_TRUE(mentions(run("info").out,
                       "synced 1 once a writer opens it; known to be synced until then: 0\n"))
      << run("info").out;
  append("two\n");
  EXPECT_TRUE(mentions(run("info").out, "synced 2\n")) << run("info").out;
}

TEST_F(Info, ShowsWhatIsThere) {
  append("one\ntwo\n");
  const Outcome outcome = run("info");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(mentions(outcome.out, "2 records: LSN 1 to 2")) << outcome.out;
  EXPECT_TRUE(mentions(outcome.out, "clean")) << outcome.out;

  const Json info = json_of("info");
  EXPECT_EQ(info["first_lsn"], 1);
  EXPECT_EQ(info["last_lsn"], 2);
  EXPECT_EQ(info["watermarks"]["synced"], 2);
  EXPECT_EQ(info["writer_alive"], false);
  EXPECT_EQ(info["log_id"].get<std::string>().size(), 32u);
  EXPECT_EQ(info["segments"][0]["state"], "active");
  EXPECT_EQ(info["recovery"]["verdict"], "clean");
  EXPECT_TRUE(info["holders"].empty());
}

TEST_F(Info, WorksBesideAWriter) {
  Process writer(on_log("append"));
  writer.write("one\n");
  ASSERT_EQ(writer.read_line(), "1");
  const Json info = json_of("info");
  EXPECT_EQ(info["writer_alive"], true);
  EXPECT_EQ(info["watermarks"]["synced"], 1);
  EXPECT_EQ(run("verify").code, 0);
  EXPECT_EQ(writer.wait().code, 0);
}

TEST_F(Info, SaysThatNothingIsThere) {
  for (const char* command : {"info", "verify", "repair"}) {
    const Outcome outcome = run(command);
    EXPECT_EQ(outcome.code, 4) << command;
    EXPECT_EQ(outcome.err.substr(0, 9), "forelog: ") << outcome.err;
  }
}

TEST_F(Info, VerifiesAndFindsNothingToRepair) {
  append("one\ntwo\n");
  const Outcome verified = run("verify");
  EXPECT_EQ(verified.code, 0) << verified.err;
  EXPECT_TRUE(mentions(verified.out, "2 records")) << verified.out;
  const Json json = json_of("verify");
  EXPECT_EQ(json["verdict"], "clean");
  EXPECT_EQ(json["records"], 2);
  EXPECT_TRUE(mentions(run("repair").out, "nothing to repair"));
  EXPECT_EQ(json_of("repair")["verdict"], "clean");
}

TEST_F(Info, SaysThatDamageInAnEarlierSegmentKeepsNoWriterOut) {
  const std::string told = "before the last one keeps no writer from opening";
  ASSERT_EQ(run("append", {"--segment-bytes", "64K"}, "one\n").code, 0);
  EXPECT_FALSE(mentions(run("info").out, told));
  ASSERT_EQ(run("append", {"--segment-bytes", "64K"}, std::string(70'000, 'x') + "\n").code, 0);
  damage("one");
  EXPECT_EQ(run("verify").code, 3);
  const Outcome info = run("info");
  EXPECT_EQ(info.code, 0) << info.out;
  EXPECT_TRUE(mentions(info.out, told)) << info.out;
  EXPECT_TRUE(mentions(run("repair", {"--help"}).out, told));
  EXPECT_EQ(run("append", {}, "three\n").code, 0);
}

TEST_F(Trim, KeepsFrom) {
  std::string lines;
  for (int n = 1; n <= 20'000; ++n) lines += "line " + std::to_string(n) + "\n";
  ASSERT_EQ(run("append", {"--quiet", "--segment-bytes", "64KiB"}, lines).code, 0);
  const Json kept = json_of("trim", {"--keep-from", "15000"});
  EXPECT_EQ(kept["before"]["first_lsn"], 1);
  EXPECT_GT(kept["after"]["first_lsn"], 1);
  EXPECT_LE(kept["after"]["first_lsn"], 15000);
  EXPECT_EQ(kept["after"]["last_lsn"], 20000);
  EXPECT_EQ(run("cat", {"--from", "15000", "--to", "15000"}).out, "15000\tline 15000\n");
  EXPECT_EQ(run("verify").code, 0);
}

TEST_F(Trim, KeepsThrough) {
  append("one\ntwo\nthree\n");
  const Outcome outcome = run("trim", {"--keep-through", "1"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(mentions(outcome.out, "1 record: LSN 1")) << outcome.out;
  EXPECT_EQ(run("append", {}, "other\n").out, "2\n");
  EXPECT_EQ(raw(), "one\nother\n");
}

TEST_F(Trim, CatSaysThatWhatItWasAskedForIsGone) {
  std::string lines;
  for (int n = 1; n <= 20'000; ++n) lines += "line " + std::to_string(n) + "\n";
  ASSERT_EQ(run("append", {"--quiet", "--segment-bytes", "64KiB"}, lines).code, 0);
  ASSERT_EQ(run("trim", {"--keep-from", "15000"}).code, 0);
  const Outcome outcome = run("cat", {"--to", "5"});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_TRUE(mentions(outcome.err, "was trimmed")) << outcome.err;
}

TEST_F(Trim, EmptiesALogThatGoesOn) {
  append("one\ntwo\n");
  EXPECT_EQ(run("trim", {"--keep-from", "3"}).code, 0);
  EXPECT_EQ(raw(), "");
  EXPECT_EQ(run("append", {}, "three\n").out, "3\n");
  EXPECT_EQ(run("trim", {"--keep-through", "2"}).code, 0);
  EXPECT_EQ(json_of("info")["records"], 0);
  EXPECT_EQ(run("append", {}, "other\n").out, "3\n");
}

TEST_F(Trim, RefusesWhatIsNotThere) {
  EXPECT_EQ(run("trim", {"--keep-from", "1"}).code, 4);
  append("one\n");
  EXPECT_EQ(run("trim", {"--keep-from", "3"}).code, 4);
  EXPECT_EQ(run("trim", {"--keep-through", "2"}).code, 4);
  EXPECT_EQ(run("trim").code, 2);
  EXPECT_EQ(run("trim", {"--keep-from", "1", "--keep-through", "1"}).code, 2);
  EXPECT_EQ(raw(), "one\n");
}

// A log whose writer was killed, with bytes behind its end that no one acknowledged.
class TornTail : public ProgramTest {
 protected:
  void SetUp() override {
    Process writer(on_log("append"));
    writer.write("one\ntwo\n");
    ASSERT_EQ(writer.read_line(), "1");
    ASSERT_EQ(writer.read_line(), "2");
    writer.signal(SIGKILL);
    ASSERT_EQ(writer.wait().code, 128 + SIGKILL);
    const std::uint64_t end = json_of("info")["segments"][0]["data_bytes"];
    overwrite(segment(), end, std::string(100, '\xab'));
  }
};

TEST_F(TornTail, IsNoDamage) {
  EXPECT_EQ(json_of("info")["recovery"]["verdict"], "torn_tail");
  EXPECT_EQ(run("info").code, 0);
  EXPECT_EQ(json_of("verify")["verdict"], "torn_tail");
  EXPECT_EQ(run("verify").code, 0);
  const Outcome cat = run("cat");
  EXPECT_EQ(cat.code, 0);
  EXPECT_EQ(cat.out, "1\tone\n2\ttwo\n");
  EXPECT_TRUE(mentions(cat.err, "torn tail")) << cat.err;
}

TEST_F(TornTail, IsRepairedByRepair) {
  const Outcome dry = run("repair", {"--dry-run"});
  EXPECT_EQ(dry.code, 0) << dry.err;
  EXPECT_TRUE(mentions(dry.out, "nothing was changed")) << dry.out;
  EXPECT_EQ(json_of("info")["recovery"]["verdict"], "torn_tail");

  const Outcome repaired = run("repair");
  EXPECT_EQ(repaired.code, 0) << repaired.err;
  EXPECT_TRUE(mentions(repaired.out, "quarantine/")) << repaired.out;
  EXPECT_FALSE(std::filesystem::is_empty(log() + "/quarantine"));
  EXPECT_EQ(json_of("verify")["verdict"], "clean");
  EXPECT_EQ(raw(), "one\ntwo\n");
}

TEST_F(TornTail, IsRepairedByAppendWhichSaysSo) {
  const Outcome outcome = run("append", {}, "three\n");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "3\n");
  EXPECT_TRUE(mentions(outcome.err, "torn tail")) << outcome.err;
  EXPECT_EQ(raw(), "one\ntwo\nthree\n");
}

// A log with a flipped bit in the second of three records.
class Rot : public ProgramTest {
 protected:
  void SetUp() override {
    append_one_by_one({"first record", "second record", "third record"});
    damage("second record");
  }
};

TEST_F(Rot, IsFoundByVerify) {
  const Outcome verified = run("verify");
  EXPECT_EQ(verified.code, 3);
  EXPECT_TRUE(mentions(verified.out, "rot")) << verified.out;
  EXPECT_TRUE(mentions(verified.out, "LSN 2")) << verified.out;
  EXPECT_TRUE(mentions(verified.out, ".segment: at offset")) << verified.out;
  const Json json = json_of("verify");
  EXPECT_EQ(json["verdict"], "rot");
  EXPECT_EQ(json["recovery"]["damage"][0]["first_lsn"], 2);
  EXPECT_EQ(json["recovery"]["damage"][0]["last_lsn"], 2);
  EXPECT_EQ(run("info").code, 3);
}

TEST_F(Rot, IsWhereCatStops) {
  const Outcome cat = run("cat");
  EXPECT_EQ(cat.code, 3);
  EXPECT_EQ(cat.out, "1\tfirst record\n");
  EXPECT_TRUE(mentions(cat.err, "LSN 2")) << cat.err;
  EXPECT_TRUE(mentions(cat.err, "offset")) << cat.err;
  EXPECT_EQ(run("cat", {"--to", "1"}).code, 0);
  EXPECT_EQ(run("cat", {"--from", "3"}).out, "3\tthird record\n");
}

TEST_F(Rot, IsSteppedOverOnRequest) {
  const Outcome cat = run("cat", {"--salvage"});
  EXPECT_EQ(cat.code, 3);
  EXPECT_EQ(cat.out, "1\tfirst record\n3\tthird record\n");
  EXPECT_TRUE(mentions(cat.err, "hole: ")) << cat.err;
  EXPECT_TRUE(mentions(cat.err, "LSN 2")) << cat.err;
}

TEST_F(Rot, IsWrittenNoFurther) {
  const Outcome append = run("append", {}, "fourth\n");
  EXPECT_EQ(append.code, 3);
  EXPECT_EQ(append.out, "");
  EXPECT_TRUE(mentions(append.err, "salvage")) << append.err;
  EXPECT_EQ(run("trim", {"--keep-from", "3"}).code, 3);
}

TEST_F(Rot, IsRepairedOnlyAtAPersonsWord) {
  const Outcome refused = run("repair");
  EXPECT_EQ(refused.code, 3);
  EXPECT_TRUE(mentions(refused.err, "--salvage")) << refused.err;
  EXPECT_EQ(run("repair", {"--dry-run"}).code, 3);
  EXPECT_EQ(run("repair", {"--dry-run", "--salvage"}).code, 3);
  EXPECT_EQ(run("verify").code, 3);  // Nothing has changed.
  EXPECT_FALSE(std::filesystem::exists(log() + "/quarantine"));

  const Outcome salvaged = run("repair", {"--salvage"});
  EXPECT_EQ(salvaged.code, 0) << salvaged.err;
  EXPECT_TRUE(mentions(salvaged.out, "quarantine/")) << salvaged.out;
  EXPECT_FALSE(std::filesystem::is_empty(log() + "/quarantine"));
  EXPECT_EQ(run("append", {}, "fourth\n").out, "4\n");
  EXPECT_EQ(run("cat", {"--salvage"}).out, "1\tfirst record\n3\tthird record\n4\tfourth\n");
}

TEST_F(Rot, BeforeAllRecordsIsToldFromAnEmptyLog) {
  damage("first record");
  const std::string found = run("verify").out;
  EXPECT_TRUE(mentions(found, "no record before the damage; LSN 1 to 3 had been synced")) << found;
}

TEST_F(Rot, OfAllRecordsIsToldFromAnEmptyLog) {
  overwrite(segment(), 100, "no header");
  const std::string lost = "no record is readable; LSN 1 to 3 had been synced; the next LSN is 4";
  const std::string found = run("verify").out;
  EXPECT_TRUE(mentions(found, lost)) << found;
  const Outcome salvaged = run("repair", {"--salvage"});
  EXPECT_EQ(salvaged.code, 0) << salvaged.err;
  EXPECT_TRUE(mentions(salvaged.out, lost)) << salvaged.out;
  EXPECT_EQ(run("append", {}, "fourth\n").out, "4\n");
}

TEST_F(Rot, OfAllRecordsThatWereKeptIsNamed) {
  ASSERT_EQ(run("repair", {"--salvage"}).code, 0);
  ASSERT_EQ(run("trim", {"--keep-from", "4"}).code, 0);
  append("fourth\n");
  overwrite(segment(), 100, "no header");
  const std::string found = run("verify").out;
  EXPECT_TRUE(mentions(found, "LSN 4 to 4 had been synced")) << found;
  EXPECT_TRUE(mentions(found, "LSN 4 is lost")) << found;
}

// What a process without write permission can do. As root, another user's eyes are borrowed.
class ReadOnlyDirectory : public ProgramTest {
 protected:
  void SetUp() override {
    append("one\n");
    for (const auto& entry : std::filesystem::recursive_directory_iterator(log())) {
      ASSERT_EQ(::chmod(entry.path().c_str(), entry.is_directory() ? 0555 : 0444), 0);
    }
    ASSERT_EQ(::chmod(log().c_str(), 0555), 0);
    ASSERT_EQ(::chmod(dir().c_str(), 0755), 0);
    if (run_as_reader("info").code == 127 || run_as_reader("info").code == 126) {
      GTEST_SKIP() << "another user cannot run " << FORELOG_BINARY;
    }
  }
  void TearDown() override { ::chmod(log().c_str(), 0755); }

  Outcome run_as_reader(const std::string& command, std::string_view input = {}) const {
    Arguments all = on_log(command);
    if (::geteuid() == 0) {
      const Arguments as_nobody = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
      all.insert(all.begin(), as_nobody.begin(), as_nobody.end());
    }
    return run_command(all, input);
  }
};

TEST_F(ReadOnlyDirectory, IsReadButNotWritten) {
  EXPECT_EQ(run_as_reader("cat").out, "1\tone\n");
  EXPECT_EQ(run_as_reader("info").code, 0);
  EXPECT_EQ(run_as_reader("verify").code, 0);
  const Outcome append = run_as_reader("append", "two\n");
  EXPECT_EQ(append.code, 1);
  EXPECT_TRUE(mentions(append.err, "Permission denied")) << append.err;
  EXPECT_TRUE(mentions(append.err, "mode 0444; this process runs as user")) << append.err;
  EXPECT_EQ(run_as_reader("repair").code, 1);
  EXPECT_EQ(run_as_reader("cat").out, "1\tone\n");
}

TEST_F(ReadOnlyDirectory, TellsWhoMayEnter) {
  ASSERT_EQ(::chmod(log().c_str(), 0), 0);
  const Outcome cat = run_as_reader("cat");
  EXPECT_EQ(cat.code, 1);
  EXPECT_TRUE(mentions(cat.err, "mode 0000; this process runs as user")) << cat.err;
  EXPECT_TRUE(mentions(cat.err, "readers need the right to read")) << cat.err;
}

TEST_F(ReadOnlyDirectory, MountedReadOnlyIsReadButNotWritten) {
  const std::string script =
      "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" || exit 77\n"
      "\"$0\" cat \"$1\" && echo two | \"$0\" append \"$1\"";
  const Outcome outcome =
      run_command({"unshare", "--mount", "sh", "-c", script, FORELOG_BINARY, log()});
  if (outcome.code != 1) GTEST_SKIP() << "nothing can be mounted here: " << outcome.err;
  EXPECT_EQ(outcome.out, "1\tone\n");
  EXPECT_TRUE(mentions(outcome.err, "Read-only file system")) << outcome.err;
  EXPECT_TRUE(mentions(outcome.err, "opened read-only; to write, remount")) << outcome.err;
}

}  // namespace
}  // namespace forelog::cli_test
