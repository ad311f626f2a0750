#include "sim/model.h"

#include <algorithm>
#include <charconv>
#include <set>

namespace forelog::sim {

namespace {

std::string text(Lsn lsn) { return std::to_string(lsn.value); }

}  // namespace

void Model::check(bool promise, const std::string& what) const {
  if (!promise) fail_(what);
}

// ── Appending ────────────────────────────────────────────────────────────────

std::vector<Model::Payload> Model::begin_append(std::size_t records, std::size_t bytes) {
  std::vector<Payload> payloads;
  const std::uint64_t first = next_id_;
  for (std::size_t i = 0; i < records; ++i) {
    const std::uint64_t id = next_id_++;
    std::string payload = std::to_string(id) + ".";
    // Not one repeated byte, so that a piece of it in another place shows.
    for (std::uint64_t word = id; payload.size() < bytes; word = word * 6364136223846793005u + 1) {
      payload += static_cast<char>(word >> 56);
    }
    attempts_[id] = {payload, first, first + records - 1, last_, Lsn(), false};
    payloads.push_back({id, std::move(payload)});
  }
  return payloads;
}

void Model::end_append(std::uint64_t first_id, std::size_t records, Lsn first) {
  for (std::size_t i = 0; i < records; ++i) {
    Attempt& attempt = attempts_.at(first_id + i);
    const Lsn lsn(first.value + i);
    check(lsn > attempt.after, "LSN " + text(lsn) + " was given to an append that began after " +
                                   text(attempt.after) + " had been given out");
    attempt.lsn = lsn;
    last_ = std::max(last_, lsn);
  }
}

void Model::refuse_append(std::uint64_t first_id, std::size_t records) {
  for (std::size_t i = 0; i < records; ++i) attempts_.at(first_id + i).gone = true;
}

void Model::acknowledge(Lsn last) {
  acknowledged_ = std::max(acknowledged_, last);
  acknowledge_written(last);
}

void Model::acknowledge_written(Lsn last) { written_ = std::max(written_, last); }

// ── Trimming ─────────────────────────────────────────────────────────────────

void Model::begin_keep_from(Lsn first) { keep_from_ = std::max(keep_from_, first); }

void Model::end_keep_from(Lsn first_lsn) { first_floor_ = std::max(first_floor_, first_lsn); }

void Model::begin_keep_through(Lsn last) { truncating_ = last; }

void Model::end_keep_through(Lsn last) {
  for (auto& [id, attempt] : attempts_) {
    if (attempt.lsn > last) attempt.gone = true;
    if (attempt.batch_first != attempt.batch_last && attempt.lsn <= last) {
      // A batch may be cut by its user.
      attempt.batch_first = attempt.batch_last = id;
    }
  }
  truncating_.reset();
  last_ = acknowledged_ = written_ = last;
  keep_from_ = std::min(keep_from_, last.next());
}

// ── Reading ──────────────────────────────────────────────────────────────────

std::uint64_t Model::id_of(Lsn lsn, std::string_view payload) const {
  std::uint64_t id = 0;
  std::from_chars(payload.data(), payload.data() + payload.size(), id);
  const auto found = attempts_.find(id);
  check(found != attempts_.end() && found->second.payload == payload,
        "LSN " + text(lsn) + " holds bytes that nobody appended");
  return id;
}

void Model::check_record(Lsn lsn, std::string_view payload) const {
  const Attempt& attempt = attempts_.at(id_of(lsn, payload));
  check(!attempt.gone, "LSN " + text(lsn) + " is a record of an earlier life that was lost");
  check(attempt.lsn == Lsn() || attempt.lsn == lsn,
        "LSN " + text(lsn) + " holds the record of LSN " + text(attempt.lsn));
  check(lsn > attempt.after, "LSN " + text(lsn) + " holds a record that was appended after LSN " +
                                 text(attempt.after) + " had been given out");
}

void Model::recover(const std::vector<std::pair<Lsn, std::string>>& records, Lsn first, Lsn last,
                    bool power_cut) {
  check(first <= keep_from_,
        "records from " + text(keep_from_) + " on were to be kept, the first is " + text(first));
  check(first >= first_floor_, "trimmed records came back: the first is " + text(first) +
                                   " and was " + text(first_floor_));
  const Lsn must = power_cut ? acknowledged_ : written_;
  check(last >= must || last == truncating_,
        "acknowledged up to " + text(must) + ", recovered up to " + text(last));

  std::set<std::uint64_t> there;
  Lsn next = first;
  for (const auto& [lsn, payload] : records) {
    check(lsn == next, "LSN " + text(next) + " is missing, " + text(lsn) + " is there");
    next = next.next();
    check_record(lsn, payload);
    const std::uint64_t id = id_of(lsn, payload);
    check(there.insert(id).second, "LSN " + text(lsn) + " doubles an earlier record");
    attempts_.at(id).lsn = lsn;
  }
  check(next == last.next(), "LSN " + text(next) + " cannot be read, the last is " + text(last));

  const bool truncated = truncating_ && last == truncating_;
  for (auto& [id, attempt] : attempts_) {
    const bool here = there.contains(id);
    if (here && !truncated) {
      check(there.contains(attempt.batch_first) && there.contains(attempt.batch_last),
            "the batch around LSN " + text(attempt.lsn) + " is not whole");
    }
    if (!here) attempt.gone = true;
    if (here && truncated) attempt.batch_first = attempt.batch_last = id;
  }
  truncating_.reset();
  last_ = acknowledged_ = written_ = last;
  keep_from_ = std::min(keep_from_, last.next());
  first_floor_ = first;
}

}  // namespace forelog::sim
