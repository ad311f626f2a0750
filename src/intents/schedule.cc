#include "intents/schedule.h"

#include <utility>

namespace forelog::intents {

void Schedule::put_ready(IntentId id, KindOfWork& kind) {
  if (at_work(id)) return;
  remove(id);
  places_[id.value] = {&kind, std::nullopt};
  kind.ready.insert(id.value);
  kinds_.insert(&kind);
}

void Schedule::put_waiting(IntentId id, KindOfWork& kind, base::SteadyTime due) {
  if (at_work(id)) return;
  remove(id);
  places_[id.value] = {&kind, due};
  waiting_.emplace(due, id.value);
}

void Schedule::remove(IntentId id) {
  const auto place = places_.find(id.value);
  if (place == places_.end()) return;
  if (place->second.due) {
    waiting_.erase({*place->second.due, id.value});
  } else {
    place->second.kind->ready.erase(id.value);
    if (place->second.kind->ready.empty()) kinds_.erase(place->second.kind);
  }
  places_.erase(place);
}

std::optional<Schedule::Work> Schedule::take(base::SteadyTime now) {
  while (!waiting_.empty() && waiting_.begin()->first <= now) {
    const std::uint64_t id = waiting_.begin()->second;
    put_ready(IntentId(id), *places_.at(id).kind);
  }
  KindOfWork* first = nullptr;
  for (KindOfWork* const kind : kinds_) {
    if (!kind->has_room()) continue;
    if (first == nullptr || *kind->ready.begin() < *first->ready.begin()) first = kind;
  }
  if (first == nullptr) return std::nullopt;
  const IntentId id(*first->ready.begin());
  at_work_.insert(id.value);
  remove(id);
  ++first->at_work;
  return Work{id, first};
}

void Schedule::put_back(const Work& work) {
  at_work_.erase(work.id.value);
  --work.kind->at_work;
}

std::optional<base::SteadyTime> Schedule::next_due() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.begin()->first;
}

}  // namespace forelog::intents
