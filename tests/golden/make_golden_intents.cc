// Made tests/golden/v1-intents, once. Kept to show how; never run again on that directory.
//   make_golden_intents DIR
#include <cstdio>

#include "forelog/intents.h"
#include "forelog/try.h"

using namespace forelog;

namespace {

// A snapshot, and commands behind it, of every kind. Intent 1 is parked; 2 was completed, 3 was
// aborted, 4 was dropped; the last one is at work.
Status make(const char* dir) {
  IntentsOptions options;
  options.durable.log.segment_bytes = 64 * KiB;
  options.durable.log.preallocate = false;
  options.durable.snapshots.reserve = false;
  options.durable.checkpoints.automatic = false;
  Intents intents = FORELOG_TRY(Intents::open(dir, options));
  const IntentPlan plan = {.kind = "order",
                           .payload = "soup",
                           .steps = {"charge", "cook"},
                           .pivot = 1,
                           .timeout = std::chrono::hours(1),
                           .key = "order 1"};
  const IntentId parked = FORELOG_TRY(intents.begin(plan));
  const IntentId completed = FORELOG_TRY(intents.begin({.kind = "order", .steps = {"charge"}}));
  const IntentId aborted = FORELOG_TRY(intents.begin({.kind = "order", .steps = {"charge"}}));
  const IntentId dropped = FORELOG_TRY(intents.begin({.kind = "order", .steps = {"charge"}}));
  FORELOG_TRY(intents.done(parked, 0, "receipt 17"));
  FORELOG_TRY(intents.done(completed, 0));
  FORELOG_TRY(intents.complete(completed));
  FORELOG_TRY(intents.checkpoint());
  FORELOG_TRY(intents.abort(aborted, "no soup"));
  FORELOG_TRY(intents.compensated(aborted, 0, "refund 17"));
  FORELOG_TRY(intents.park(dropped, "stuck"));
  FORELOG_TRY(intents.retry(dropped));
  FORELOG_TRY(intents.park(dropped, "stuck"));
  FORELOG_TRY(intents.drop(dropped, "enough"));
  FORELOG_TRY(intents.park(parked, "step 1 (cook) failed 10 times: the kitchen is closed"));
  const IntentId running = FORELOG_TRY(intents.begin({.kind = "order", .steps = {"a", "b"}}));
  FORELOG_TRY(intents.done(running, 0));
  FORELOG_TRY(intents.abort(running, "no soup"));
  return intents.close();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const Status status = make(argv[1]);
  if (!status) std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return status ? 0 : 1;
}
