// The names of the deliberate faults of base/simulation.h, and the kind of world (world.h) that each is
// made in.
#pragma once

#include "base/simulation.h"

namespace forelog::sim {

struct NamedMistake {
  const char* kind;
  base::Mistake mistake;
  const char* name;
};

#define FORELOG_MISTAKE(kind, name) \
  { kind, base::Mistake::name, #name }
inline constexpr NamedMistake kMistakes[] = {
    FORELOG_MISTAKE("log", skip_sync),
    FORELOG_MISTAKE("log", acknowledge_before_sync),
    FORELOG_MISTAKE("log", skip_rotation_sync),
    FORELOG_MISTAKE("log", skip_birth_directory_sync),
    FORELOG_MISTAKE("log", skip_open_directory_sync),
    FORELOG_MISTAKE("log", go_on_after_failed_sync),
    FORELOG_MISTAKE("log", trust_cached_tail),
    FORELOG_MISTAKE("log", cut_at_rot),
    FORELOG_MISTAKE("log", call_torn_rot),
    FORELOG_MISTAKE("log", pass_over_empty_damage),
    FORELOG_MISTAKE("log", unbound_checksums),
    FORELOG_MISTAKE("log", write_over_torn_tail),
    FORELOG_MISTAKE("log", trim_without_mark),
    FORELOG_MISTAKE("log", show_unsynced),
    FORELOG_MISTAKE("log", forget_to_wake),
    FORELOG_MISTAKE("log", lose_call_to_lead),
    FORELOG_MISTAKE("state", apply_before_durable),
    FORELOG_MISTAKE("state", apply_out_of_order),
    FORELOG_MISTAKE("state", apply_past_failure),
    FORELOG_MISTAKE("state", forget_abandoned),
    FORELOG_MISTAKE("state", strand_behind_abandoned),
    FORELOG_MISTAKE("state", snapshot_before_sync),
    FORELOG_MISTAKE("state", snapshot_of_later_lsn),
    FORELOG_MISTAKE("state", publish_before_sync),
    FORELOG_MISTAKE("state", skip_snapshot_directory_sync),
    FORELOG_MISTAKE("state", trim_before_publish),
    FORELOG_MISTAKE("state", trim_too_far),
    FORELOG_MISTAKE("state", trust_damaged_snapshot),
    FORELOG_MISTAKE("kv", show_later_writes),
    FORELOG_MISTAKE("kv", drop_viewed),
    FORELOG_MISTAKE("kv", split_batch),
    FORELOG_MISTAKE("kv", require_unseen),
    FORELOG_MISTAKE("kv", turn_clock_back),
    FORELOG_MISTAKE("intents", run_before_begun),
    FORELOG_MISTAKE("intents", key_by_attempt),
    FORELOG_MISTAKE("intents", skip_in_doubt),
    FORELOG_MISTAKE("decide", decide_before_prepared),
    FORELOG_MISTAKE("decide", forget_prepared),
};
#undef FORELOG_MISTAKE

}  // namespace forelog::sim
