// forelog doctor on real places: a good one, one in memory, one that may only be read, one with
// strangers in it.
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "support/program.h"

namespace forelog::cli_test {
namespace {

namespace fs = std::filesystem;

class Doctor : public ProgramTest {
 protected:
  static Outcome doctor(const std::string& dir, const Arguments& more = {}) {
    Arguments arguments = {"doctor", dir};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_command(forelog(arguments));
  }
  // Of the first finding of this subject: "ok", "problem", …; "" when there is none.
  static std::string health(const std::string& dir, const std::string& subject,
                            const Arguments& more = {}) {
    Arguments arguments = more;
    arguments.push_back("--json");
    return health_in(Json::parse(doctor(dir, arguments).out), subject);
  }
  static std::string health_in(const Json& told, const std::string& subject) {
    for (const Json& finding : told["findings"]) {
      if (finding["subject"] == subject) return finding["health"];
    }
    return "";
  }
};

TEST_F(Doctor, LooksAtEverythingAndLeavesNothing) {
  const Json told = Json::parse(doctor(dir(), {"--json"}).out);
  for (const char* subject : {"file system", "device", "writing", "space", "inodes", "sync",
                              "reserving", "names", "locks", "waking", "kernel", "open files",
                              "file size limit", "memory limit", "permissions", "files", "log"}) {
    EXPECT_NE(health_in(told, subject), "") << subject;
  }
  for (const char* subject :
       {"names", "locks", "waking", "kernel", "permissions", "files", "log"}) {
    EXPECT_EQ(health_in(told, subject), "ok") << subject;
  }
  for (const Json& finding : told["findings"]) {
    EXPECT_TRUE(finding["health"] != "problem" || !finding["advice"].is_null()) << finding;
  }
  EXPECT_TRUE(fs::is_empty(dir()));
}

TEST_F(Doctor, AgreesWithItsExitCode) {
  const Outcome text = doctor(dir());
  const Outcome json = doctor(dir(), {"--json"});
  EXPECT_EQ(json.code, Json::parse(json.out)["problems"] == 0 ? 0 : 1);
  EXPECT_TRUE(mentions(text.out, "file system")) << text.out;
  EXPECT_TRUE(mentions(text.out, " problem")) << text.out;
  EXPECT_FALSE(mentions(text.out, "\x1b"));
}

TEST_F(Doctor, MissesWhatDoesNotExist) {
  EXPECT_EQ(doctor(dir() / "missing").code, 4);
  std::ofstream(dir() / "file") << "a file";
  EXPECT_EQ(doctor(dir() / "file").code, 4);
  EXPECT_EQ(doctor(dir(), {"--segment-bytes", "0"}).code, 2);
}

TEST_F(Doctor, FindsMemory) {
  std::string made = "/dev/shm/forelog-doctor-XXXXXX";
  if (::mkdtemp(made.data()) == nullptr) GTEST_SKIP() << "there is no /dev/shm to write to";
  EXPECT_EQ(health(made, "file system"), "problem");
  EXPECT_EQ(doctor(made).code, 1);
  fs::remove_all(made);
}

TEST_F(Doctor, WorksBesideAWriterAndChangesNothing) {
  Process writer(on_log("append"));
  writer.write("one\n");
  ASSERT_EQ(writer.read_line(), "1");
  EXPECT_EQ(health(log(), "log"), "ok");
  EXPECT_TRUE(mentions(doctor(log()).out, "a writer has it open"));
  writer.write("two\n");
  ASSERT_EQ(writer.read_line(), "2");
  EXPECT_EQ(writer.wait().code, 0);
  EXPECT_EQ(raw(), "one\ntwo\n");
}

TEST_F(Doctor, FindsRotAndStrangersAndOpenDoors) {
  append_one_by_one({"one", "two"});
  EXPECT_EQ(health(log(), "files"), "ok");
  EXPECT_EQ(health(log(), "permissions"), "ok");

  check(::chmod(log().c_str(), 0777) == 0, "chmod");
  EXPECT_EQ(health(log(), "permissions"), "warning");
  check(::chmod(log().c_str(), 0700) == 0, "chmod");

  check(::chmod(segment().c_str(), 0644) == 0, "chmod");
  EXPECT_EQ(health(log(), "files"), "warning");
  check(::chmod(segment().c_str(), 0600) == 0, "chmod");

  fs::create_hard_link(segment(), dir() / "backup");
  EXPECT_EQ(health(log(), "files"), "problem");
  fs::remove(dir() / "backup");

  fs::create_symlink("nowhere", log() + "/stranger");
  EXPECT_EQ(health(log(), "files"), "note");
  fs::remove(log() + "/stranger");

  check(::mkfifo((log() + "/HOLES").c_str(), 0600) == 0, "mkfifo");
  EXPECT_EQ(health(log(), "files"), "problem");
  EXPECT_EQ(health(log(), "log"), "problem");
  EXPECT_EQ(doctor(log()).code, 1);
  fs::remove(log() + "/HOLES");

  damage("one");
  EXPECT_EQ(health(log(), "log"), "problem");
}

TEST_F(Doctor, TellsOfALinkWhereItLeads) {
  fs::create_directory(dir() / "real");
  fs::create_directory_symlink("real", dir() / "link");
  const Outcome outcome = doctor(dir() / "link");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_TRUE(mentions(outcome.out, "is a symbolic link")) << outcome.out;
  EXPECT_EQ(health(dir() / "link", "directory"), "problem");
}

TEST_F(Doctor, ComparesLimitsWithASegment) {
  EXPECT_EQ(health(dir(), "space", {"--segment-bytes", "64K"}), "ok");
  EXPECT_EQ(health(dir(), "space", {"--segment-bytes", "1000000GiB"}), "problem");
  const Arguments limited = {"/bin/bash", "-c", "ulimit -f 8; exec \"$0\" doctor \"$1\" --json",
                             FORELOG_BINARY, dir()};
  EXPECT_EQ(health_in(Json::parse(run_command(limited).out), "file size limit"), "problem");
  // A block that fits by half is written by half, and only what follows says why.
  const Arguments halfway = {"/bin/bash", "-c", "ulimit -f 10; exec \"$0\" doctor \"$1\"",
                             FORELOG_BINARY, dir()};
  const Outcome told = run_command(halfway);
  EXPECT_TRUE(mentions(told.out, "cannot write a file: File too large")) << told.out;
}

TEST_F(Doctor, SaysWhatItCouldNotTry) {
  append("one\n");
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  check(::chmod(log().c_str(), 0500) == 0, "chmod");
  EXPECT_EQ(health(log(), "trial"), "note");
  EXPECT_EQ(health(log(), "log"), "ok");
  check(::chmod(log().c_str(), 0700) == 0, "chmod");
}

}  // namespace
}  // namespace forelog::cli_test
