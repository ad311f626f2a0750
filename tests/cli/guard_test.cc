// What the program makes is its owner's alone, whatever the umask; and what others put in a log's
// directory is refused: symbolic links, special files, hard links. Nothing hangs on a FIFO.
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "support/program.h"

namespace forelog::cli_test {
namespace {

namespace fs = std::filesystem;

// For its lifetime; children inherit it.
class Umask {
 public:
  explicit Umask(mode_t mask) : before_(::umask(mask)) {}
  ~Umask() { ::umask(before_); }
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;

 private:
  const mode_t before_;
};

class Guard : public ProgramTest {
 protected:
  // The log's directory and all below it: 0700 for directories, 0600 for files.
  void expect_private() const { expect_modes(0700, 0600); }
  void expect_modes(mode_t directories, mode_t files) const {
    EXPECT_EQ(mode_of(log()), directories);
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(log())) {
      EXPECT_EQ(mode_of(entry.path()), entry.is_directory() ? directories : files) << entry.path();
    }
  }
  static mode_t mode_of(const fs::path& path) {
    struct stat found {};
    check(::lstat(path.c_str(), &found) == 0, "lstat");
    return found.st_mode & 07777;
  }
  bool has(const std::string& name) const { return fs::exists(log() + "/" + name); }

  // Behind the end of the last segment: bytes that never were a frame.
  void tear_tail() const {
    const Json last = json_of("info")["segments"].back();
    overwrite(log() + "/" + last["file"].get<std::string>(), last["data_bytes"], "torn");
  }

  // Every command that opens the log tells of `name`, with exit code 2 and no delay.
  void expect_refused(const std::string& name) const {
    for (const char* command : {"append", "cat", "info", "verify", "repair"}) {
      const Outcome outcome = run(command);
      EXPECT_EQ(outcome.code, 2) << command << " with " << name << ": " << outcome.err;
      EXPECT_TRUE(mentions(outcome.err, name)) << command << ": " << outcome.err;
    }
  }
};

TEST_F(Guard, ModesDoNotDependOnTheUmask) {
  for (const mode_t mask : {0U, 077U, 0277U}) {
    {
      const Umask umask(mask);
      append_one_by_one({"one", "two"});
      append(std::string(200'000, 'x') + "\n");
      tear_tail();
      append("three\n");  // Quarantines the tail, and starts a segment.
      ASSERT_TRUE(has("quarantine"));
      damage("one");
      EXPECT_EQ(run("repair", {"--salvage"}).code, 0);
      ASSERT_TRUE(has("HOLES"));
      expect_private();
    }
    fs::remove_all(log());
  }
}

TEST_F(Guard, ModesOfPreparedSegmentsAreTheSame) {
  const Umask umask(0);
  Process writer(on_log("append", {"--segment-bytes", "64K"}));
  for (int i = 0; i < 40; ++i) {
    writer.write(std::string(8'000, 'x') + "\n");
    ASSERT_NE(writer.read_line(), "");
    expect_private();
  }
}

TEST_F(Guard, RefusesWhatIsNoFileUnderTheNameOfOne) {
  append("one\n");
  const std::string elsewhere = dir() / "elsewhere";
  std::ofstream(elsewhere) << "precious";
  for (const std::string name :
       {"WATERMARK", "LOCK", "HOLES", "spare-1.tmp", "first-2.tmp", "0000000000000009.segment"}) {
    const std::string path = log() + "/" + name;
    const bool there = fs::exists(path);
    if (there) fs::rename(path, dir() / "aside");

    fs::create_symlink(elsewhere, path);
    expect_refused(name);
    fs::remove(path);
    fs::create_symlink(dir() / "nowhere", path);
    expect_refused(name);
    fs::remove(path);
    check(::mkfifo(path.c_str(), 0600) == 0, "mkfifo");
    expect_refused(name);
    fs::remove(path);
    fs::create_directory(path);
    expect_refused(name);
    fs::remove(path);
    if (::geteuid() == 0 && ::mknod(path.c_str(), S_IFCHR | 0600, makedev(1, 3)) == 0) {
      expect_refused(name);
      fs::remove(path);
    }

    if (there) fs::rename(dir() / "aside", path);
  }
  EXPECT_EQ(read_file(elsewhere), "precious");
  EXPECT_FALSE(fs::exists(dir() / "nowhere"));
  EXPECT_EQ(raw(), "one\n");
}

TEST_F(Guard, RefusesWhatIsNoDirectoryUnderTheNameOfOne) {
  append("one\n");
  fs::create_directory(dir() / "elsewhere");
  for (const std::string name : {"holders", "quarantine"}) {
    const std::string path = log() + "/" + name;
    fs::create_symlink(dir() / "elsewhere", path);
    expect_refused(name);
    fs::remove(path);
    check(::mkfifo(path.c_str(), 0600) == 0, "mkfifo");
    expect_refused(name);
    fs::remove(path);
    std::ofstream(path) << "a file";
    expect_refused(name);
    fs::remove(path);
  }
  EXPECT_TRUE(fs::is_empty(dir() / "elsewhere"));
}

TEST_F(Guard, RefusesAHolderThatIsAFifo) {
  append("one\n");
  fs::create_directory(log() + "/holders");
  check(::mkfifo((log() + "/holders/backup").c_str(), 0600) == 0, "mkfifo");
  const Outcome outcome = run("info");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_TRUE(mentions(outcome.err, "holders/backup")) << outcome.err;
}

TEST_F(Guard, ReplacesASpecialFileUnderTheNameOfACopy) {
  append("one\n");
  tear_tail();
  fs::copy(log(), dir() / "as it was", fs::copy_options::recursive);
  append("two\n");
  const fs::path copy = fs::directory_iterator(log() + "/quarantine")->path();
  const std::string torn = read_file(copy);
  ASSERT_TRUE(mentions(torn, "torn"));

  fs::remove_all(log());
  fs::rename(dir() / "as it was", log());
  fs::create_directory(log() + "/quarantine");
  check(::mkfifo(copy.c_str(), 0600) == 0, "mkfifo");
  fs::create_symlink(dir() / "nowhere", copy.string() + ".tmp");
  append("two\n");
  EXPECT_EQ(read_file(copy), torn);
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(copy)));
  EXPECT_FALSE(fs::exists(dir() / "nowhere"));
}

TEST_F(Guard, LeavesStrangersAlone) {
  append("one\n");
  check(::mkfifo((log() + "/stranger").c_str(), 0600) == 0, "mkfifo");
  fs::create_symlink("nowhere", log() + "/README");
  fs::create_directory(log() + "/lost+found");
  append("two\n");
  EXPECT_EQ(raw(), "one\ntwo\n");
  EXPECT_EQ(run("verify").code, 0);
}

TEST_F(Guard, RefusesADirectoryThatIsALink) {
  append("one\n");
  fs::create_directory_symlink(log(), dir() / "link");
  for (const char* command : {"append", "cat", "info", "verify", "repair"}) {
    const Outcome outcome = run_command(forelog({command, dir() / "link"}));
    EXPECT_EQ(outcome.code, 2) << command;
    EXPECT_TRUE(mentions(outcome.err, "is a symbolic link")) << outcome.err;
    EXPECT_TRUE(mentions(outcome.err, "readlink -f")) << outcome.err;
  }
  EXPECT_TRUE(mentions(run("append", {"--help"}).out, "a symbolic link is refused"));
  // A link among its parents is nothing special.
  fs::create_directory_symlink(dir(), dir() / "parent");
  EXPECT_EQ(run_command(forelog({"cat", dir() / "parent/log"})).code, 0);
}

TEST_F(Guard, AWriterRefusesHardLinksAndAReaderReadsThem) {
  append(std::string(70'000, 'x') + "\n");
  EXPECT_EQ(run("append", {"--segment-bytes", "64K"}, "two\n").code, 0);
  const Json info = json_of("info");
  for (const Json& each : info["segments"]) {
    const std::string name = each["file"];
    fs::create_hard_link(log() + "/" + name, dir() / "backup");
    const Outcome outcome = run("append", {}, "three\n");
    EXPECT_EQ(outcome.code, 2) << outcome.err;
    EXPECT_TRUE(mentions(outcome.err, name)) << outcome.err;
    EXPECT_TRUE(mentions(outcome.err, "hard links")) << outcome.err;
    EXPECT_EQ(run("verify").code, 0);
    EXPECT_EQ(run("info").code, 0);
    fs::remove(dir() / "backup");
  }
  EXPECT_EQ(run("append", {}, "three\n").code, 0);
}

TEST_F(Guard, InfoNotesWhoElseMayWrite) {
  append("one\n");
  EXPECT_FALSE(mentions(run("info").out, "may be written by"));
  check(::chmod(log().c_str(), 0777) == 0, "chmod");
  EXPECT_TRUE(mentions(run("info").out, "may be written by every user"));
  EXPECT_TRUE(mentions(json_of("info")["recovery"]["notes"].dump(), "may be written by"));
  append("two\n");
}

}  // namespace
}  // namespace forelog::cli_test
