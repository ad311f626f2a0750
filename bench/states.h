// What is measured of states that survive besides their rates (state_workloads.h): how long updates
// wait while a checkpoint is made, and how long it takes to bring a state back.
//
// Threading: main thread.
#pragma once

#include <vector>

#include "growth.h"

namespace forelog::bench {

// states-pause, states-reopen and states-pairs, in the order in which they run. GrowthScale::measured is
// not looked at.
std::vector<Growth> all_states();

// Parts of it, in files of their own.
Growth
pause_of_states();  // {"name","title","bytes","contestants":[{"name","role","quiet","during", …}]}
Growth reopen_of_states();  // As growth.h says.
Growth pairs_of_states();   // {"name","title","pairs","steps":[{"name","milliseconds", …}]}

}  // namespace forelog::bench
