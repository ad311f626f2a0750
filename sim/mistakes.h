// The names of the deliberate faults of base/simulation.h.
#pragma once

#include "base/simulation.h"

namespace forelog::sim {

struct NamedMistake {
  base::Mistake mistake;
  const char* name;
};

#define FORELOG_MISTAKE(name) \
  { base::Mistake::name, #name }
inline constexpr NamedMistake kMistakes[] = {
    FORELOG_MISTAKE(skip_sync),
    FORELOG_MISTAKE(acknowledge_before_sync),
    FORELOG_MISTAKE(skip_rotation_sync),
    FORELOG_MISTAKE(skip_birth_directory_sync),
    FORELOG_MISTAKE(skip_open_directory_sync),
    FORELOG_MISTAKE(go_on_after_failed_sync),
    FORELOG_MISTAKE(trust_cached_tail),
    FORELOG_MISTAKE(cut_at_rot),
    FORELOG_MISTAKE(call_torn_rot),
    FORELOG_MISTAKE(pass_over_empty_damage),
    FORELOG_MISTAKE(unbound_checksums),
    FORELOG_MISTAKE(write_over_torn_tail),
    FORELOG_MISTAKE(trim_without_mark),
    FORELOG_MISTAKE(show_unsynced),
    FORELOG_MISTAKE(forget_to_wake),
    FORELOG_MISTAKE(lose_call_to_lead),
};
#undef FORELOG_MISTAKE

}  // namespace forelog::sim
