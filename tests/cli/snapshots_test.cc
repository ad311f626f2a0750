// forelog snapshots, run as a program, on snapshots that this one makes.
#include <string>

#include "forelog/log.h"
#include "forelog/snapshot.h"
#include "forelog/zstd.h"
#include "support/program.h"

namespace forelog::cli_test {
namespace {

class Text final : public StateMachine {
 public:
  Status apply(Lsn /*lsn*/, ByteView command) override {
    text_ += command.text();
    return {};
  }
  Status save(Sink& out) const override { return out.write(text_); }
  Status load(Source& /*in*/) override { return {Code::unsupported, "not needed here"}; }

 private:
  std::string text_;
};

class SnapshotsCommand : public ProgramTest {
 protected:
  // Below dir(), as a Durable has them: of LSN 1 and of LSN 2.
  void make_snapshots(const Compression* compression = nullptr) const {
    auto log = Log::open(dir() / "log");
    ASSERT_TRUE(log) << log.error().message();
    auto snapshots =
        Snapshots::open(dir() / "snapshots", {.kind = "text", .compression = compression});
    ASSERT_TRUE(snapshots) << snapshots.error().message();
    Text text;
    for (const std::uint64_t n : {std::uint64_t{1}, std::uint64_t{2}}) {
      const std::string command(1000, 'x');
      ASSERT_TRUE(log->commit(command));
      ASSERT_TRUE(text.apply(Lsn(n), command).ok());
      ASSERT_TRUE(checkpoint(*log, *snapshots, text, Lsn(n)));
    }
    ASSERT_TRUE(log->close().ok());
  }
  Outcome snapshots(const Arguments& arguments = {}) const {
    Arguments all = forelog({"snapshots", dir().string()});
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run_command(all, {});
  }
  Json json(const Arguments& arguments = {}) const {
    Arguments all = arguments;
    all.emplace_back("--json");
    return Json::parse(snapshots(all).out);
  }
  std::string newest_file() const {
    const std::string name = json()["snapshots"][0]["file"];
    return dir() / "snapshots" / name;
  }
};

TEST_F(SnapshotsCommand, ListsThemNewestFirst) {
  make_snapshots();
  const Json list = json()["snapshots"];
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0]["lsn"], 2);
  EXPECT_EQ(list[1]["lsn"], 1);
  EXPECT_EQ(list[0]["kind"], "text");
  EXPECT_TRUE(list[0]["compression"].is_null());
  EXPECT_TRUE(list[0]["verified"].is_null());
  const Outcome text = snapshots();
  EXPECT_EQ(text.code, 0);
  EXPECT_TRUE(mentions(text.out, "text")) << text.out;
}

TEST_F(SnapshotsCommand, VerifiesWhatZstdCompressed) {
  make_snapshots(&zstd());
  const Json list = json({"--verify"})["snapshots"];
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0]["compression"], "zstd");
  EXPECT_EQ(list[0]["verified"], true);
  EXPECT_EQ(snapshots({"--verify"}).code, 0);
}

TEST_F(SnapshotsCommand, TellsOfDamage) {
  make_snapshots();
  const std::string file = newest_file();
  std::string bytes = read_file(file);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  std::ofstream(file, std::ios::binary) << bytes;
  EXPECT_EQ(snapshots().code, 0);
  const Outcome verified = snapshots({"--verify"});
  EXPECT_EQ(verified.code, 3);
  EXPECT_TRUE(mentions(verified.out, file)) << verified.out;
  const Json list = json({"--verify"})["snapshots"];
  EXPECT_EQ(list[0]["verified"], false);
  EXPECT_EQ(list[1]["verified"], true);

  bytes[0] = 'x';  // Of the header, which listing looks at.
  std::ofstream(file, std::ios::binary) << bytes;
  EXPECT_EQ(snapshots().code, 3);
  EXPECT_EQ(json()["damaged"].size(), 1u);
}

TEST_F(SnapshotsCommand, TellsOfWhatIsNoFileUnderASnapshotsName) {
  make_snapshots();
  const auto place = dir() / "snapshots";
  std::filesystem::create_directory(place / "0000000000000003.snapshot");
  std::filesystem::create_symlink(newest_file(), place / "0000000000000004.snapshot");
  std::filesystem::create_directory(place / "abc.snapshot");
  const Outcome outcome = snapshots({"--verify"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_TRUE(mentions(outcome.out,
                       "0003.snapshot: at offset 0, 0 bytes: not a regular file, but a "
                       "directory"))
      << outcome.out;
  EXPECT_TRUE(mentions(outcome.out, "but a symbolic link or a special file")) << outcome.out;
  EXPECT_FALSE(mentions(outcome.out, "abc")) << outcome.out;
  EXPECT_EQ(json()["snapshots"].size(), 2u);
  EXPECT_EQ(json()["damaged"].size(), 2u);
}

TEST_F(SnapshotsCommand, NothingThere) {
  std::filesystem::create_directory(dir() / "snapshots");
  EXPECT_EQ(snapshots({"--verify"}).out, "no snapshots\n");
  EXPECT_EQ(run_command(forelog({"snapshots", dir() / "none"}), {}).code, 4);
}

TEST_F(SnapshotsCommand, SaysThatALogIsNoDirectoryOfSnapshots) {
  append("one\n");
  const auto look_at = [](const std::filesystem::path& place) {
    return run_command(forelog({"snapshots", place.string()}), {});
  };
  // A log of its own, what has neither, and the log of a state, also with a slash behind it.
  const Outcome of_log = look_at(log());
  EXPECT_EQ(of_log.code, 4);
  EXPECT_TRUE(mentions(of_log.err,
                       "/log: no directory of snapshots, but a log; give the directory "
                       "of a state, with log/ and snapshots/ in it\n"))
      << of_log.err;
  const Outcome of_neither = look_at(dir());
  EXPECT_EQ(of_neither.code, 4);
  EXPECT_TRUE(mentions(of_neither.err, dir().string() + ": no directory of snapshots; give"))
      << of_neither.err;
  std::filesystem::remove_all(log());
  make_snapshots();
  for (const std::string& name : {log(), log() + "/"}) {
    EXPECT_TRUE(mentions(look_at(name).err, "in it: " + dir().string() + "\n")) << name;
  }
  EXPECT_EQ(look_at(dir() / "snapshots").out, snapshots().out);
}

}  // namespace
}  // namespace forelog::cli_test
