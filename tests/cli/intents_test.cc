// forelog intents, run as a program, on intents that this one makes.
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "forelog/intents.h"
#include "support/program.h"

namespace forelog::cli_test {
namespace {

class IntentsCommand : public ProgramTest {
 protected:
  void open() {
    auto opened = Intents::open(dir() / "shop");
    ASSERT_TRUE(opened) << opened.error().message();
    intents_.emplace(*std::move(opened));
  }
  void close() {
    ASSERT_TRUE(intents_->close().ok());
    intents_.reset();
  }
  // One that is parked at its second step, and one that has just begun.
  void make_some() {
    open();
    const auto parked = intents_->begin({.kind = "order",
                                         .payload = "soup\x1b[31m",
                                         .steps = {"charge", "cook"},
                                         .pivot = 1,
                                         .key = "order 7"});
    ASSERT_TRUE(parked);
    parked_ = *parked;
    ASSERT_TRUE(intents_->done(parked_, 0, "receipt 17").ok());
    ASSERT_TRUE(intents_->park(parked_, "the kitchen is closed").ok());
    const auto running = intents_->begin({.kind = "order", .payload = "\xff", .steps = {"charge"}});
    ASSERT_TRUE(running);
    running_ = *running;
  }
  Outcome intents(const Arguments& arguments) const {
    Arguments all = forelog({"intents", dir() / "shop"});
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run_command(all, {});
  }
  std::string parked() const { return std::to_string(parked_.value); }
  std::string running() const { return std::to_string(running_.value); }

  std::optional<Intents> intents_;
  IntentId parked_, running_;
};

TEST_F(IntentsCommand, ListsBesideTheProcessThatRunsThem) {
  make_some();
  const Outcome outcome = intents({"list"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(mentions(outcome.out, "running, parked"));
  EXPECT_TRUE(mentions(outcome.out, "1 cook"));
  EXPECT_TRUE(mentions(outcome.out, "the kitchen is closed"));
  const Json json = Json::parse(intents({"list", "--json"}).out)["intents"];
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0]["id"], parked_.value);
  EXPECT_EQ(json[0]["parked"], true);
  EXPECT_EQ(json[0]["key"], "order 7");
  EXPECT_EQ(json[0]["pivot"], 1);
  EXPECT_EQ(json[0]["next_step"], 1);
  EXPECT_EQ(json[0]["steps"][0]["result"], "receipt 17");
  EXPECT_EQ(json[0]["steps"][1]["state"], "pending");
  EXPECT_EQ(json[1]["payload_base64"], "/w==");
}

TEST_F(IntentsCommand, ShowsOneWithoutItsControlCharacters) {
  make_some();
  const Outcome outcome = intents({"show", parked()});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(mentions(outcome.out, "soup\\x1b[31m"));
  EXPECT_TRUE(mentions(outcome.out, "receipt 17"));
  EXPECT_TRUE(mentions(outcome.out, "cook (pivot)"));
  EXPECT_EQ(Json::parse(intents({"show", parked(), "--json"}).out)["kind"], "order");
  const Outcome none = intents({"show", "999"});
  EXPECT_EQ(none.code, 4);
  EXPECT_TRUE(mentions(none.err, "intent 999 is not unfinished"));
}

TEST_F(IntentsCommand, RetriesAndDropsWhatIsParked) {
  make_some();
  close();
  const Outcome running_one = intents({"drop", running()});
  EXPECT_EQ(running_one.code, 5);
  EXPECT_TRUE(mentions(running_one.err, "is not parked"));
  EXPECT_TRUE(mentions(running_one.err, "Start the program that runs it")) << running_one.err;
  EXPECT_FALSE(mentions(running_one.err, "or park it")) << running_one.err;
  EXPECT_EQ(intents({"retry", parked()}).out, "retried " + parked() + "\n");
  open();
  EXPECT_FALSE(intents_->find(parked_)->parked);
  ASSERT_TRUE(intents_->park(parked_, "again").ok());
  close();
  EXPECT_EQ(Json::parse(intents({"drop", parked(), "--why", "refunded", "--json"}).out)["dropped"],
            Json::array({parked_.value}));
  open();
  EXPECT_EQ(intents_->find_finished(parked_)->reason, "refunded");
  close();
  EXPECT_EQ(intents({"retry", "999"}).code, 4);
}

TEST_F(IntentsCommand, SaysWhatWasDoneBeforeTheOneThatFailed) {
  make_some();
  close();
  const Outcome retried = intents({"retry", parked(), "999", running(), "--json"});
  EXPECT_EQ(retried.code, 4);
  EXPECT_EQ(Json::parse(retried.out), Json({{"retried", {parked_.value}}})) << retried.out;
  EXPECT_TRUE(mentions(retried.err, "999")) << retried.err;
  const Outcome none = intents({"drop", "999", "--json"});
  EXPECT_EQ(none.code, 4);
  EXPECT_EQ(Json::parse(none.out), Json({{"dropped", Json::array()}})) << none.out;
  open();
  EXPECT_FALSE(intents_->find(parked_)->parked);
}

TEST_F(IntentsCommand, WhatIsNoIdIsWrongUsage) {
  make_some();
  for (const char* verb : {"show", "retry", "drop"}) {
    for (const char* id : {"-1", "0", "soup", "", "1x", "99999999999999999999"}) {
      const Outcome outcome = intents({verb, id});
      EXPECT_EQ(outcome.code, 2) << verb << " " << id;
      EXPECT_TRUE(mentions(outcome.err, "'" + std::string(id) + "' is not the id of an intent"))
          << outcome.err;
    }
  }
}

TEST_F(IntentsCommand, IsBusyWhileAProcessRunsThem) {
  make_some();
  for (const Arguments& arguments : {Arguments{"retry", parked()}, Arguments{"drop", parked()}}) {
    const Outcome outcome = intents(arguments);
    EXPECT_EQ(outcome.code, 5);
    EXPECT_TRUE(mentions(outcome.err, "stop it first")) << outcome.err;
    EXPECT_TRUE(mentions(outcome.err, "list and show work beside it")) << outcome.err;
  }
  EXPECT_TRUE(intents_->find(parked_)->parked);
}

TEST_F(IntentsCommand, CountsTheAttemptThatParkedIt) {
  open();
  HandlerOptions options;
  options.attempts_max = 3;
  options.backoff_first = std::chrono::milliseconds(1);
  ASSERT_TRUE(intents_
                  ->handle("order", {.run = [](IntentAttempt&) -> Result<std::string> {
                             return Status(Code::io_error, "no answer");
                           }},
                           options)
                  .ok());
  ASSERT_TRUE(intents_->start().ok());
  const auto begun = intents_->begin({.kind = "order", .steps = {"charge"}});
  ASSERT_TRUE(begun);
  ASSERT_TRUE(intents_->wait(*begun)->parked);
  const std::string id = std::to_string(begun->value);
  const Outcome shown = intents({"show", id});
  EXPECT_TRUE(mentions(shown.out, "failed      3 attempts\n")) << shown.out;
  EXPECT_TRUE(mentions(shown.out, "failed 3 times")) << shown.out;
  const Json json = Json::parse(intents({"show", id, "--json"}).out);
  EXPECT_EQ(json["attempts"], 3);
  EXPECT_TRUE(json["next_attempt"].is_null());
}

TEST_F(IntentsCommand, ListsWhatIsFinishedWithItsReason) {
  make_some();
  ASSERT_TRUE(intents_->done(running_, 0).ok());
  ASSERT_TRUE(intents_->complete(running_).ok());
  EXPECT_EQ(Json::parse(intents({"list", "--finished", "--json"}).out)["finished"][0]["phase"],
            "completed");  // Beside the process that runs them.
  close();
  EXPECT_EQ(intents({"drop", parked(), "--why", "refunded by hand"}).code, 0);
  const Outcome text = intents({"list", "--finished"});
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_TRUE(mentions(text.out, "dropped")) << text.out;
  EXPECT_TRUE(mentions(text.out, "refunded by hand")) << text.out;
  const Json json = Json::parse(intents({"list", "--finished", "--json"}).out)["finished"];
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[1]["id"], parked_.value);
  EXPECT_EQ(json[1]["key"], "order 7");
  EXPECT_EQ(json[1]["reason"], "refunded by hand");
  EXPECT_FALSE(json[1]["finished"].get<std::string>().empty());
  EXPECT_TRUE(mentions(intents({"show", parked()}).err, "list --finished"));
  std::filesystem::remove_all(dir() / "shop");
  open();
  EXPECT_EQ(intents({"list", "--finished"}).out, "no finished intents are remembered\n");
}

TEST_F(IntentsCommand, HelpShowsEachVerbAsItIsTyped) {
  for (const std::string verb : {"list", "show", "retry", "drop"}) {
    const std::string help = intents({verb, "--help"}).out;
    EXPECT_TRUE(mentions(help, "Usage: forelog intents DIR " + verb + " [OPTIONS]")) << help;
    EXPECT_TRUE(mentions(help, "--json")) << help;
  }
}

TEST_F(IntentsCommand, SaysWhatIsMissing) {
  EXPECT_EQ(intents({"list"}).code, 4);
  EXPECT_EQ(intents({"retry", "1"}).code, 4);
  EXPECT_EQ(intents({}).code, 2);
  EXPECT_EQ(intents({"retry"}).code, 2);
  EXPECT_EQ(intents({"fly"}).code, 2);
  open();
  close();
  EXPECT_EQ(intents({"list"}).out, "no unfinished intents\n");
}

}  // namespace
}  // namespace forelog::cli_test
