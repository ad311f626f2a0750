// A directory that was mistaken for another: what each command says of it, and with which exit code.
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "forelog/durable.h"
#include "forelog/intents.h"
#include "support/program.h"

namespace forelog::cli_test {
namespace {

namespace fs = std::filesystem;

class Place : public ProgramTest {
 protected:
  // A log, a store, intents (with and without a snapshot), a directory that holds intents, an empty
  // one, and a file.
  void make_all() const {
    append("one\n");
    ASSERT_EQ(forelog_on("kv", "store", {"put", "a", "1"}).code, 0);
    make_intents("intents", false);
    make_intents("saved", true);
    make_intents("shop/intents", false);
    fs::create_directory(dir() / "empty");
    std::ofstream(dir() / "file") << "precious";
  }
  void make_intents(const std::string& name, bool checkpoint) const {
    fs::create_directories((dir() / name).parent_path());
    auto intents = Intents::open(dir() / name);
    ASSERT_TRUE(intents) << intents.error().message();
    ASSERT_TRUE(intents->begin({.kind = "order", .steps = {"charge"}}));
    EXPECT_TRUE(!checkpoint || intents->checkpoint());
    ASSERT_TRUE(intents->close().ok());
  }
  Outcome forelog_on(const std::string& command, const std::string& name,
                     const Arguments& arguments) const {
    Arguments all = forelog({command, dir() / name});
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run_command(all);
  }
  void expect_nothing_there(const std::string& command, const std::string& name,
                            const Arguments& arguments, const std::string& part = "") const {
    const Outcome outcome = forelog_on(command, name, arguments);
    EXPECT_EQ(outcome.code, 4) << command << " " << name << ": " << outcome.err;
    EXPECT_TRUE(mentions(outcome.err, (dir() / name).string() + part)) << outcome.err;
  }
};

struct Use {
  std::string command;
  Arguments arguments;
};
const std::vector<Use> kOfLogs = {{"cat", {}},
                                  {"info", {}},
                                  {"verify", {}},
                                  {"tail", {}},
                                  {"repair", {"--dry-run"}},
                                  {"trim", {"--keep-from", "1"}}};
const std::vector<Use> kOfStores = {{"kv", {"get", "a"}}, {"kv", {"stats"}}, {"kv", {"del", "a"}}};
const std::vector<Use> kOfIntents = {
    {"intents", {"list"}}, {"intents", {"show", "1"}}, {"intents", {"retry", "1"}}};

TEST_F(Place, AMistakenDirectoryHasOneExitCode) {
  make_all();
  const auto expect_all = [&](const std::vector<Use>& uses, const Arguments& names) {
    for (const Use& use : uses) {
      for (const std::string& name : names) expect_nothing_there(use.command, name, use.arguments);
    }
  };
  expect_all(kOfLogs, {"missing", "empty", "file", "store", "intents", "shop"});
  expect_all(kOfStores, {"missing", "empty", "file", "log", "intents", "saved", "shop"});
  expect_all(kOfIntents, {"missing", "empty", "file", "log", "store", "shop"});
  expect_all({{"snapshots", {}}}, {"missing", "empty", "file", "log", "shop"});
  for (const char* name : {"file", "log", "intents", "saved"}) {
    expect_nothing_there("kv", name, {"put", "a", "1"});
  }
  expect_nothing_there("doctor", "file", {});
  EXPECT_EQ(read_file(dir() / "file"), "precious");
}

TEST_F(Place, SaysWhatIsThereAndWhereToLook) {
  make_all();
  const std::string store_log = " is a store: its log is " + (dir() / "store/log").string() + "\n";
  for (const Use& use : kOfLogs) {
    expect_nothing_there(use.command, "store", use.arguments, store_log);
    expect_nothing_there(use.command, "intents", use.arguments, " is a directory of intents: its");
  }
  for (const Use& use : kOfStores) {
    expect_nothing_there(use.command, "log", use.arguments, " is a log, not a store\n");
    expect_nothing_there(use.command, "saved", use.arguments, " is a directory of intents, not");
    expect_nothing_there(
        use.command, "store/log", use.arguments,
        " is a log, not a store: the store is " + (dir() / "store").string() + "\n");
  }
  for (const Use& use : kOfIntents) {
    expect_nothing_there(use.command, "shop", use.arguments,
                         ": no intents there; give the directory below it, " +
                             (dir() / "shop/intents").string() + "\n");
    expect_nothing_there(use.command, "store", use.arguments,
                         " is a store, not a directory of intents\n");
    expect_nothing_there(use.command, "saved/log", use.arguments,
                         " is a log, not a directory of intents; give the directory above it, " +
                             (dir() / "saved").string() + "\n");
  }
}

TEST_F(Place, DamageOfWhatWasMeantStaysDamage) {
  ASSERT_EQ(forelog_on("kv", "store", {"put", "a", "a value to damage"}).code, 0);
  ASSERT_EQ(forelog_on("kv", "store", {"put", "b", "2"}).code, 0);
  for (const fs::directory_entry& entry : fs::directory_iterator(dir() / "store/log")) {
    const std::size_t at = read_file(entry.path()).find("a value to damage");
    if (at != std::string::npos) overwrite(entry.path(), at, "A");
  }
  EXPECT_EQ(forelog_on("kv", "store", {"get", "b"}).code, 3);
}

TEST_F(Place, ADirectoryThatIsALinkIsRefusedByAll) {
  make_all();
  for (const char* name : {"store", "intents"}) {
    fs::create_directory_symlink(dir() / name, dir() / (std::string("to ") + name));
  }
  const std::vector<Use> uses = {{"snapshots", {}},          {"kv", {"get", "a"}},
                                 {"kv", {"put", "a"}},       {"intents", {"list"}},
                                 {"intents", {"show", "1"}}, {"intents", {"retry", "1"}}};
  for (const Use& use : uses) {
    for (const std::string name : {"to store", "to intents"}) {
      const Outcome outcome = forelog_on(use.command, name, use.arguments);
      EXPECT_EQ(outcome.code, 2) << use.command << " " << name;
      EXPECT_TRUE(mentions(outcome.err, "is a symbolic link, which is never followed"))
          << outcome.err;
    }
  }
}

}  // namespace
}  // namespace forelog::cli_test
