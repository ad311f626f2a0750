#include "base/simulation.h"

namespace forelog::base {

#ifdef FORELOG_SIMULATED
Scheduler* simulated_scheduler = nullptr;
Mistake simulated_mistake = Mistake::none;
#endif

}  // namespace forelog::base
