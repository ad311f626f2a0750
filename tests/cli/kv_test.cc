// forelog kv: what its commands print and do, beside each other and after a kill.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <set>
#include <string>

#include "forelog/kv.h"
#include "forelog/zstd.h"
#include "support/failing_syncs.h"
#include "support/program.h"

namespace forelog::cli_test {
namespace {

class KvProgramTest : public ProgramTest {
 protected:
  std::string store() const { return dir() / "shop"; }
  Arguments command(const std::string& name, const Arguments& arguments = {}) const {
    Arguments all = forelog({"kv", store(), name});
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }
  Outcome kv(const std::string& name, const Arguments& arguments = {},
             std::string_view input = {}) const {
    return run_command(command(name, arguments), input);
  }
  void expect(const Outcome& outcome, std::string_view out, int code = 0) const {
    EXPECT_EQ(outcome.out, out) << outcome.err;
    EXPECT_EQ(outcome.code, code) << outcome.err;
  }
  std::string many(int count) const {
    std::string lines;
    for (int i = 0; i < count; ++i) {
      lines +=
          "{\"key\":\"key" + std::to_string(i) + "\",\"value\":\"" + std::to_string(i) + "\"}\n";
    }
    return lines;
  }
};

TEST_F(KvProgramTest, PutsGetsAndRemoves) {
  expect(kv("put", {"a", "1"}), "1\n");
  expect(kv("put", {"a", "2", "--json"}), "{\"applied\":true,\"version\":2}\n");
  expect(kv("get", {"a"}), "2\n");
  expect(kv("get", {"a", "--raw"}), "2");
  expect(kv("get", {"a", "--json"}), "{\"key\":\"a\",\"value\":\"2\",\"version\":2}\n");
  expect(kv("get", {"b"}), "", 4);
  expect(kv("del", {"a"}), "3\n");
  expect(kv("get", {"a"}), "", 4);
}

TEST_F(KvProgramTest, APutOfStandardInputTakesAnyBytes) {
  const std::string bytes("\0\xff\n\n", 4);
  expect(kv("put", {"a"}, bytes), "1\n");
  expect(kv("get", {"a", "--raw"}), bytes);
  expect(kv("dump"), "{\"key\":\"a\",\"value_base64\":\"AP8KCg==\"}\n");
  EXPECT_EQ(kv("put", {"b"}, std::string(9 << 20, 'x')).code, 2);
}

TEST_F(KvProgramTest, AVersionThatIsNotTheRequiredOneRefuses) {
  expect(kv("put", {"a", "1", "--if-version", "0"}), "1\n");
  const Outcome refused = kv("put", {"a", "2", "--if-version", "0", "--json"});
  expect(refused, "{\"applied\":false,\"version\":1}\n", 6);
  EXPECT_TRUE(mentions(refused.err, "it has version 1"));
  expect(kv("del", {"a", "--if-version", "7"}), "", 6);
  expect(kv("del", {"a", "--if-version", "1"}), "4\n");
  EXPECT_TRUE(mentions(kv("del", {"a", "--if-version", "1"}).err, "it is absent"));
}

TEST_F(KvProgramTest, ScansRangesInBothDirections) {
  expect(kv("load", {},
            "{\"key\":\"a\",\"value\":\"1\"}\n\n{\"key\":\"ab\",\"value\":\"2\"}\n"
            "{\"key\":\"b\",\"value\":\"3\"}"),
         "3 keys loaded, the last with LSN 1\n");
  expect(kv("scan"), "a\t1\nab\t2\nb\t3\n");
  expect(kv("scan", {"--prefix", "a", "--reverse"}), "ab\t2\na\t1\n");
  expect(kv("scan", {"--from", "ab", "--to", "b", "--keys"}), "ab\n");
  expect(kv("scan", {"--limit", "1", "--json"}), "{\"key\":\"a\",\"value\":\"1\",\"version\":1}\n");
  EXPECT_EQ(kv("scan", {"--prefix", "a", "--from", "a"}).code, 2);
}

TEST_F(KvProgramTest, ABatchAcknowledgesEachLine) {
  expect(kv("batch", {},
            "{\"key\":\"a\",\"value\":\"1\"}\n"
            "[{\"op\":\"require\",\"key\":\"a\",\"version\":0},{\"op\":\"del\",\"key\":\"a\"}]\n"
            "[{\"op\":\"require\",\"key\":\"a\",\"version\":1},{\"key\":\"b\",\"value\":\"2\"},"
            "{\"op\":\"del\",\"key\":\"a\"}]\n"),
         "1\nrefused: requirement 0 found version 1\n3\n", 6);
  expect(kv("scan"), "b\t2\n");
}

TEST_F(KvProgramTest, ABatchAcknowledgesWhileItsInputGoesOn) {
  Process batch(command("batch", {"--json"}));
  batch.write("{\"key\":\"a\",\"value\":\"1\"}\n");
  EXPECT_EQ(batch.read_line(), "{\"applied\":true,\"lsn\":1}");
  expect(kv("get", {"a"}), "1\n");  // Beside the writer.
  const Outcome second = kv("put", {"a", "2"});
  EXPECT_EQ(second.code, 5) << second.err;
  EXPECT_TRUE(mentions(second.err, "get, scan, dump and stats work beside it")) << second.err;
  batch.write("{\"key\":\"b\",\"value\":\"2\"}\n");
  EXPECT_EQ(batch.read_line(), "{\"applied\":true,\"lsn\":2}");
  batch.write("{\"key\":\"c\",\"val");
  batch.signal(SIGINT);
  EXPECT_EQ(batch.read_line(), "");  // It ends before its input does: wait() closes that.
  const Outcome outcome = batch.wait();
  EXPECT_EQ(outcome.code, 1);
  EXPECT_TRUE(mentions(outcome.err,
                       "interrupted before the end of the input\nSynced: what the first 2 commands "
                       "of it wrote."))
      << outcome.err;
  expect(kv("scan"), "a\t1\nb\t2\n");
}

TEST_F(KvProgramTest, AnInterruptHasOneExitCodeAndWhatWasReadIsKept) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    Process batch(command("batch"));
    batch.write("{\"key\":\"a\",\"value\":\"1\"}\n");
    EXPECT_NE(batch.read_line(), "");
    batch.signal(signal);
    EXPECT_EQ(batch.read_line(), "");  // It ends before its input does: wait() closes that.
    const Outcome of_batch = batch.wait();
    EXPECT_EQ(of_batch.code, 1);
    EXPECT_TRUE(mentions(of_batch.err, "Synced: what the first command of it wrote."))
        << of_batch.err;
    Process load(command("load"));
    load.write(many(20'000));  // More than a pipe holds: it is reading.
    load.signal(signal);
    const std::string loaded = load.read_line();
    const Outcome of_load = load.wait();
    EXPECT_EQ(of_load.code, 1);
    EXPECT_TRUE(mentions(of_load.err, "interrupted before the end of the input")) << of_load.err;
    EXPECT_TRUE(mentions(loaded, "keys loaded, the last with LSN")) << loaded;
  }
  for (const char* name : {"batch", "load"}) {
    EXPECT_TRUE(mentions(kv(name, {"--help"}).out, "or it was interrupted")) << name;
  }
}

// Onto a device that takes nothing: what is kept is told all the same, and once.
TEST_F(KvProgramTest, SaysWhatIsKeptWhereItsOutputIsLost) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  const auto lost = [&](const std::string& name, const Arguments& arguments) {
    const Outcome outcome = Process(command(name, arguments), {}, full).wait();
    EXPECT_EQ(outcome.code, 1) << name;
    EXPECT_TRUE(mentions(outcome.err, "cannot write to standard output: No space left")) << name;
    return outcome.err;
  };
  EXPECT_TRUE(mentions(lost("put", {"a", "1"}), "\nSynced: the key has version 1.\n"));
  EXPECT_TRUE(mentions(lost("del", {"a"}), "\nSynced: the key was removed at LSN 2.\n"));
  EXPECT_TRUE(mentions(lost("checkpoint", {}), "\nThe snapshot of LSN 2 was made.\n"));
  ::close(full);
}

TEST_F(KvProgramTest, SaysWhatIsKeptWhereNobodyReadsItsOutput) {
  const std::string line = "{\"key\":\"a\",\"value\":\"1\"}\n";
  Process batch(command("batch"));
  batch.close_output();
  batch.write(line + line);
  const Outcome of_batch = batch.wait();
  EXPECT_EQ(of_batch.code, 1);
  EXPECT_TRUE(mentions(of_batch.err,
                       "Broken pipe\nSynced: what the first 2 commands of it wrote. "
                       "What follows was not written.\n"))
      << of_batch.err;
  Process load(command("load"));
  load.close_output();
  load.write(line);
  const Outcome of_load = load.wait();
  EXPECT_EQ(of_load.code, 1);
  EXPECT_TRUE(mentions(of_load.err, "Broken pipe\nSynced: 1 key loaded, the last with LSN 3.\n"))
      << of_load.err;
  Process put(command("put", {"a"}));
  put.close_output();
  put.write("2");
  EXPECT_TRUE(mentions(put.wait().err, "Broken pipe\nSynced: the key has version 4.\n"));
}

TEST_F(KvProgramTest, NothingIsNotCalledTheFirstZero) {
  expect(kv("load"), "no keys loaded\n");
  expect(kv("load", {"--json"}), "{\"keys\":0,\"lsn\":0}\n");
  for (const char* name : {"batch", "load"}) {
    const Outcome outcome = kv(name, {}, "nonsense\n");
    EXPECT_TRUE(mentions(outcome.err, "line 1: it is not JSON\nNothing of it was written.\n"))
        << outcome.err;
  }
  const Outcome one = kv("load", {}, "{\"key\":\"a\",\"value\":\"1\"}\nnonsense\n");
  EXPECT_TRUE(mentions(one.err, "Synced: the first key. What follows was not written.\n"))
      << one.err;
}

TEST_F(KvProgramTest, ABatchWhoseSyncFailsNamesWhatIsSyncedAndNoMore) {
  const FailingSyncs disk(dir());
  Process batch(command("batch"), disk.environment());
  batch.write("{\"key\":\"a\",\"value\":\"1\"}\n");
  EXPECT_EQ(batch.read_line(), "1");
  disk.fail();
  batch.write("{\"key\":\"b\",\"value\":\"1\"}\n{\"key\":\"c\",\"value\":\"1\"}\n");
  EXPECT_EQ(batch.read_line(), "");
  const Outcome outcome = batch.wait();
  EXPECT_EQ(outcome.code, 1);
  EXPECT_TRUE(mentions(outcome.err, "Input/output error")) << outcome.err;
  EXPECT_TRUE(mentions(outcome.err,
                       "Synced: what the first command of it wrote. Whether what the next 2 "
                       "commands wrote is synced is not known"))
      << outcome.err;
  EXPECT_FALSE(mentions(outcome.err, "\nforelog: ")) << "why is told once: " << outcome.err;
}

TEST_F(KvProgramTest, ALoadWhoseSyncFailsSaysThatItMayBeRepeated) {
  const FailingSyncs disk(dir());
  Process load(command("load"), disk.environment());
  load.write(many(20'000));  // More than a pipe holds: it is reading.
  disk.fail();
  load.write("nonsense");
  const Outcome outcome = load.wait();
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out, "");
  EXPECT_TRUE(mentions(outcome.err, "line 20001: it is not JSON\n")) << outcome.err;
  EXPECT_TRUE(mentions(outcome.err, "Input/output error")) << outcome.err;
  EXPECT_TRUE(mentions(outcome.err,
                       "Which of the first 20,000 keys are synced is not known; to load the same "
                       "input again is safe."))
      << outcome.err;
}

TEST_F(KvProgramTest, AKillLosesNothingAcknowledged) {
  for (int round = 0; round < 3; ++round) {
    Process batch(command("batch"));
    std::string last;
    for (int i = 0; i < 20; ++i) {
      last = std::to_string(round * 100 + i);
      batch.write("{\"key\":\"k" + last + "\",\"value\":\"" + last + "\"}\n");
      EXPECT_NE(batch.read_line(), "");
    }
    batch.signal(SIGKILL);
    EXPECT_EQ(batch.wait().code, 128 + SIGKILL);
    expect(kv("get", {"k" + last}), last + "\n");
    EXPECT_EQ(kv("checkpoint").code, 0);
  }
  EXPECT_EQ(Json::parse(kv("stats", {"--json"}).out)["keys"], 60);
}

TEST_F(KvProgramTest, ALineThatIsWrongEndsTheInputAndWhatWasBeforeItIsKept) {
  const std::set<std::string> wrong = {"nonsense",
                                       "{\"key\":\"a\"}",
                                       "{\"value\":\"a\"}",
                                       "{\"key\":1,\"value\":\"a\"}",
                                       "{\"key_base64\":\"=\",\"value\":\"\"}",
                                       "{\"key\":\"a\",\"key_base64\":\"\",\"value\":\"\"}",
                                       "{\"op\":\"get\",\"key\":\"a\"}",
                                       "{\"op\":\"require\",\"key\":\"a\"}",
                                       "[1]",
                                       "{\"key\":\"a\",\"value\":\"1\",\"expires\":\"whenever\"}"};
  for (const std::string& line : wrong) {
    const Outcome outcome = kv("batch", {}, "{\"key\":\"z\",\"value\":\"1\"}\n" + line + "\n");
    EXPECT_EQ(outcome.code, 1) << line;
    EXPECT_TRUE(mentions(outcome.err, "line 2")) << outcome.err;
    EXPECT_TRUE(mentions(outcome.err, "Synced: what the first command")) << outcome.err;
  }
  expect(kv("scan", {"--keys"}), "z\n");
  EXPECT_EQ(kv("load", {}, "{\"op\":\"del\",\"key\":\"z\"}\n").code, 1);
  expect(kv("scan", {"--keys"}), "z\n");
}

TEST_F(KvProgramTest, WhatHasExpiredBeforeItIsReadIsGoneWithWhatWasThereBefore) {
  const std::string expired = R"("value":"1","expires":"2020-01-01T00:00:00Z"})";
  for (const char* key : {"a", "b", "c", "d"}) kv("put", {key, "stale"});
  expect(kv("load", {}, "{\"key\":\"a\"," + expired + "\n"), "1 key loaded, the last with LSN 5\n");
  expect(kv("batch", {}, "{\"key\":\"b\"," + expired + "\n"), "6\n");
  // In an array as well, and in its order; a requirement of it that is not met refuses all.
  expect(
      kv("batch", {},
         "[{\"op\":\"require\",\"key\":\"c\",\"version\":3},{\"key\":\"c\"," + expired +
             ",{\"key\":\"e\"," + expired + ",{\"key\":\"e\",\"value\":\"2\"}]\n" +
             "[{\"op\":\"require\",\"key\":\"d\",\"version\":0},{\"key\":\"d\"," + expired + "]\n"),
      "7\nrefused: requirement 0 found version 4\n", 6);
  expect(kv("scan"), "d\tstale\ne\t2\n");
}

TEST_F(KvProgramTest, AMemberThatMeansNothingIsRefusedAndNamed) {
  const auto refused = [&](const std::string& command, const std::string& line,
                           std::string_view name) {
    const Outcome outcome = kv(command, {}, line + "\n");
    EXPECT_EQ(outcome.code, 1) << line;
    EXPECT_TRUE(mentions(outcome.err, name)) << outcome.err;
    EXPECT_TRUE(mentions(outcome.err, "these are: op key key_base64")) << outcome.err;
  };
  for (const char* command : {"load", "batch"}) {
    refused(command, R"({"key":"a","value":"1","ttl":"10s"})", "\"ttl\" is not a member of a put");
    refused(command, R"({"key":"a","vlaue":"1"})", "\"vlaue\" is not a member of a put");
    refused(command, R"([{"key":"a","value":"1"},{"key":"b","value":"1","x\u001b":1}])",
            "\"x\\u001b\"");
  }
  refused("batch", R"({"op":"del","key":"a","version":1})", "\"version\" is not a member of a del");
  refused("batch", R"({"op":"require","key":"a","version":0,"value":"1"})",
          "\"value\" is not a member of a require");
  expect(kv("scan", {"--keys"}), "");
  // As scan --json prints it.
  expect(kv("load", {}, "{\"key\":\"a\",\"value\":\"1\",\"version\":7}\n"),
         "1 key loaded, the last with LSN 1\n");
}

TEST_F(KvProgramTest, AMemberThatIsThereTwiceIsRefusedWithItsLine) {
  for (const char* command : {"load", "batch"}) {
    for (const char* line :
         {R"({"key":"a","value":"1","value":"2"})", R"({"key":"a","key":"b","value":"1"})",
          R"([{"key":"a","value":"1"},{"key":"b","value":"1","value":"1"}])"}) {
      const Outcome outcome = kv(command, {}, "\n" + std::string(line) + "\n");
      EXPECT_EQ(outcome.code, 1) << line;
      EXPECT_TRUE(mentions(outcome.err, "line 2: \"")) << outcome.err;
      EXPECT_TRUE(mentions(outcome.err, "\" is there twice in one object")) << outcome.err;
    }
  }
  expect(kv("scan", {"--keys"}), "");
  // Of objects beside each other each has its own.
  expect(kv("batch", {}, "[{\"key\":\"a\",\"value\":\"1\"},{\"key\":\"b\",\"value\":\"1\"}]\n"),
         "1\n");
}

TEST_F(KvProgramTest, WrongUsageNamesWhatIsWrongAndTheCommandAsItIsTyped) {
  EXPECT_TRUE(mentions(kv("get", {"--help"}).out, "Usage: forelog kv DIR get [OPTIONS] KEY\n"));
  const auto told = [](const Arguments& arguments) {
    const Outcome outcome = run_command(forelog(arguments));
    EXPECT_EQ(outcome.code, 2) << outcome.err;
    return outcome.err;
  };
  EXPECT_EQ(told({"kv", "s", "fly"}),
            "forelog: 'fly' is not a command of `forelog kv`\nRun `forelog kv --help` for its "
            "usage.\n");
  EXPECT_EQ(told({"help", "kv"}),
            "forelog: 'help' is not a command\nRun `forelog --help` for its usage.\n");
  EXPECT_TRUE(mentions(told({"kv", "s", "get", "-x"}), "Run `forelog kv DIR get --help`"));
  EXPECT_TRUE(mentions(told({"kv", "s", "get", "a", "-x"}), "-x\nRun `forelog kv DIR get --help`"));
  EXPECT_TRUE(mentions(told({"kv", "s", "-x"}), "'-x' is not an option of `forelog kv`"));
}

TEST_F(KvProgramTest, StatsDoNotCallARefusedWriteTheLastWrite) {
  kv("put", {"a", "1"});
  kv("put", {"a", "2", "--if-version", "7"});
  const std::string text = kv("stats").out;
  EXPECT_TRUE(mentions(text, "LSN 2: the last record of the log")) << text;
}

TEST_F(KvProgramTest, WhatIsDumpedLoadsAsItWas) {
  const Outcome loaded = kv("load", {"--json"}, many(5000));
  EXPECT_EQ(Json::parse(loaded.out)["keys"], 5000) << loaded.err;
  EXPECT_EQ(Json::parse(kv("stats", {"--json"}).out)["applied"], Json::parse(loaded.out)["lsn"]);
  kv("put", {"soon", "x", "--expire-after", "30m"});
  kv("put", {"\xff\xfe", "bytes"});
  const std::string dumped = kv("dump").out;
  EXPECT_EQ(Json::parse(kv("stats", {"--json"}).out)["keys"], 5002);
  const std::string copy = dir() / "copy";
  EXPECT_EQ(run_command(forelog({"kv", copy, "load"}), dumped).code, 0);
  EXPECT_EQ(run_command(forelog({"kv", copy, "dump"})).out, dumped);
}

TEST_F(KvProgramTest, OpensFromACheckpoint) {
  kv("load", {}, many(1000));
  const std::string lsn = kv("checkpoint").out;
  kv("put", {"more", "1"});
  const Json stats = Json::parse(kv("stats", {"--json"}).out);
  EXPECT_EQ(std::to_string(stats["snapshot"].get<int>()) + "\n", lsn);
  EXPECT_EQ(stats["replayed_records"], 1);
  EXPECT_EQ(stats["snapshots"], 1);
  EXPECT_EQ(stats["keys"], 1001);
  EXPECT_TRUE(mentions(kv("stats").out, "1,001 keys"));
}

TEST_F(KvProgramTest, SnapshotsAreCompressedOnlyWhereSomeoneAskedForIt) {
  const auto opens_without_codec = [&] { return static_cast<bool>(Kv::open(store())); };
  kv("load", {}, many(100));
  EXPECT_EQ(kv("checkpoint").code, 0);
  EXPECT_TRUE(opens_without_codec());
  // Also of a record that has a snapshot.
  EXPECT_EQ(kv("checkpoint", {"--compress"}).code, 0);
  const auto refused = Kv::open(store());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::unsupported);
  const std::string said(refused.error().message());
  EXPECT_TRUE(mentions(said, "forelog::zstd")) << said;
  EXPECT_EQ(said.find(".snapshot"), said.rfind(".snapshot")) << said;
  kv("put", {"a", "1"});
  EXPECT_EQ(kv("checkpoint").code, 0);
  EXPECT_FALSE(opens_without_codec()) << "as the newest one is";
  EXPECT_EQ(kv("checkpoint", {"--no-compress"}).code, 0);
  EXPECT_TRUE(opens_without_codec());
  EXPECT_EQ(kv("checkpoint", {"--compress", "--no-compress"}).code, 2);
}

TEST_F(KvProgramTest, WhatIsLostOfAStoreIsNamedAndNotMadeAnew) {
  namespace fs = std::filesystem;
  const fs::path log = fs::path(store()) / "log", snapshots = fs::path(store()) / "snapshots";
  KvOptions options;
  options.durable.log.segment_bytes = 64 << 10;
  {
    auto made = Kv::open(store(), options);
    ASSERT_TRUE(made);
    for (int i = 0; i < 6; ++i) {
      ASSERT_TRUE(made->put("a", std::string(40 << 10, 'x')));
      ASSERT_TRUE(made->checkpoint());
    }
    ASSERT_TRUE(made->close().ok());
  }
  const auto refused_without = [&](const fs::path& part, int code, const std::string& why) {
    fs::rename(part, dir() / "away");
    const Outcome put = kv("put", {"a", "1"});
    EXPECT_EQ(put.code, code) << put.err;
    EXPECT_TRUE(mentions(put.err, part.string() + " is missing")) << put.err;
    EXPECT_TRUE(mentions(put.err, why)) << put.err;
    EXPECT_FALSE(fs::exists(part));
    fs::rename(dir() / "away", part);
  };
  refused_without(log, 3, "newest snapshot, of LSN 6");
  refused_without(snapshots, 4, "LSNs 1 to ");
  expect(kv("put", {"a", "1"}), "7\n");
}

TEST_F(KvProgramTest, ALogIsNeitherMadeInAStoreNorAppendedToBehindItsBack) {
  kv("put", {"a", "1"});
  for (const char* name : {"append", "cat", "info", "verify", "repair", "tail"}) {
    const Outcome outcome = run_command(forelog({name, store()}), "x\n");
    EXPECT_EQ(outcome.code, 4) << name;
    EXPECT_TRUE(mentions(outcome.err, "its log is " + store() + "/log")) << outcome.err;
  }
  const Outcome refused = run_command(forelog({"append", store() + "/log"}), "x\n");
  EXPECT_EQ(refused.code, 2);
  EXPECT_TRUE(mentions(refused.err, "is the log of a store")) << refused.err;
  expect(kv("put", {"a", "2"}), "2\n");
  EXPECT_EQ(run_command(forelog({"append", "--force", store() + "/log"}), "x\n").code, 0);
  const Outcome ended = kv("get", {"a"});
  EXPECT_TRUE(mentions(ended.err, "LSN 3")) << ended.err;
  EXPECT_TRUE(mentions(ended.err, "--keep-through 2")) << ended.err;
  run_command(forelog({"trim", store() + "/log", "--keep-through", "2"}));
  expect(kv("get", {"a"}), "2\n");
}

TEST_F(KvProgramTest, OpensBesideWhatIsNoSnapshotUnderASnapshotsName) {
  kv("load", {}, many(10));
  kv("checkpoint");
  kv("put", {"more", "1"});
  const auto snapshots = std::filesystem::path(store()) / "snapshots";
  std::filesystem::create_directory(snapshots / "0000000000000007.snapshot");
  std::filesystem::create_directory(snapshots / "abc.snapshot");
  const Outcome got = kv("get", {"more"});
  expect(got, "1\n");
  EXPECT_TRUE(mentions(got.err, "passed over a damaged snapshot: 0000000000000007.snapshot"))
      << got.err;
  const Json damaged = Json::parse(kv("stats", {"--json"}).out)["damaged"];
  ASSERT_EQ(damaged.size(), 1u);
  EXPECT_TRUE(mentions(damaged[0]["file"], "0000000000000007.snapshot"));
  expect(kv("put", {"more", "2"}), "3\n");
  EXPECT_EQ(kv("checkpoint").code, 0);
  expect(kv("get", {"more"}), "2\n");
}

TEST_F(KvProgramTest, WhatIsNotThereIsMadeByThoseWhoPutAlone) {
  const Arguments readers[] = {{"dump"},     {"scan"},       {"stats"},
                               {"get", "a"}, {"checkpoint"}, {"del", "a"}};
  const std::string said = kv("get", {"a"}).err;
  for (const Arguments& reader : readers) {
    const Outcome outcome = kv(reader[0], {reader.begin() + 1, reader.end()});
    EXPECT_EQ(outcome.code, 4) << reader[0];
    EXPECT_EQ(outcome.err, said) << reader[0];
    EXPECT_FALSE(std::filesystem::exists(store())) << reader[0];
  }
  std::filesystem::create_directory(store());
  for (const Arguments& reader : readers) {
    EXPECT_EQ(kv(reader[0], {reader.begin() + 1, reader.end()}).code, 4) << reader[0];
    EXPECT_TRUE(std::filesystem::is_empty(store())) << reader[0];
  }
  EXPECT_EQ(run_command(forelog({"kv", store()})).code, 2);
  EXPECT_EQ(kv("put").code, 2);
  EXPECT_EQ(kv("put", {"a", "1", "--expire-after", "yesterday"}).code, 2);
  EXPECT_TRUE(std::filesystem::is_empty(store()));
  for (const char* name : {"batch", "load", "put"}) {
    std::filesystem::remove_all(store());
    EXPECT_EQ(kv(name, name == std::string("put") ? Arguments{"a", "1"} : Arguments()).code, 0);
    EXPECT_EQ(kv("dump").code, 0) << name;
  }
}

}  // namespace
}  // namespace forelog::cli_test
