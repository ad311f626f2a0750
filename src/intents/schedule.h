// Schedule: which intent is to be worked on next: the first in order of id that is due, whose kind has
// room. Pure bookkeeping; the runner asks it with its lock held.
//
// Invariant: an intent is in one place at most: ready, waiting for its time, or at work.
// Threading: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "base/simulation.h"
#include "forelog/intent.h"
#include "forelog/intent_handler.h"

namespace forelog::intents {

// How the intents of one kind are run, and which of them are ready.
struct KindOfWork {
  IntentHandler handler;
  HandlerOptions options;
  std::set<std::uint64_t> ready;
  std::size_t at_work = 0;

  bool has_room() const { return options.concurrency == 0 || at_work < options.concurrency; }
};

class Schedule {
 public:
  // Both: not where it is at work already, whose end asks again. `kind` lives as long as this does.
  void put_ready(IntentId id, KindOfWork& kind);
  void put_waiting(IntentId id, KindOfWork& kind, base::SteadyTime due);
  void remove(IntentId id);  // From where it is, but for work.

  struct Work {
    IntentId id;
    KindOfWork* kind;
  };
  // What is due at `now` becomes ready; then the first that may be worked on is at work.
  std::optional<Work> take(base::SteadyTime now);
  void put_back(const Work& work);  // It is at work no more.

  bool at_work(IntentId id) const { return at_work_.contains(id.value); }
  // Of the first one that waits.
  std::optional<base::SteadyTime> next_due() const;

 private:
  struct Place {
    KindOfWork* kind;
    std::optional<base::SteadyTime> due;  // nullopt: ready.
  };

  std::unordered_map<std::uint64_t, Place> places_;
  std::set<std::pair<base::SteadyTime, std::uint64_t>> waiting_;
  std::unordered_set<std::uint64_t> at_work_;
  std::set<KindOfWork*> kinds_;  // Those that have something ready.
};

}  // namespace forelog::intents
