// Prepare and decide: votes, locks, what is in doubt and who is asked about it.
#include "forelog/decide.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "intents/participant_state.h"
#include "intents/test_deciding.h"

namespace forelog {
namespace {

using testing::DecidingWorld;

class DecideTest : public ::testing::Test {
 protected:
  DecideTest() {
    EXPECT_TRUE(world_.open().ok());
    EXPECT_TRUE(world_.north.log().update("alice +100"));
  }
  Decision decide(const std::vector<ParticipantChange>& changes) {
    const auto decision = world_.coordinator->decide(changes);
    EXPECT_TRUE(decision) << decision.error().message();
    return decision ? *decision : Decision::undecided;
  }
  std::pair<std::int64_t, std::int64_t> sums() {
    return {world_.north.sum("alice"), world_.south.sum("bob")};
  }
  using Sums = std::pair<std::int64_t, std::int64_t>;

  DecidingWorld world_;
};

TEST_F(DecideTest, WhatAllPrepareIsCommittedByAll) {
  EXPECT_EQ(decide(DecidingWorld::move(30)), Decision::committed);
  EXPECT_EQ(sums(), Sums(70, 30));
  EXPECT_TRUE(world_.north.log().in_doubt().empty());
}

TEST_F(DecideTest, WhatOneVotesAgainstIsAbortedByAll) {
  const auto transaction =
      world_.coordinator->begin({{"south", "bob +500"}, {"north", "alice -500"}});
  ASSERT_TRUE(transaction);
  EXPECT_EQ(*world_.coordinator->wait(*transaction), Decision::aborted);
  EXPECT_EQ(sums(), Sums(100, 0));
  EXPECT_TRUE(world_.south.log().in_doubt().empty());
  const auto finished = world_.coordinator->intents().find_finished(IntentId(1));
  ASSERT_TRUE(finished);
  EXPECT_EQ(finished->reason, "north votes no: alice has no more than 100");
  EXPECT_EQ(*world_.coordinator->decision(*transaction), Decision::aborted);
}

TEST_F(DecideTest, WhatIsPreparedIsLockedAndHasNoEffect) {
  auto& north = world_.north.log();
  EXPECT_TRUE(north.prepare("t", "alice -100")->yes);
  EXPECT_TRUE(north.prepare("t", "alice -100")->yes);  // Asked again.
  EXPECT_EQ(world_.north.sum("alice"), 100);
  EXPECT_EQ(north.update("alice -100").error().code(), Code::busy);
  EXPECT_TRUE(north.update("carol +1"));
  EXPECT_EQ(north.prepare("u", "alice -1").error().code(), Code::busy);
  EXPECT_EQ(decide(DecidingWorld::move(1)), Decision::aborted);  // Asked twice, and busy.
  EXPECT_TRUE(north.commit("t", "").ok());
  EXPECT_TRUE(north.commit("t", "").ok());
  EXPECT_EQ(world_.north.sum("alice"), 0);
  EXPECT_EQ(north.abort("t").code(), Code::invalid_argument);
  EXPECT_TRUE(north.update("alice +1"));
}

TEST_F(DecideTest, APrepareThatComesBehindItsAbortIsRefused) {
  auto& north = world_.north.log();
  EXPECT_TRUE(north.abort("t").ok());
  EXPECT_FALSE(north.prepare("t", "alice -1")->yes);
  EXPECT_EQ(north.commit("t", "").code(), Code::not_found);
  EXPECT_EQ(north.commit("u", "").code(), Code::not_found);
  EXPECT_EQ(north.prepare("", "alice -1").error().code(), Code::invalid_argument);
}

TEST_F(DecideTest, WhatIsPreparedSurvivesInTheLogAndInASnapshot) {
  for (const bool snapshot : {false, true}) {
    const std::string transaction = snapshot ? "in a snapshot" : "in the log";
    EXPECT_TRUE(world_.north.log().prepare(transaction, "alice -10")->yes);
    if (snapshot) {
      ASSERT_TRUE(world_.north.log().checkpoint());
    }
    world_.north.end();
    ASSERT_TRUE(world_.north.open().ok());
    const auto in_doubt = world_.north.log().in_doubt();
    ASSERT_EQ(in_doubt.size(), 1u);
    EXPECT_EQ(in_doubt[0].transaction, transaction);
    EXPECT_EQ(in_doubt[0].change, "alice -10");
    EXPECT_EQ(world_.north.log().update("alice -1").error().code(), Code::busy);
    EXPECT_TRUE(world_.north.log().commit(transaction, "").ok());
  }
  EXPECT_EQ(world_.north.sum("alice"), 80);
}

TEST_F(DecideTest, WhoIsInDoubtAsksTheCoordinator) {
  Coordinator& coordinator = *world_.coordinator;
  const auto committed = coordinator.begin(DecidingWorld::move(10));
  ASSERT_TRUE(committed);
  EXPECT_EQ(*coordinator.wait(*committed), Decision::committed);
  const auto forgotten = coordinator.begin({{"south", "bob -10000"}});
  ASSERT_TRUE(forgotten);
  EXPECT_EQ(*coordinator.wait(*forgotten), Decision::aborted);
  for (std::size_t i = 0; i < kFinishedIntentsKept; ++i) {
    (void)coordinator.decide({{"south", "bob +0"}});
  }
  const std::string& unknown = *forgotten;
  auto& north = world_.north.log();
  EXPECT_TRUE(north.prepare(unknown, "alice -1")->yes);
  const auto left = north.resolve(
      [&](std::string_view transaction) { return coordinator.decision(transaction); });
  ASSERT_TRUE(left) << left.error().message();
  EXPECT_EQ(*left, 0u);
  EXPECT_EQ(world_.north.sum("alice"), 90);  // Presumed aborted.

  EXPECT_TRUE(north.prepare("of another", "alice -1")->yes);
  const auto asked = north.resolve(
      [&](std::string_view transaction) { return coordinator.decision(transaction); });
  EXPECT_EQ(asked.error().code(), Code::invalid_argument);
  EXPECT_EQ(*north.resolve([](std::string_view) { return Decision::undecided; }), 1u);
}

// One that is away keeps nobody else waiting: neither for a commit …
TEST_F(DecideTest, TheOthersCommitWhileOneIsAway) {
  world_.north.leave_at_next("commit");
  const auto transaction = world_.coordinator->begin(DecidingWorld::move(30));
  ASSERT_TRUE(transaction);
  while (!world_.south.log().in_doubt().empty() || world_.south.sum("bob") == 0) {
    std::this_thread::yield();
  }
  EXPECT_EQ(*world_.coordinator->decision(*transaction), Decision::committed);
  EXPECT_EQ(world_.coordinator->wait(*transaction, Deadline()).error().code(), Code::timed_out);
  EXPECT_TRUE(world_.south.log().update("bob -30"));
  ASSERT_TRUE(world_.north.open().ok());
  EXPECT_EQ(*world_.coordinator->wait(*transaction), Decision::committed);
  EXPECT_EQ(sums(), Sums(70, 0));
}

// … nor for an abort.
TEST_F(DecideTest, TheOthersAbortWhileOneIsAway) {
  world_.south.leave_at_next("prepare");
  const auto transaction = world_.coordinator->begin(DecidingWorld::move(30));
  ASSERT_TRUE(transaction);
  while (*world_.coordinator->decision(*transaction) == Decision::undecided) {
    std::this_thread::yield();
  }
  while (!world_.north.log().in_doubt().empty()) std::this_thread::yield();
  EXPECT_TRUE(world_.north.log().update("alice -100"));
  EXPECT_EQ(world_.coordinator->wait(*transaction, Deadline()).error().code(), Code::timed_out);
  ASSERT_TRUE(world_.south.open().ok());
  EXPECT_EQ(*world_.coordinator->wait(*transaction), Decision::aborted);
  EXPECT_EQ(sums(), Sums(0, 0));
}

TEST_F(DecideTest, WhatIsDecidedAndToldAgainTakesNoRecord) {
  auto& north = world_.north.log();
  EXPECT_TRUE(north.prepare("u", "alice -1")->yes);
  EXPECT_TRUE(north.commit("u", "").ok());
  EXPECT_TRUE(north.abort("t").ok());
  const Lsn before = north.log().watermarks().appended;
  EXPECT_TRUE(north.commit("u", "").ok());
  EXPECT_TRUE(north.abort("t").ok());
  EXPECT_EQ(north.log().watermarks().appended, before);
}

// One that was resolved without its coordinator, and forgotten behind many others.
TEST_F(DecideTest, WhatAParticipantHasForgottenIsKnownByItsReceipt) {
  world_.north.leave_at_next("commit");
  const auto transaction = world_.coordinator->begin(DecidingWorld::move(30));
  ASSERT_TRUE(transaction);
  while (*world_.coordinator->decision(*transaction) == Decision::undecided) {
    std::this_thread::yield();
  }
  world_.coordinator.reset();
  ASSERT_TRUE(world_.north.open().ok());
  auto& north = world_.north.log();
  ASSERT_TRUE(north.resolve([](std::string_view) { return Decision::committed; }));
  for (std::size_t i = 0; i < intents::kDecidedKept; ++i) {
    ASSERT_TRUE(north.abort("other " + std::to_string(i)).ok());
  }
  EXPECT_EQ(north.commit(*transaction, "").code(), Code::not_found) << "it is forgotten";
  const Lsn before = north.log().watermarks().appended;
  ASSERT_TRUE(world_.open_coordinator().ok());
  EXPECT_EQ(*world_.coordinator->wait(*transaction), Decision::committed);
  EXPECT_EQ(sums(), Sums(70, 30));
  EXPECT_EQ(north.log().watermarks().appended, before);
}

TEST_F(DecideTest, AReceiptIsOfOneLogAndOfWhatIsInIt) {
  auto& north = world_.north.log();
  const auto vote = north.prepare("t", "alice -1");
  ASSERT_TRUE(vote);
  const Lsn prepared = north.in_doubt()[0].prepared;
  EXPECT_EQ(vote->receipt, north.log().id() + "/" + std::to_string(prepared.value));
  EXPECT_EQ(north.prepare("t", "alice -1")->receipt, vote->receipt);
  const auto refused = [&](const std::string& receipt, std::string_view why) {
    const Status status = north.commit("u", receipt);
    EXPECT_EQ(status.code(), Code::not_found);
    EXPECT_NE(status.message().find(why), std::string_view::npos) << status.message();
  };
  refused(std::string(32, '0') + "/1", "another log");
  refused(vote->receipt + "x", "another log");
  refused(north.log().id() + "/1000", "older copy");
  EXPECT_TRUE(north.commit("t", vote->receipt).ok());
  EXPECT_EQ(world_.north.sum("alice"), 99);
  EXPECT_TRUE(north.abort("u").ok());
  EXPECT_EQ(north.commit("u", vote->receipt).code(), Code::not_found) << "it was aborted";
}

TEST_F(DecideTest, ParticipantsHaveNamesAndAreThere) {
  DecidingWorld other;
  CoordinatorOptions options;
  options.intents = testing::intents_options(other.coordinators.faults);
  for (const std::string& name : {std::string(), std::string("a b"), std::string(57, 'a')}) {
    EXPECT_EQ(Coordinator::open("/other", {{name, &world_.north}}, options).error().code(),
              Code::invalid_argument);
  }
  EXPECT_EQ(Coordinator::open("/other", {{"north", nullptr}}, options).error().code(),
            Code::invalid_argument);
  EXPECT_TRUE(Coordinator::open("/other", {{std::string(56, 'a'), &world_.north}}, options));
}

// What one has heard while another was away is not told again when it may have forgotten it.
TEST_F(DecideTest, WhoWasToldMeanwhileMayForget) {
  world_.north.leave_at_next("commit");
  const auto transaction = world_.coordinator->begin(DecidingWorld::move(30));
  ASSERT_TRUE(transaction);
  while (world_.south.sum("bob") == 0) std::this_thread::yield();
  for (int i = 0; i < 1100; ++i) {
    EXPECT_EQ(decide({{"south", "bob +1"}}), Decision::committed);
  }
  ASSERT_TRUE(world_.north.open().ok());
  EXPECT_EQ(*world_.coordinator->wait(*transaction), Decision::committed);
  EXPECT_EQ(sums(), Sums(70, 1130));
}

TEST_F(DecideTest, OneThatThrowsKeepsNobodyElseLocked) {
  world_.north.throw_at_next("commit");
  EXPECT_EQ(decide(DecidingWorld::move(30)), Decision::committed);
  EXPECT_EQ(sums(), Sums(70, 30));
}

TEST_F(DecideTest, ADecisionToCommitCannotBeDropped) {
  Intents& intents = world_.coordinator->intents();
  world_.north.leave_at_next("commit");
  const auto transaction = world_.coordinator->begin(DecidingWorld::move(30));
  ASSERT_TRUE(transaction);
  while (world_.south.sum("bob") == 0) std::this_thread::yield();
  const IntentId id = intents.unfinished().at(0)->id;
  EXPECT_TRUE(intents.park(id, "north is gone").ok());
  EXPECT_EQ(*world_.coordinator->wait(*transaction), Decision::committed);
  EXPECT_EQ(intents.drop(id, "enough").code(), Code::invalid_argument);
  ASSERT_TRUE(world_.north.open().ok());
  EXPECT_TRUE(intents.retry(id).ok());
  EXPECT_EQ(*world_.coordinator->wait(*transaction), Decision::committed);
  EXPECT_EQ(sums(), Sums(70, 30));
}

TEST_F(DecideTest, ACopyOfACoordinatorGivesOtherNamesAndKnowsWhatItDoesNot) {
  auto& coordinators = world_.coordinators.disk;
  EXPECT_EQ(decide(DecidingWorld::move(1)), Decision::committed);
  DecidingWorld copy;
  for (const auto& file : coordinators.list_files()) {
    const auto bytes = coordinators.read_file(file);
    ASSERT_TRUE(bytes);
    ASSERT_TRUE(
        copy.coordinators.disk.write_file(file, ByteView(std::span<const std::byte>(*bytes))).ok());
  }
  const auto later = world_.coordinator->begin(DecidingWorld::move(1));
  ASSERT_TRUE(later);
  EXPECT_EQ(*world_.coordinator->wait(*later), Decision::committed);
  ASSERT_TRUE(copy.open().ok());
  EXPECT_TRUE(copy.north.log().update("alice +100"));
  EXPECT_EQ(copy.coordinator->decision(*later).error().code(), Code::invalid_argument);
  const auto other = copy.coordinator->begin(DecidingWorld::move(1));
  ASSERT_TRUE(other);
  EXPECT_NE(*other, *later);
  EXPECT_EQ(copy.coordinator->decision(*later).error().code(), Code::invalid_argument);
}

TEST_F(DecideTest, OneThatIsClosedSaysNothingOfDecisions) {
  const auto transaction = world_.coordinator->begin(DecidingWorld::move(1));
  ASSERT_TRUE(transaction);
  EXPECT_TRUE(world_.coordinator->close().ok());
  EXPECT_EQ(world_.coordinator->decision(*transaction).error().code(), Code::cancelled);
}

// A commit that its participant cannot apply is not called done when it is told again.
TEST_F(DecideTest, ACommitThatCannotBeAppliedIsNotDone) {
  auto& north = world_.north.log();
  EXPECT_TRUE(north.prepare("t", "broken +1")->yes);
  EXPECT_FALSE(north.commit("t", "").ok());
  EXPECT_FALSE(north.commit("t", "").ok());
  EXPECT_FALSE(north.health().ok());
  EXPECT_FALSE(north.checkpoint());
}

TEST_F(DecideTest, WhatMakesNoSenseIsRefused) {
  Coordinator& coordinator = *world_.coordinator;
  EXPECT_EQ(coordinator.begin({}).error().code(), Code::invalid_argument);
  EXPECT_EQ(coordinator.begin({{"east", "x"}}).error().code(), Code::invalid_argument);
  EXPECT_EQ(coordinator.begin({{"north", "a +1"}, {"north", "a +1"}}).error().code(),
            Code::invalid_argument);
  EXPECT_EQ(coordinator.wait("what?").error().code(), Code::not_found);
}

TEST_F(DecideTest, TheSameKeyIsOneTransaction) {
  const auto first = world_.coordinator->begin(DecidingWorld::move(10), "payment 1");
  const auto again = world_.coordinator->begin(DecidingWorld::move(10), "payment 1");
  ASSERT_TRUE(first && again);
  EXPECT_EQ(*first, *again);
  EXPECT_EQ(*world_.coordinator->wait(*first), Decision::committed);
  EXPECT_EQ(sums(), Sums(90, 10));
}

}  // namespace
}  // namespace forelog
